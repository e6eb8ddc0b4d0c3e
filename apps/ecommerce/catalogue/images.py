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

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageCms, ImageOps

from apps.core.stylesheet import find_source
from apps.ecommerce.catalogue.image_download import MAX_SECONDS, DownloadError, download
from apps.ecommerce.models.pictures import Picture

logger = logging.getLogger(__name__)

MAX_PIXELS = 12_000_000  # a few kilobytes can unpack to gigabytes; these take 200 MB at worst
MAX_JPEG_PIXELS = 30_000_000  # decoded at a half or less of its size, so a large photo takes no more
# No SVG from elsewhere: opened by its address it could run scripts on our origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
# A thumbnail; a card on a phone's two and three, the product page on its two and three; that page on a fine screen.
WIDTHS = (160, 384, 576, 768, 1152, 1440)
QUALITY = 80
UNKNOWN_SIZE = (1200, 900)  # every place on our pages is 4 : 3


class ImageError(Exception):
    """The image can't be had; the message says why. A product is sold without one: the store draws its own art."""


def local_copy(url: str, seconds: float = MAX_SECONDS) -> Picture:
    """The picture on this site, fetched and made now. An image that is ours already stays where and as it is.

    Raises ImageError, and nothing else, when the image can't be had or the download takes longer than `seconds`.
    """
    try:
        if _is_ours(url):
            path = urlsplit(url).path
            return Picture(path, *_size_of(path.removeprefix(settings.STATIC_URL)))
        body = download(url, seconds)
    except (DownloadError, ValueError) as error:  # ValueError: this is no URL
        raise ImageError(f"it could not be downloaded: {error}") from error
    try:
        picture = _decoded(body)
    except Exception as error:  # decoders raise what they like
        raise ImageError(f"it is no image that can be shown: {error}") from error
    try:
        return _stored(picture, body)
    except Exception as error:  # so do encoders and storages
        raise ImageError(f"it could not be stored: {error}") from error


def _stored(picture: Image.Image, body: bytes) -> Picture:
    """Writes the copies that are not there yet. Raises whatever an encoder or a storage raises."""
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
    """Upright, in sRGB, with its transparency, no wider than pages need. Its size is known before it is unpacked."""
    with Image.open(BytesIO(body), formats=FORMATS) as file:
        limit = MAX_JPEG_PIXELS if file.format == "JPEG" else MAX_PIXELS
        if file.width * file.height > limit:
            raise ValueError(f"{file.width} × {file.height} are more than {limit} pixels")
        file.draft(file.mode, (WIDTHS[-1], WIDTHS[-1]))  # a JPEG only, and never smaller than this
        file.load()
        ImageOps.exif_transpose(file, in_place=True)
        mode = "RGBA" if file.has_transparency_data else "RGB"
        profile = file.info.get("icc_profile") if file.mode in (mode, "CMYK") else None
        picture = _narrowed(file if profile or file.mode == mode else file.convert(mode))
    if profile:
        web = ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, BytesIO(profile), web, outputMode=mode) or picture
    picture = picture if picture.mode == mode else picture.convert(mode)
    picture.info.clear()
    return picture


def _narrowed(picture: Image.Image) -> Image.Image:
    """Before its colours are computed, so that a large image is in memory once and not three times."""
    width = WIDTHS[-1]
    if picture.width <= width:
        return picture
    return picture.resize((width, _height(picture, width)), Image.Resampling.LANCZOS, reducing_gap=3)


def _height(picture: Image.Image, width: int) -> int:
    return max(1, round(picture.height * width / picture.width))


def _is_ours(url: str) -> bool:
    """One of our own static files, at whatever port this site was when the address was written down."""
    here, site = urlsplit(url), urlsplit(settings.SITE_URL)
    return (
        bool(here.hostname) and here.hostname == site.hostname and here.path.startswith(settings.STATIC_URL)
    )


def _size_of(name: str) -> tuple[int, int]:
    """Of a static file."""
    try:
        path = find_source(name)
        if path.suffix != ".svg":
            with Image.open(path) as file:
                return file.size
        box = re.search(r'viewBox="0 0 (\d+) (\d+)"', path.read_text())
        return (int(box[1]), int(box[2])) if box else UNKNOWN_SIZE
    except (OSError, ValueError, SuspiciousFileOperation) as error:
        logger.warning("There is no picture %s: %s", name, error)
        return UNKNOWN_SIZE
