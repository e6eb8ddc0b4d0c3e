"""Allow a page to load its videos: the Content-Security-Policy names the providers of this page only."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.db.models.fields.files import FieldFile
from django.http import HttpResponse

from apps.ecommerce.content.videos import Video, VideoAddressError, parse_video
from apps.ecommerce.models import Lesson
from apps.ecommerce.purchases.downloads import bucket_link


def lesson_video(lesson: Lesson) -> Video | None:
    """Return the video of the field `video`; None for an address that was not saved by the form."""
    try:
        return parse_video(lesson.video) if lesson.video else None
    except VideoAddressError:
        return None


def allow_videos(response: HttpResponse, videos: Iterable[Video], file: FieldFile | None = None) -> None:
    origins = {"frame-src": {video.origin for video in videos}, "media-src": _bucket_origins(file)}
    update = {name: sorted(hosts) for name, hosts in origins.items() if hosts}
    if update:  # django-csp adds it to the policy of the settings
        response._csp_update = {**getattr(response, "_csp_update", {}), **update}  # type: ignore[attr-defined]


def _bucket_origins(file: FieldFile | None) -> set[str]:
    """Return where videos in a bucket are loaded from. media-src replaces default-src, so it names the shop, too."""
    link = bucket_link(file, "inline") if file else ""
    parts = urlsplit(link)
    return {"'self'", f"{parts.scheme}://{parts.netloc}"} if link else set()
