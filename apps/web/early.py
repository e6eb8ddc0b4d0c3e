"""What Django's middleware does for every answer, for those that are given before most of it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.web.indexing import private_by_default

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def early(answer: GetResponse) -> GetResponse:
    """The same answer, kept by nobody unless it says so, and as CommonMiddleware has it: with its length."""
    private = private_by_default(answer)

    def whole(request: HttpRequest) -> HttpResponseBase:
        response = private(request)
        assert isinstance(response, HttpResponse)
        response["Content-Length"] = str(len(response.content))
        return response

    return whole
