"""The development mailbox. Outside DEBUG none of this exists."""

from csp.decorators import csp
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from apps.web import mailbox

# The HTML part of a mail may show itself, inside our frame, and do nothing else.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["*", "data:"],
    "frame-ancestors": ["'self'"],
}


@require_safe
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    _development_only()
    return render(request, "web/mailbox.html", {"letters": mailbox.letters()})


@require_safe
@never_cache
def letter(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "web/letter.html", {"letter": _load(name)})


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # its types know views without arguments only
def letter_html(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(_load(name).html)


def _load(name: str) -> mailbox.Letter:
    _development_only()
    found = mailbox.letter(name)
    if found is None:
        raise Http404("No such message.")
    return found


def _development_only() -> None:
    if not settings.DEBUG:
        raise Http404
