"""The development mailbox. Outside DEBUG none of this exists."""

from datetime import timedelta

from csp.decorators import csp
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from apps.devtools import mailbox
from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.purchases import emails

# The HTML part of a mail may show itself, inside our frame, and do nothing else.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["*", "data:"],
    "frame-ancestors": ["'self'"],
}
OF_SUBSCRIPTIONS = (Mail.Kind.TRIAL_ENDING, Mail.Kind.RENEWAL_FAILED, Mail.Kind.ENDED, Mail.Kind.SUSPENDED)


@require_safe
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    _development_only()
    return render(request, "devtools/mailbox.html", {"letters": mailbox.letters()})


@require_safe
@never_cache
def letter(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "devtools/letter.html", {"letter": _load(name)})


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # its types know views without arguments only
def letter_html(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(_load(name).html)


@require_safe
@never_cache
def previews(request: HttpRequest) -> HttpResponse:
    """Every mail that the store sends, each about a purchase that could get it."""
    _development_only()
    samples = [(kind, _sample(kind)) for kind in Mail.Kind]
    mails = [(kind, emails.compose(kind, purchase)) for kind, purchase in samples if purchase]
    return render(request, "devtools/mail_previews.html", {"mails": mails})


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]
def preview_html(request: HttpRequest, kind: str) -> HttpResponse:
    _development_only()
    purchase = _sample(kind)
    if purchase is None or kind not in Mail.Kind.values:
        raise Http404("No such mail, or no purchase to write about.")
    return HttpResponse(str(emails.compose(kind, purchase).alternatives[0][0]))


def _sample(kind: str) -> Purchase | None:
    """The newest purchase that got such a mail; or else one that could have, the missing made up, never saved."""
    purchases = Purchase.objects.with_catalogue().order_by("-created_at")
    if purchase := purchases.filter(mails__kind=kind).first():
        return purchase
    recurring = purchases.filter(price__type="recurring").first() if kind in OF_SUBSCRIPTIONS else None
    purchase = recurring or purchases.first()
    if purchase:
        purchase.amount_refunded = purchase.amount_refunded or purchase.amount_total
        purchase.trial_end = purchase.trial_end or timezone.now() + timedelta(days=3)
    return purchase


def _load(name: str) -> mailbox.Letter:
    _development_only()
    found = mailbox.letter(name)
    if found is None:
        raise Http404("No such message.")
    return found


def _development_only() -> None:
    if not settings.DEBUG:
        raise Http404
