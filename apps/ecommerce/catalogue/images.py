"""Copy product images to our storage, so that shoppers' browsers request nothing from other sites.

Copies are WebP in the widths that pages use: upright, in sRGB, one frame, without metadata.
"""

import hashlib
import logging
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from io import BytesIO
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageCms, ImageOps

from apps.ecommerce.catalogue.image_download import MAX_SECONDS, DownloadError, DownloadTimeout, download
from apps.ecommerce.catalogue.report import Report, describe, printable
from apps.ecommerce.models import Product
from apps.ecommerce.models.pictures import Picture

MAX_PIXELS = 12_000_000  # decoded in at most 200 MB of memory; a small file can need gigabytes
MAX_JPEG_PIXELS = 30_000_000  # JPEG is decoded at half its size or less
# No SVG: it can contain scripts, which would run on our origin.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
# Thumbnail; card on phones with a device pixel ratio of 2 and 3; product page on these phones; desktop.
WIDTHS = (160, 384, 576, 768, 1152, 1440)
QUALITY = 80
MAX_TIMEOUTS = 3  # timeouts of a server in one sync
STATIC_SIZE = (1200, 900)  # the ratio of all pictures on our pages
# Errors of unusable images. Others, and those of our storage, are errors of the shop.
IMAGE_ERRORS = (
    *(DownloadError, OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error),
    *(Image.DecompressionBombError, ImageCms.PyCMSError),
)

logger = logging.getLogger(__name__)


class ImageError(Exception):
    pass


def copy_images(row: Product, old: Mapping[str, Any], report: Report, seconds: float | None = None) -> None:
    """Set `row.copies`, reusing the `old` ones. `seconds` limits the total time of all downloads.

    An image that is unusable or can't be stored is reported. The product is sold without it.
    """
    deadline = monotonic() + seconds if seconds else None
    row.copies = {url: old.get(url) for url in row.images}
    for url in [url for url, copy in row.copies.items() if not copy]:
        left = min(deadline - monotonic(), MAX_SECONDS) if deadline else MAX_SECONDS
        with report.isolate(row, partial(_describe_image, url=url)):
            _set_copy(row, url, left, report)


def _describe_image(row: Product, url: str) -> str:
    return f"{describe(row)}: {printable(url)}"


def _set_copy(row: Product, url: str, seconds: float, report: Report) -> None:
    host = "".join(url.split("/")[2:3])
    try:
        if report.timeouts[host] >= MAX_TIMEOUTS:
            raise ImageError(f"its server timed out {MAX_TIMEOUTS} times")
        row.copies[url] = asdict(copy_image(url, seconds))
    except ImageError as error:
        report.timeouts[host] += isinstance(error.__cause__, DownloadTimeout)
        report.without_image.append(f"{_describe_image(row, url)}: {printable(error)}")
        logger.warning("Image could not be copied: %s", report.without_image[-1])


def copy_image(url: str, seconds: float = MAX_SECONDS) -> Picture:
    """Download an image and store copies of it. Static files of this site are not copied.

    Raise ImageError if the image is unusable or the download takes longer than `seconds`. Other errors are the shop's.
    """
    step = "downloaded"
    try:
        if _is_static_file(url):
            return Picture(urlsplit(url).path, *STATIC_SIZE)
        body = download(url, seconds)
        step = "decoded"
        image = decode(body)
    except IMAGE_ERRORS as error:
        raise ImageError(f"it could not be {step}: {error}") from error
    return store_copies(image, body)


def _is_static_file(url: str) -> bool:
    parts, site = urlsplit(url), urlsplit(settings.SITE_URL)
    is_this_site = bool(parts.hostname) and parts.hostname == site.hostname
    return is_this_site and parts.path.startswith(settings.STATIC_URL)


def decode(body: bytes) -> Image.Image:
    with Image.open(BytesIO(body), formats=FORMATS) as file:
        limit = MAX_JPEG_PIXELS if file.format == "JPEG" else MAX_PIXELS
        if file.width * file.height > limit:
            raise ValueError(f"{file.width} × {file.height} are more than {limit} pixels")
        file.draft(file.mode, (WIDTHS[-1], WIDTHS[-1]))  # decodes a JPEG at a smaller size, at least this one
        file.load()
        ImageOps.exif_transpose(file, in_place=True)
        mode = "RGBA" if file.has_transparency_data else "RGB"
        profile = file.info.get("icc_profile") if file.mode in (mode, "CMYK") else None
        image = file if profile or file.mode == mode else file.convert(mode)
        # Resize before converting colours, so that a large image is in memory only once.
        image = _resize(image, min(image.width, WIDTHS[-1]))
    if profile:
        srgb = ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, BytesIO(profile), srgb, outputMode=mode) or image
    image = image if image.mode == mode else image.convert(mode)
    image.info.clear()
    return image


def store_copies(image: Image.Image, body: bytes) -> Picture:
    # The names contain a digest, so that browsers can cache the copies without limit.
    digest = hashlib.sha256(repr((WIDTHS, QUALITY)).encode() + body).hexdigest()
    widths = [*(width for width in WIDTHS if width < image.width), image.width]
    stored = Picture(f"products/{digest[:32]}", *image.size, widths)
    for name, width in reversed(list(zip(stored.files, widths, strict=True))):
        image = _resize(image, width)
        if not default_storage.exists(name):
            file = BytesIO()
            image.save(file, "WEBP", quality=QUALITY)
            default_storage.save(name, ContentFile(file.getvalue()))
    return stored


def _resize(image: Image.Image, width: int) -> Image.Image:
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
