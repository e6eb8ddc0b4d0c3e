"""The shop's error pages as visitors see them, with their status. With DEBUG, Django shows its own instead of some."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.rate_limits import too_many_requests
from apps.core.standalone_page import render_standalone

Page = Callable[[HttpRequest], HttpResponseBase]


def _in_layout(template: str, status: int) -> Page:
    return lambda request: render(request, template, status=status)


def _standalone(template: str, status: int) -> Page:
    return lambda request: render_standalone(request, template, status)


# Last part of the URL ▶ when visitors get the page, and the page.
ERROR_PAGES: dict[str, tuple[str, Page]] = {
    "400": ("400, the request is not valid", _in_layout("400.html", 400)),
    "403": ("403, the visitor may not do that", _in_layout("403.html", 403)),
    "403-csrf": ("403, cookies are off, or another site has sent the form", _in_layout("403_csrf.html", 403)),
    "404": ("404, there is no such page", _in_layout("404.html", 404)),
    "404-file": ("404, the file of a product is missing", _standalone("ecommerce/missing_file.html", 404)),
    "413": ("413, the request is too large", _standalone("413.html", 413)),
    "429": ("429, too many attempts", too_many_requests),
    "500": ("500, the code has an error", _standalone("500.html", 500)),
    "503": ("503, the database is unreachable", _standalone("500.html", 503)),
    "503-downloads": (
        "503, the visitor has too many downloads at once",
        _standalone("ecommerce/too_many_downloads.html", 503),
    ),
    "maintenance": ("503, MAINTENANCE=true", _standalone("maintenance.html", 503)),
}


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    pages = [(name, label) for name, (label, _page) in ERROR_PAGES.items()]
    return render(request, "devtools/errors.html", {"pages": pages})


@require_safe
def error(request: HttpRequest, name: str) -> HttpResponseBase:
    if name not in ERROR_PAGES:
        raise Http404("There is no such error page.")
    _label, page = ERROR_PAGES[name]
    return page(request)
