"""Product images, wherever they are kept."""

import mimetypes
from collections.abc import Iterator
from pathlib import PurePosixPath

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from apps.core.file_slots import RETRY_AFTER_SECONDS, HeldChunks, take_slot

YEAR = 365 * 24 * 3600
MAX_BYTES_AT_ONCE = 1_000_000  # the server buffers so much, so a slow client holds no thread

# Everything else may bring script along (SVG, HTML): it is handed out as a file to keep, and runs nowhere.
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # a drawing may have its own style


@require_safe
def media(request: HttpRequest, name: str) -> HttpResponseBase:
    """A file of the default storage. Names come from contents, so it may be kept for ever."""
    try:
        file = default_storage.open(name)
    except OSError:  # none, a folder, a name too long for one
        raise Http404("There is no such file.") from None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response = _sent(request, file, kind)
    if response.status_code == 503:
        return response
    response["Content-Length"] = str(file.size)
    shown_as = content_disposition_header(kind not in PICTURES, PurePosixPath(name).name)
    response["Content-Disposition"] = shown_as or "attachment"
    response["Content-Security-Policy"] = INERT
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # a CDN may serve it (MEDIA_URL)
    patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    return response


def _sent(request: HttpRequest, file: File, kind: str) -> HttpResponseBase:
    """Send a small file at once, and a large one in chunks. Those hold a thread, so their number is limited."""
    if request.method == "HEAD" or file.size <= MAX_BYTES_AT_ONCE:
        with file:
            return HttpResponse(b"" if request.method == "HEAD" else file.read(), content_type=kind)
    slot = take_slot()
    if slot is None:
        file.close()
        return HttpResponse(
            status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
        )
    return StreamingHttpResponse(HeldChunks(_chunks(file), slot), content_type=kind)


def _chunks(file: File) -> Iterator[bytes]:
    with file:
        yield from file.chunks()
