"""Purchases in the export of personal data, and checks before an account is deleted."""

import logging

import stripe
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.ecommerce.models import Consent, LicenceKey, Payment, Purchase, Refund, StripeCustomer, Withdrawal
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.billing_details import BILLING_FIELDS
from apps.ecommerce.purchases.checkout_sessions import close_checkout
from apps.ecommerce.purchases.external_subscriptions import running_subscriptions
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import fetch_pages, get_client, is_livemode, is_missing
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.users.models import User
from apps.users.personal_data import JSON, DeletionRefused

logger = logging.getLogger(__name__)


def export_purchases(user: User) -> JSON:
    """Amounts are in minor units, times are ISO 8601 in UTC."""
    purchases = (
        Purchase.objects.filter(user=user)
        .select_related("discount_code")
        .prefetch_related(
            "changes",
            "payments__refunds",
            "issued_keys__activations",
            "subscription_changes",
            "consents__document",
            "withdrawals",
        )
    )
    return [
        {
            "order": purchase.order_number,
            "product": purchase.product_name,
            "status": purchase.status,
            "suspended_by": purchase.suspension,
            "subscription_status": purchase.subscription_status,
            "amount_total": purchase.amount_total,
            "currency": purchase.currency,
            "discount_code": str(purchase.discount_code or ""),
            "email": purchase.email,
            "country": purchase.buyer_country,
            "bought": purchase.created_at.isoformat(),
            "paid": purchase.paid_at.isoformat() if purchase.paid_at else None,
            "complimentary": purchase.granted_at is not None,
            "revoked": purchase.revoked_at.isoformat() if purchase.revoked_at else None,
            "complimentary_until": purchase.granted_until.isoformat() if purchase.granted_until else None,
            "licence_keys": [_export_key(key) for key in purchase.issued_keys.all()],
            "unsubscribed": purchase.unsubscribed_at.isoformat() if purchase.unsubscribed_at else None,
            "consents": [_export_consent(consent) for consent in purchase.consents.all()],
            "withdrawals": [
                _export_withdrawal(row)
                for row in purchase.withdrawals.all()
                if row.email.lower() == user.email  # another person may have entered this order number
            ],
            "payments": [_export_payment(payment) for payment in purchase.payments.all()],
            "subscription_changes": [
                {"monthly_amount_change": change.monthly_amount_change, "at": change.at.isoformat()}
                for change in purchase.subscription_changes.all()
            ],
            "changes": [
                {"to": change.suspended_by or change.to_status, "at": change.at.isoformat()}
                for change in purchase.changes.all()
            ],
        }
        for purchase in purchases
    ]


def export_billing_details(user: User) -> JSON:
    return list(StripeCustomer.objects.filter(user=user).values(*BILLING_FIELDS))


def _export_key(key: LicenceKey) -> JSON:
    return {"key": key.key, "activated_for": [activation.instance for activation in key.activations.all()]}


def _export_consent(consent: Consent) -> JSON:
    return {
        "kind": consent.kind,
        "text": consent.text,
        "version": consent.version,
        "language": consent.language,
        "document": consent.document.text if consent.document else "",
        "given": consent.given_at.isoformat(),
    }


def _export_withdrawal(withdrawal: Withdrawal) -> JSON:
    return {
        "name": withdrawal.name,
        "contract": withdrawal.contract,
        "email": withdrawal.email,
        "received": withdrawal.received_at.isoformat(),
    }


def _export_payment(payment: Payment) -> JSON:
    return {
        "id": payment.stripe_id,
        "status": payment.status,
        "description": payment.description,
        "amount_paid": payment.amount_paid,
        "amount_refunded": payment.amount_refunded,
        "refunds": [_export_refund(refund) for refund in payment.refunds.all()],
        "currency": payment.currency,
        "payment_method": payment.payment_method,
        "created": payment.created_at.isoformat(),
        "paid": payment.paid_at.isoformat() if payment.paid_at else None,
    }


def _export_refund(refund: Refund) -> JSON:
    return {
        "id": refund.stripe_id,
        "status": refund.status,
        "reason": refund.reason,
        "amount": refund.amount,
        "created": refund.created_at.isoformat(),
    }


def deletion_blocker(user: User) -> str | None:
    """Return why the account can't be deleted yet, or None. Only its user can cancel or open these purchases.

    In live mode, the purchases of test mode cost nothing, and nobody can cancel them.
    """
    counted = Q(livemode=True) | Q(livemode=is_livemode())
    purchases = Purchase.objects.filter(counted, user=user).select_related("product")
    if subscribed := purchases.to_be_charged_again().first():
        message = _(
            "Your subscription to %(product)s is still active. Please cancel it first, under “My purchases”."
        )
        return message % {"product": subscribed.product}
    if processing := purchases.filter(status=Status.PROCESSING).first():
        message = _(
            "Your payment for %(product)s is still being processed. You can delete your account once it has "
            "succeeded or failed. We'll send you an e-mail then."
        )
        return message % {"product": processing.product}
    return None


def describe_kept_purchases(user: User) -> str:
    """Return the purchases that remain when the account is deleted, for the operator."""
    numbers = list(
        Purchase.objects.filter(user=user).known_to_buyers().values_list("order_number", flat=True)
    )
    return _("Purchases that are kept: %(numbers)s") % {"numbers": ", ".join(numbers)} if numbers else ""


def finish_checkouts(user: User) -> None:
    """Close the user's open checkouts, and sync the purchases that decide whether the account may be deleted.

    Raise DeletionRefused if a request to Stripe fails, or if a checkout has just been paid.
    """
    purchases = Purchase.objects.for_user(user).select_related("product")
    try:
        with stripe_deadline():
            # Creates a purchase for each subscription without one.
            running_subscriptions(user, "account deletion")
            for purchase in purchases.filter(status__in=[Status.OPEN, Status.PROCESSING]):
                _finish_checkout(purchase)
            for purchase in purchases.with_running_subscription():
                sync_purchase(purchase, "account deletion")
    except stripe.StripeError as error:
        message = _(
            "We couldn't check with Stripe whether you have open payments. Please try again in a minute."
        )
        raise DeletionRefused(message) from error


def _finish_checkout(purchase: Purchase) -> None:
    close = close_checkout if purchase.is_open else sync_purchase
    after = close(purchase, "account deletion")
    if after.is_open:
        message = _("You have an open checkout for %(product)s. Please complete or cancel it first.")
        raise DeletionRefused(message % {"product": after.product})
    if after.paid_at and not purchase.paid_at:
        message = _(
            "Your payment for %(product)s has just succeeded, so your account was not deleted. Please check your order."
        )
        raise DeletionRefused(message % {"product": after.product})


def remove_saved_cards(user: User) -> None:
    """Remove the payment methods at Stripe, because the buyer can't do it without an account.

    Raise DeletionRefused if a request to Stripe fails.
    """
    customer = StripeCustomer.objects.filter(user=user, livemode=is_livemode()).first()
    if customer is None or deletion_blocker(user):  # a running subscription needs its card
        return
    try:
        with stripe_deadline():
            pages = list(fetch_pages(f"customers/{customer.id}/payment_methods"))
            for method in (method for page in pages for method in page):
                get_client().v1.payment_methods.detach(method["id"])
    except stripe.PermissionError:
        logger.exception("The key may not remove saved cards. Give it write access to PaymentMethods")
    except stripe.StripeError as error:
        if not (isinstance(error, stripe.InvalidRequestError) and is_missing(error)):
            message = _("We couldn't remove your saved cards at Stripe. Please try again in a minute.")
            raise DeletionRefused(message) from error


def refuse_open_checkouts(user: User) -> None:
    """Raise DeletionRefused if another tab has opened a checkout: a purchase paid there would have no user."""
    if Purchase.objects.for_user(user).filter(status=Status.OPEN).exists():
        raise DeletionRefused(
            _("You opened a checkout in another tab. Your account was not deleted. Please try again.")
        )
