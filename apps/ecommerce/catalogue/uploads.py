"""Make the copies of images that a founder uploads in the product editor."""

from dataclasses import asdict
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from apps.ecommerce.catalogue.images import (
    FORMATS,
    MAX_JPEG_PIXELS,
    MAX_PIXELS,
    STATIC_SIZE,
    decode,
    store_copies,
)

MAX_UPLOAD_BYTES = 20_000_000
MEGA = 1_000_000
MIN_SIDE = 100


class UploadError(ValueError):
    """The message is for the founder."""


def store_upload(file: UploadedFile) -> dict[str, Any]:
    """Crop the image to the ratio of all pictures, store its copies, and return its Picture as a dictionary."""
    if (file.size or 0) > MAX_UPLOAD_BYTES:
        raise UploadError(
            _("The file is larger than %(n)d MB. Make it smaller.") % {"n": MAX_UPLOAD_BYTES // MEGA}
        )
    body = file.read()
    try:
        image = decode(body)
    except Exception as error:  # decoders raise errors of many types
        formats = ", ".join(FORMATS)
        text = _(
            "This file can't be used. Choose an image (%(formats)s) of at most %(n)d megapixels, "
            "or a JPEG image of at most %(jpeg)d."
        )
        values = {"formats": formats, "n": MAX_PIXELS // MEGA, "jpeg": MAX_JPEG_PIXELS // MEGA}
        raise UploadError(text % values) from error
    if min(image.size) < MIN_SIDE:
        raise UploadError(_("The image is too small: each side needs %(n)d pixels.") % {"n": MIN_SIDE})
    picture = store_copies(_crop(image), b"cropped" + body)
    return asdict(picture)


def _crop(image: Image.Image) -> Image.Image:
    width, height = STATIC_SIZE
    if image.width * height > image.height * width:
        size = (round(image.height * width / height), image.height)
    else:
        size = (image.width, round(image.width * height / width))
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
