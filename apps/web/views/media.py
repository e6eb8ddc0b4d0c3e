"""Product images, wherever they are kept."""

import mimetypes

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

YEAR = 365 * 24 * 3600


# Everything else may bring script along (SVG, HTML): it is handed out as a file to keep, and runs nowhere.
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # a drawing may have its own style


@require_safe
@cache_control(public=True, max_age=YEAR, immutable=True)
def media(request: HttpRequest, name: str) -> FileResponse:
    """A file of the default storage. Names come from contents, so it may be kept for ever."""
    try:
        file = default_storage.open(name)
    except OSError:  # none, a folder, a name too long for one
        raise Http404("There is no such file.") from None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response = FileResponse(file, content_type=kind, as_attachment=kind not in PICTURES)
    response["Content-Security-Policy"] = INERT
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # a CDN may serve it (MEDIA_URL)
    return response
