"""Values in the texts about a purchase, formatted for the reader's language."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.ecommerce.models import Purchase
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.entitlements import access_until
from apps.ecommerce.purchases.messages.payment_failures import failure_text


def message_values(purchase: Purchase) -> dict[str, str]:
    resumes_at = format_day(purchase.collection_resumes_at)
    resumes = _("They resume on %(day)s.") % {"day": resumes_at}
    granted_until = format_day(purchase.granted_until)
    lasts = _("It ends on %(day)s.") % {"day": granted_until}
    return {
        "product": purchase.product_name,
        "amount": format_money(purchase.amount_total, purchase.currency),
        "refunded": format_money(purchase.amount_refunded, purchase.currency),
        "price": purchase.price_label,
        "next": _next_amount(purchase),
        "trial_end": format_day(purchase.trial_end),
        "period_end": format_day(purchase.current_period_end),
        "cancel_at": format_day(purchase.cancel_at),
        "access_until": format_day(access_until(purchase)),
        "granted_until": granted_until,
        "lasts": f" {lasts}" if purchase.granted_until else "",
        "order": purchase.order_number,
        "resumes": f" {resumes}" if purchase.collection_resumes_at else "",
        "resumes_at": resumes_at,
        "why": f" {failure_text(purchase.failure_code)}" if purchase.failure_code else "",
    }


def _next_amount(purchase: Purchase) -> str:
    """Return the amount of the next invoice; "" if Stripe has not computed it."""
    if purchase.next_amount is None:
        return ""
    return format_money(purchase.next_amount, purchase.currency)


def format_day(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT") if moment else "—"
