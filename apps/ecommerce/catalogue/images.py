"""Copy product images to our storage, so that a shopper's browser requests nothing from other sites.

A copy is WebP in the widths that pages show: upright, in sRGB, one frame, and without metadata.
"""

import hashlib
from io import BytesIO
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageCms, ImageOps

from apps.ecommerce.catalogue.image_download import MAX_SECONDS, DownloadError, download
from apps.ecommerce.models.pictures import Picture

MAX_PIXELS = 12_000_000  # a few kilobytes can decode to gigabytes; these take 200 MB at most
MAX_JPEG_PIXELS = 30_000_000  # decoded at half their size or less
# No SVG of other sites: opened by its URL, it could run scripts on our origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
# A thumbnail; a card on phones with two and three pixels per point; the product page on these; desktops.
WIDTHS = (160, 384, 576, 768, 1152, 1440)
QUALITY = 80
STATIC_SIZE = (1200, 900)  # our pages show all pictures as 4 : 3


class ImageError(Exception):
    """The image can't be copied. The message says why."""


def local_copy(url: str, seconds: float = MAX_SECONDS) -> Picture:
    """Download an image and store copies of it. One of our own static files stays where it is.

    Raise ImageError if there is no usable image, or if the download takes longer than `seconds`.
    """
    try:
        if _is_own_static_file(url):
            return Picture(urlsplit(url).path, *STATIC_SIZE)
        body = download(url, seconds)
    except (DownloadError, ValueError) as error:  # ValueError: this is no URL
        raise ImageError(f"it could not be downloaded: {error}") from error
    try:
        picture = _decode(body)
    except Exception as error:  # decoders raise errors of many types
        raise ImageError(f"it is no image that can be shown: {error}") from error
    try:
        return _store(picture, body)
    except Exception as error:  # and so do encoders and storages
        raise ImageError(f"it could not be stored: {error}") from error


def _is_own_static_file(url: str) -> bool:
    """Return whether the URL names one of our static files, at any port."""
    parts, site = urlsplit(url), urlsplit(settings.SITE_URL)
    is_ours = bool(parts.hostname) and parts.hostname == site.hostname
    return is_ours and parts.path.startswith(settings.STATIC_URL)


def _decode(body: bytes) -> Image.Image:
    """Decode an image upright, in sRGB, with transparency, and no wider than pages need."""
    with Image.open(BytesIO(body), formats=FORMATS) as file:
        limit = MAX_JPEG_PIXELS if file.format == "JPEG" else MAX_PIXELS
        if file.width * file.height > limit:
            raise ValueError(f"{file.width} × {file.height} are more than {limit} pixels")
        file.draft(file.mode, (WIDTHS[-1], WIDTHS[-1]))  # affects only JPEG, and never decodes it smaller
        file.load()
        ImageOps.exif_transpose(file, in_place=True)
        mode = "RGBA" if file.has_transparency_data else "RGB"
        profile = file.info.get("icc_profile") if file.mode in (mode, "CMYK") else None
        picture = file if profile or file.mode == mode else file.convert(mode)
        # Before the colours are converted, so that a large image is in memory only once.
        picture = _resize(picture, min(picture.width, WIDTHS[-1]))
    if profile:
        srgb = ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, BytesIO(profile), srgb, outputMode=mode) or picture
    picture = picture if picture.mode == mode else picture.convert(mode)
    picture.info.clear()
    return picture


def _store(picture: Image.Image, body: bytes) -> Picture:
    """Store the copies that are missing. Their names contain a digest, so that browsers keep them for ever."""
    digest = hashlib.sha256(repr((WIDTHS, QUALITY)).encode() + body).hexdigest()
    widths = [*(width for width in WIDTHS if width < picture.width), picture.width]
    stored = Picture(f"products/{digest[:32]}", *picture.size, widths)
    for name, width in reversed(list(zip(stored.files, widths, strict=True))):
        picture = _resize(picture, width)
        if not default_storage.exists(name):
            file = BytesIO()
            picture.save(file, "WEBP", quality=QUALITY)
            default_storage.save(name, ContentFile(file.getvalue()))
    return stored


def _resize(picture: Image.Image, width: int) -> Image.Image:
    height = max(1, round(picture.height * width / picture.width))
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
