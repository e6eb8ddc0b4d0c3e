from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

DJANGO_404 = b'<header id="summary">'  # part of django/views/templates/technical_404.html


def link_error_pages(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Add a link to the shop's own 404 page to the one that Django shows with DEBUG."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if (
            response.status_code == 404
            and isinstance(response, HttpResponse)
            and DJANGO_404 in response.content
        ):
            url = reverse("dev_error", args=["404"])
            link = f'<p><a href="{url}">See the page that visitors get</a></p></header>'
            response.content = response.content.replace(b"</header>", link.encode(), 1)
        return response

    return middleware
