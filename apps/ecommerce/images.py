"""Product images: fetched from Stripe once and served by us, so that a shopper's browser asks nobody else.

What is kept of an image is WebP in the widths that our pages show: upright, in the colours of the web, the first
frame of an animation, and nothing of what a camera writes beside it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from io import BytesIO
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageCms, ImageOps

from apps.web.stylesheet import source

from .pictures import Picture

logger = logging.getLogger(__name__)

MAX_BYTES = 5_000_000
MAX_PIXELS = 30_000_000  # 5 MB can unpack to gigabytes
TIMEOUT_SECONDS = 10
# No SVG from elsewhere: opened by its address it could run scripts on our origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
# A thumbnail; a card on a phone's two and three, the product page on its two and three; that page on a fine screen.
WIDTHS = (160, 384, 576, 768, 1152, 1440)
QUALITY = 80
UNKNOWN_SIZE = (1200, 900)  # every place on our pages is 4 : 3


def local_copy(url: str) -> Picture | None:
    """The picture on this site, fetched and made now. An image that is ours already stays where and as it is.

    Returns None (the store draws its own art) when the image can't be had; a product is sold without one.
    """
    if _is_ours(url):
        path = urlsplit(url).path
        return Picture(path, *_size_of(path.removeprefix(settings.STATIC_URL)))
    try:
        with requests.get(url, timeout=TIMEOUT_SECONDS, stream=True) as response:
            response.raise_for_status()
            body = response.raw.read(MAX_BYTES + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        logger.warning("The image %s could not be fetched: %s", url, error)
        return None
    if len(body) > MAX_BYTES:
        logger.warning("The image %s has more than %d bytes.", url, MAX_BYTES)
        return None
    try:
        return _made_from(body)
    except Exception as error:  # decoders raise what they like
        logger.warning("The image %s is no picture that can be shown: %s", url, error)
        return None


def _made_from(body: bytes) -> Picture:
    """Writes the copies that are not there yet. Raises whatever a decoder raises."""
    picture = _decoded(body)
    recipe = repr((WIDTHS, QUALITY)).encode()  # another recipe, other names: browsers keep a file for ever
    address = f"products/{hashlib.sha256(recipe + body).hexdigest()[:32]}"
    largest = min(picture.width, WIDTHS[-1])
    widths = [*(width for width in WIDTHS if width < largest), largest]
    made = Picture(address, largest, _height(picture, largest), widths)
    for name, width in reversed(list(zip(made.files, widths, strict=True))):
        picture = picture.resize((width, _height(picture, width)), Image.Resampling.LANCZOS)
        if not default_storage.exists(name):
            file = BytesIO()
            picture.save(file, "WEBP", quality=QUALITY)
            default_storage.save(name, ContentFile(file.getvalue()))
    return made


def _decoded(body: bytes) -> Image.Image:
    """Upright and in sRGB, with its transparency. Nothing is unpacked before its size is known."""
    with Image.open(BytesIO(body), formats=FORMATS) as file:
        if file.width * file.height > MAX_PIXELS:
            raise ValueError(f"{file.width} × {file.height} are more than {MAX_PIXELS} pixels")
        upright = ImageOps.exif_transpose(file)
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        if (profile := file.info.get("icc_profile")) and upright.mode in (mode, "CMYK"):
            web = ImageCms.createProfile("sRGB")
            upright = ImageCms.profileToProfile(upright, BytesIO(profile), web, outputMode=mode) or upright
        plain = upright.convert(mode)
    plain.info.clear()
    return plain


def _height(picture: Image.Image, width: int) -> int:
    return max(1, round(picture.height * width / picture.width))


def _is_ours(url: str) -> bool:
    """One of our own static files, at whatever port this site was when the address was written down."""
    here, site = urlsplit(url), urlsplit(settings.SITE_URL)
    return here.hostname == site.hostname and here.path.startswith(settings.STATIC_URL)


def _size_of(name: str) -> tuple[int, int]:
    """Of a static file."""
    try:
        path = source(name)
        if path.suffix != ".svg":
            with Image.open(path) as file:
                return file.size
        box = re.search(r'viewBox="0 0 (\d+) (\d+)"', path.read_text())
        return (int(box[1]), int(box[2])) if box else UNKNOWN_SIZE
    except (OSError, ValueError, SuspiciousFileOperation) as error:
        logger.warning("There is no picture %s: %s", name, error)
        return UNKNOWN_SIZE
