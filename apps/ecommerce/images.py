"""Product images: fetched from Stripe once and served by us, so that a shopper's browser asks nobody else."""

import hashlib
import logging
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

logger = logging.getLogger(__name__)

MAX_BYTES = 5_000_000
TIMEOUT_SECONDS = 10
# No SVG from elsewhere: opened by its address it could run scripts on our origin.
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
}


def local_copy(url: str) -> str:
    """The address on this site of an image's copy, fetched now. An image that is ours already stays where it is.

    Returns "" (the store draws its own art) when the image can't be had; a product is sold without one.
    """
    if _is_ours(url):
        return urlsplit(url).path
    try:
        with requests.get(url, timeout=TIMEOUT_SECONDS, stream=True) as response:
            response.raise_for_status()
            suffix = SUFFIXES.get(response.headers.get("Content-Type", "").split(";")[0].strip())
            body = response.raw.read(MAX_BYTES + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        logger.warning("The image %s could not be fetched: %s", url, error)
        return ""
    if not suffix or len(body) > MAX_BYTES:
        logger.warning("The image %s is not a picture of at most %d bytes.", url, MAX_BYTES)
        return ""
    name = f"products/{hashlib.sha256(body).hexdigest()[:32]}{suffix}"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(body))
    return default_storage.url(name)


def _is_ours(url: str) -> bool:
    """One of our own static files, at whatever port this site was when the address was written down."""
    here, site = urlsplit(url), urlsplit(settings.SITE_URL)
    return here.hostname == site.hostname and here.path.startswith(settings.STATIC_URL)
