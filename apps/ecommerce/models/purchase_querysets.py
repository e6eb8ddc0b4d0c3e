from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models, transaction
from django.db.models import F, Q

from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.guests import Buyer, Guest
from apps.users.models import User

from .prices import Price
from .purchase_status import ENDED_SUBSCRIPTIONS, MISSING_SUBSCRIPTION, PurchaseStatus

if TYPE_CHECKING:
    from .purchases import Purchase


class PurchaseQuerySet(models.QuerySet["Purchase"]):
    def for_user(self, user: User | AnonymousUser) -> PurchaseQuerySet:
        """Filter by buyer and current mode (test, live). Empty, without a query, for a visitor."""
        return self.owned_by(user).filter(livemode=is_livemode())

    def owned_by(self, user: User | AnonymousUser) -> PurchaseQuerySet:
        """Filter by buyer, in both modes. A guest owns what was bought in the same browser, until it is claimed."""
        if user.pk:
            return self.filter(user=user)
        return (
            self.filter(user=None, guest_token=user.guest_token) if isinstance(user, Guest) else self.none()
        )

    def unclaimed(self) -> PurchaseQuerySet:
        """Filter purchases of guests that no account has claimed yet."""
        return self.filter(user=None, guest_token__gt="", livemode=is_livemode())

    def of_address(self, email: str) -> PurchaseQuerySet:
        """Filter by e-mail address: unclaimed purchases of guests, and those of the active account."""
        is_guest = Q(user=None, guest_token__gt="", email=email)
        is_account = Q(user__email=email, user__is_active=True)
        return self.filter(is_guest | is_account, livemode=is_livemode())

    def known_to_buyers(self) -> PurchaseQuerySet:
        """Exclude purchases whose Checkout Session could not be created: their buyers have never seen Stripe's page."""
        return self.exclude(session_id=None, subscription_id="", invoice_id="", granted_at=None, paid_at=None)

    def bought(self) -> PurchaseQuerySet:
        """Exclude access that was granted without payment."""
        return self.filter(granted_at=None)

    def waiting(self) -> PurchaseQuerySet:
        """Filter access that was given to an e-mail address that no account has confirmed yet."""
        return self.filter(granted_at__isnull=False, claimed_at=None, livemode=is_livemode())

    def with_catalogue(self) -> PurchaseQuerySet:
        return self.select_related("product__configuration", "price")

    @transaction.atomic
    def create_for(self, user: Buyer | None, price: Price, cause: str, **fields: Any) -> Purchase:
        currency = fields.get("currency", price.currency)
        amount = price.custom_preset if price.is_custom else price.amounts.get(currency)
        defaults = {
            "user": user if isinstance(user, User) else None,
            "guest_token": user.guest_token if isinstance(user, Guest) else "",
            "email": user.email if isinstance(user, User) else "",
            "product_id": price.product_id,
            "product_name": price.product.name,
            "price_name": price.nickname,
            "plan": price.plan,
            "seller": "\n".join([settings.SITE_NAME, *settings.SELLER_ADDRESS]),
            "livemode": is_livemode(),
            "is_recurring": price.is_recurring,
            "currency": currency,
            "amount_subtotal": amount or 0,
            "amount_total": amount or 0,
        }
        purchase = self.create(price=price, **(defaults | fields))
        purchase.changes.create(to_status=purchase.status, version=0, cause=cause)
        return purchase

    def with_running_subscription(self) -> PurchaseQuerySet:
        return self.filter(subscription_id__gt="").exclude(subscription_status__in=ENDED_SUBSCRIPTIONS)

    def without_payments(self) -> PurchaseQuerySet:
        """Filter purchases that have payments at Stripe and none here, or whose first sync has failed."""
        subscribed = Q(subscription_id__gt="")
        paid = Q(
            subscription_id="",
            amount_total__gt=0,
            status__in=(PurchaseStatus.PAID, PurchaseStatus.PROCESSING, PurchaseStatus.FAILED),
        )
        never_synced = Q(status=PurchaseStatus.PROCESSING, synced_at=None)  # the amount is not known yet
        rows = self.exclude(subscription_status=MISSING_SUBSCRIPTION)
        return rows.filter(subscribed | paid | never_synced, livemode=is_livemode(), payments=None)

    def due_for_sync(self, before: datetime) -> PurchaseQuerySet:
        """Filter purchases that were last synced before this time, except unpaid checkouts."""
        unpaid = (PurchaseStatus.OPEN, PurchaseStatus.EXPIRED)
        old = self.filter(payments_synced_at__lt=before, synced_at__lt=before, livemode=is_livemode())
        return old.exclude(status__in=unpaid)

    def without_figures(self) -> PurchaseQuerySet:
        """Filter purchases of payments that were refunded or disputed before these details were stored."""
        refunded = Q(payments__amount_refunded__gt=0, payments__refunds=None)
        disputed = Q(payments__dispute_status__gt="") & (
            Q(payments__disputed_at=None) | Q(payments__dispute_id="")
        )
        return self.filter(refunded | disputed, livemode=is_livemode()).distinct()

    def to_be_charged_again(self) -> PurchaseQuerySet:
        """Filter by the same rule as Purchase.will_be_charged_again."""
        return self.with_running_subscription().filter(
            ~Q(subscription_status__in=("active", "trialing"))
            | Q(cancel_at=None)
            | Q(current_period_end=None)
            | Q(cancel_at__gt=F("current_period_end"))
        )
