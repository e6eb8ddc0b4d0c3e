import mimetypes
from collections.abc import Generator
from pathlib import PurePosixPath

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from apps.core.file_slots import RETRY_AFTER_SECONDS, acquire_slot

YEAR_SECONDS = 365 * 24 * 3600
MAX_BUFFERED_BYTES = 1_000_000  # the server buffers them, so that a slow client does not occupy a thread
# Browsers download other types: SVG and HTML may contain scripts.
INLINE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@require_safe
def media(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a file of the default storage. Caches may store it: its name contains a hash of its content."""
    try:
        file = default_storage.open(name)
    except OSError:  # no such file, a folder, or a name that is too long
        raise Http404("There is no such file.") from None
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    disposition = content_disposition_header(content_type not in INLINE_TYPES, PurePosixPath(name).name)
    response: HttpResponseBase
    if request.method == "HEAD" or file.size <= MAX_BUFFERED_BYTES:
        with file:
            content = b"" if request.method == "HEAD" else file.read()
        response = HttpResponse(content, content_type=content_type)
    elif chunks := acquire_slot(_read(file)):
        response = StreamingHttpResponse(chunks, content_type=content_type)
    else:
        file.close()
        headers = {"Retry-After": RETRY_AFTER_SECONDS, "Cache-Control": "no-store"}
        return HttpResponse(status=503, headers=headers)
    response.headers["Content-Length"] = str(file.size)
    response.headers["Content-Disposition"] = disposition or "attachment"
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # a CDN may serve it (MEDIA_URL)
    patch_cache_control(response, public=True, max_age=YEAR_SECONDS, immutable=True)
    return response


def _read(file: File) -> Generator[bytes]:
    with file:
        yield from file.chunks()
