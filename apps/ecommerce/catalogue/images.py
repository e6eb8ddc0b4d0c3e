"""Copy product images to our storage, so that a shopper's browser requests nothing from other sites.

Copies are WebP in the widths that pages use: upright, in sRGB, one frame, without metadata.
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
# No SVG from other sites: opened by its URL, it could run scripts on our origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
# Thumbnail; card on phones with device pixel ratio 2 and 3; product page on these; desktops.
WIDTHS = (160, 384, 576, 768, 1152, 1440)
QUALITY = 80
STATIC_SIZE = (1200, 900)  # our pages show all pictures as 4 : 3


class ImageError(Exception):
    """The image can't be copied. The message says why."""


def copy_image(url: str, seconds: float = MAX_SECONDS) -> Picture:
    """Download an image and store copies of it. A static file of this site is not copied.

    Raise ImageError if the image is unusable or the download takes longer than `seconds`.
    """
    try:
        if _is_static_file(url):
            return Picture(urlsplit(url).path, *STATIC_SIZE)
        body = download(url, seconds)
    except (DownloadError, ValueError) as error:  # ValueError: invalid URL
        raise ImageError(f"it could not be downloaded: {error}") from error
    try:
        picture = _decode(body)
    except Exception as error:  # decoders raise errors of many types
        raise ImageError(f"it could not be decoded: {error}") from error
    try:
        return _store(picture, body)
    except Exception as error:  # encoders and storages, too
        raise ImageError(f"it could not be stored: {error}") from error


def _is_static_file(url: str) -> bool:
    """Return whether the URL is that of a static file of this site, at any port."""
    parts, site = urlsplit(url), urlsplit(settings.SITE_URL)
    is_this_site = bool(parts.hostname) and parts.hostname == site.hostname
    return is_this_site and parts.path.startswith(settings.STATIC_URL)


def _decode(body: bytes) -> Image.Image:
    """Decode an image upright, in sRGB, with transparency, and no wider than pages need."""
    with Image.open(BytesIO(body), formats=FORMATS) as file:
        limit = MAX_JPEG_PIXELS if file.format == "JPEG" else MAX_PIXELS
        if file.width * file.height > limit:
            raise ValueError(f"{file.width} × {file.height} are more than {limit} pixels")
        file.draft(
            file.mode, (WIDTHS[-1], WIDTHS[-1])
        )  # JPEG only: decode at a fraction of its size, not below this
        file.load()
        ImageOps.exif_transpose(file, in_place=True)
        mode = "RGBA" if file.has_transparency_data else "RGB"
        profile = file.info.get("icc_profile") if file.mode in (mode, "CMYK") else None
        picture = file if profile or file.mode == mode else file.convert(mode)
        # Resize before converting colours, so that a large image is in memory only once.
        picture = _resize(picture, min(picture.width, WIDTHS[-1]))
    if profile:
        srgb = ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, BytesIO(profile), srgb, outputMode=mode) or picture
    picture = picture if picture.mode == mode else picture.convert(mode)
    picture.info.clear()
    return picture


def _store(picture: Image.Image, body: bytes) -> Picture:
    """Store missing copies. Browsers can cache them without limit, because their names contain a digest."""
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
