"""The page of an order in the admin. Its actions are on pages of their own (action_page.py)."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from apps.ecommerce.back_office.actions.emails import why_outdated
from apps.ecommerce.back_office.actions.events import failed_events
from apps.ecommerce.back_office.actions.refunds import is_refundable
from apps.ecommerce.back_office.sentences import access_now, describe_billing
from apps.ecommerce.back_office.timeline import build_timeline
from apps.ecommerce.models import LicenceKey, Mail, Payment, Purchase, StripeCustomer
from apps.ecommerce.operations.dashboard_links import dashboard_url
from apps.ecommerce.purchases.billing_details import customer_lines

from .action_page import ActionPageAdmin, possible_actions

MAX_OTHER_ORDERS = 10
RELATED = ("user", "product__configuration", "price", "upgrade_of", "external_sale")


@dataclass(frozen=True, slots=True)
class PaymentRow:
    payment: Payment
    url: str  # page at Stripe
    is_refundable: bool


class OrderPageAdmin(ActionPageAdmin):
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if "all" in request.GET or request.method == "POST":  # Django's page with all columns
            return super().change_view(request, object_id, form_url, extra_context)
        purchase = load_order(self.get_queryset(request), object_id)
        if not self.has_view_permission(request, purchase):
            raise PermissionDenied
        if purchase is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": purchase.order_number,
            "purchase": purchase,
            "actions": possible_actions(request, purchase),
            **order_context(purchase),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "ecommerce/admin/order.html", context)


def load_order(orders: QuerySet[Purchase], pk: str) -> Any:
    """Return the order with the rows that its page shows, or None."""
    if not pk.isdecimal():
        return None
    confirmed = EmailAddress.objects.filter(
        user=OuterRef("user"), email=OuterRef("user__email"), verified=True
    )
    rows = orders.select_related(*RELATED).annotate(is_email_confirmed=Exists(confirmed))
    mails = Prefetch("mails", Mail.objects.select_related("payment"))
    keys = LicenceKey.objects.select_related("configuration").annotate(activation_count=Count("activations"))
    return (
        rows.prefetch_related(
            "payments__refunds",
            "changes",
            mails,
            "operator_actions",
            Prefetch("issued_keys", keys),
            "consents__document",
            "withdrawals",
        )
        .filter(pk=pk)
        .first()
    )


def order_context(purchase: Purchase) -> dict[str, Any]:
    events = failed_events(purchase)
    customer = StripeCustomer.objects.filter(user=purchase.user_id, livemode=purchase.livemode).first()
    stripe_ids = [
        (_("payment"), purchase.payment_intent_id),
        (_("subscription"), purchase.subscription_id),
        (_("customer"), customer.id if customer else ""),
        (_("invoice"), purchase.invoice_id),
        (_("checkout"), purchase.session_id or ""),
    ]
    links = [(label, key, dashboard_url(key, livemode=purchase.livemode)) for label, key in stripe_ids]
    return {
        "access": access_now(purchase),
        "billing": describe_billing(purchase),
        "customer_lines": customer_lines(customer) if customer and customer.country else [],
        "other_orders": other_orders(purchase),
        "keys": purchase.issued_keys.all(),
        "payments": [
            PaymentRow(
                payment,
                dashboard_url(payment.payment_intent_id or payment.invoice_id, livemode=purchase.livemode),
                is_refundable(payment),
            )
            for payment in purchase.payments.all()
        ],
        "failed_events": events,
        "mails": [(mail, why_outdated(purchase, mail)) for mail in purchase.mails.all()],
        "timeline": build_timeline(purchase, events),
        "stripe_links": [(label, key, url) for label, key, url in links if url],
    }


def other_orders(purchase: Purchase) -> QuerySet[Purchase]:
    """Return the newest orders of the buyer's account; if it was deleted, those without account at the same address."""
    buyer = Q(user=purchase.user_id) if purchase.user_id else Q(user=None, email__iexact=purchase.email)
    orders = Purchase.objects.filter(buyer, livemode=purchase.livemode).exclude(pk=purchase.pk)
    return orders.select_related("price")[:MAX_OTHER_ORDERS]
