from datetime import timedelta
from email.message import EmailMessage

from csp.decorators import csp
from django.core.mail import EmailMultiAlternatives
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from apps.devtools.mailbox import find_mail, get_content, list_attachments, list_mails
from apps.devtools.purchase_samples import make_payment, make_purchase
from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.purchases.emails.messages import build_email
from apps.ecommerce.purchases.emails.texts import TEXTS

# The page shows the HTML of an e-mail in a frame without scripts.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["*", "data:"],
    "frame-ancestors": ["'self'"],
}
SUBSCRIPTION_KINDS = (
    *(Mail.Kind.RECEIPT, Mail.Kind.TRIAL_ENDING, Mail.Kind.RENEWAL_FAILED),
    *(Mail.Kind.ENDED, Mail.Kind.SUSPENDED),
    *(Mail.Kind.RENEWAL_UPCOMING, Mail.Kind.PLAN_CHANGED, Mail.Kind.ENDING),
)


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
        "attachments": list_attachments(mail),
    }
    return render(request, "devtools/mail.html", context)


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]  # typed for views without arguments
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(get_content(_find_or_404(name), "html"))


@require_safe
def previews(request: HttpRequest) -> HttpResponse:
    mails = [(kind, _sample_email(kind)) for kind in TEXTS]
    return render(request, "devtools/mail_previews.html", {"mails": mails})


@require_safe
@xframe_options_sameorigin
@csp(MAIL_POLICY)  # type: ignore[arg-type]
def preview_html(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in TEXTS:
        raise Http404("There is no such e-mail.")
    return HttpResponse(str(_sample_email(kind).alternatives[0][0]))


def _sample_email(kind: str) -> EmailMultiAlternatives:
    """Return the last e-mail of this kind. Without one, use a purchase or a sample, and fill in what it lacks."""
    related = ("purchase__product__configuration", "purchase__price", "purchase__user", "payment")
    if mail := Mail.objects.filter(kind=kind).select_related(*related).first():
        return build_email(kind, mail.purchase, mail.payment, mail.amount)
    purchases = Purchase.objects.with_catalogue().order_by("-created_at")
    if kind in SUBSCRIPTION_KINDS:
        purchases = purchases.filter(price__type="recurring")
    purchase = purchases.first()
    payment = purchase.payments.first() if purchase else None
    purchase = purchase or make_purchase("active" if kind in SUBSCRIPTION_KINDS else "paid")
    purchase.amount_refunded = purchase.amount_refunded or purchase.amount_total
    purchase.trial_end = purchase.trial_end or timezone.now() + timedelta(days=3)
    if kind == Mail.Kind.ENDING:
        purchase.cancel_at = purchase.cancel_at or purchase.current_period_end
    payment = payment or make_payment(purchase)
    return build_email(kind, purchase, payment, payment.amount_refunded or payment.amount_paid)


def _find_or_404(name: str) -> EmailMessage:
    if mail := find_mail(name):
        return mail
    raise Http404("There is no such e-mail.")
