from datetime import timedelta
from email.message import EmailMessage

from csp.decorators import csp
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from apps.devtools.mailbox import find_mail, get_content, list_mails
from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.purchases import emails

# The page shows the HTML of an e-mail in a frame without scripts.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["*", "data:"],
    "frame-ancestors": ["'self'"],
}
SUBSCRIPTION_KINDS = (Mail.Kind.TRIAL_ENDING, Mail.Kind.RENEWAL_FAILED, Mail.Kind.ENDED, Mail.Kind.SUSPENDED)


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    return render(request, "devtools/mailbox.html", {"mails": list_mails()})


@require_safe
def read_mail(request: HttpRequest, name: str) -> HttpResponse:
    mail = _find_or_404(name)
    context = {
        "name": name,
        "mail": mail,
        "text": get_content(mail, "plain"),
        "html": get_content(mail, "html"),
    }
    return render(request, "devtools/mail.html", context)


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # typed for views without arguments
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(get_content(_find_or_404(name), "html"))


@require_safe
def previews(request: HttpRequest) -> HttpResponse:
    samples = [(kind, _sample_purchase(kind)) for kind in emails.TEXTS]
    mails = [(kind, emails.build_email(kind, purchase)) for kind, purchase in samples if purchase]
    return render(request, "devtools/mail_previews.html", {"mails": mails})


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]
def preview_html(request: HttpRequest, kind: str) -> HttpResponse:
    purchase = _sample_purchase(kind)
    if purchase is None or kind not in emails.TEXTS:
        raise Http404("There is no such e-mail, or no purchase to write about.")
    return HttpResponse(str(emails.build_email(kind, purchase).alternatives[0][0]))


def _sample_purchase(kind: str) -> Purchase | None:
    # Prefer a purchase with this kind of e-mail; else fill in what the template needs.
    purchases = Purchase.objects.with_catalogue().order_by("-created_at")
    if purchase := purchases.filter(mails__kind=kind).first():
        return purchase
    recurring = purchases.filter(price__type="recurring").first() if kind in SUBSCRIPTION_KINDS else None
    purchase = recurring or purchases.first()
    if purchase:
        purchase.amount_refunded = purchase.amount_refunded or purchase.amount_total
        purchase.trial_end = purchase.trial_end or timezone.now() + timedelta(days=3)
    return purchase


def _find_or_404(name: str) -> EmailMessage:
    if mail := find_mail(name):
        return mail
    raise Http404("There is no such e-mail.")
