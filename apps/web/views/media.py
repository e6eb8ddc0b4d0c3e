"""Product images, wherever they are kept."""

import mimetypes

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

YEAR = 365 * 24 * 3600


@require_safe
@cache_control(public=True, max_age=YEAR, immutable=True)
def media(request: HttpRequest, name: str) -> FileResponse:
    """A file of the default storage. Names come from contents, so it may be kept for ever."""
    try:
        file = default_storage.open(name)
    except (FileNotFoundError, IsADirectoryError):
        raise Http404("There is no such file.") from None
    return FileResponse(file, content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
