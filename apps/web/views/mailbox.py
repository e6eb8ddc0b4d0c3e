"""The development mailbox. Outside DEBUG none of this exists."""

from csp.decorators import csp
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from apps.ecommerce import emails
from apps.ecommerce.models import Mail, Purchase
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


@require_safe
@never_cache
def previews(request: HttpRequest) -> HttpResponse:
    """Every mail that the store sends, about the newest purchase there is."""
    _development_only()
    purchase = Purchase.objects.with_catalogue().first()
    mails = [(kind, emails.compose(kind, purchase)) for kind in Mail.Kind] if purchase else []
    return render(request, "web/mail_previews.html", {"mails": mails})


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]
def preview_html(request: HttpRequest, kind: str) -> HttpResponse:
    _development_only()
    purchase = Purchase.objects.with_catalogue().first()
    if purchase is None or kind not in Mail.Kind.values:
        raise Http404("No such mail, or no purchase to write about.")
    return HttpResponse(emails.html_of(emails.compose(kind, purchase)))


def _load(name: str) -> mailbox.Letter:
    _development_only()
    found = mailbox.letter(name)
    if found is None:
        raise Http404("No such message.")
    return found


def _development_only() -> None:
    if not settings.DEBUG:
        raise Http404
