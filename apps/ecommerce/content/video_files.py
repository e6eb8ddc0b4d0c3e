"""Check uploaded videos: browsers play MP4 and WebM."""

from __future__ import annotations

from pathlib import PurePosixPath

from django.core.exceptions import ValidationError
from django.core.files import File
from django.utils.translation import gettext as _

from apps.ecommerce.purchases.downloads import VIDEO_TYPES

# https://www.rfc-editor.org/rfc/rfc8794#section-11.2.1 and ISO/IEC 14496-12, 4.3
SIGNATURES = {"video/mp4": (4, b"ftyp"), "video/webm": (0, b"\x1a\x45\xdf\xa3")}


def validate_video_file(file: File) -> None:
    """Raise ValidationError unless the name and the first bytes are those of an MP4 or WebM file."""
    content_type = VIDEO_TYPES.get(PurePosixPath(str(file.name)).suffix.lower())
    if not content_type:
        raise ValidationError(
            _(
                "“%(name)s” is not an MP4 or WebM file. Convert it, or upload it to a provider and enter its address."
            ),
            params={"name": file.name},
        )
    start, signature = SIGNATURES[content_type]
    file.seek(0)
    beginning = file.read(start + len(signature))
    file.seek(0)
    if beginning[start:] != signature:
        raise ValidationError(
            _("“%(name)s” has the name of a video, but its content is something else."),
            params={"name": file.name},
        )
