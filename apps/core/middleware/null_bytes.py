from collections.abc import Callable

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase


def reject_null_bytes(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Remove null bytes from the query string. Return 404 for a path with one. Forms already reject them.

    PostgreSQL can neither store nor compare null bytes.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info:
            raise Http404("The path contains a null byte.")
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\0" in query:
            request.META["QUERY_STRING"] = query.replace("%00", "").replace("\0", "")
        return get_response(request)

    return middleware
