"""Open and close the Checkout Session of a purchase. https://docs.stripe.com/api/checkout/sessions/create"""

from datetime import timedelta

import stripe
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import to_locale
from stripe.params.checkout import SessionCreateParams

from apps.ecommerce.catalogue.unsellable import copy_again
from apps.ecommerce.models import Purchase, SalesProblem, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.customers import get_or_create_customer
from apps.ecommerce.purchases.fulfilment import change_purchase, sync_purchase
from apps.ecommerce.purchases.shop_id import GUEST, shop_metadata
from apps.ecommerce.purchases.subscriptions import trial_days
from apps.ecommerce.purchases.upgrades import create_upgrade_coupon, credits_too_much, upgrade_credit
from apps.ecommerce.stripe_api.client import expire_session, get_client, is_livemode, is_missing

SESSION_AGE = timedelta(
    days=1
)  # after that, a Checkout Session has expired, and Stripe drops idempotency keys

# https://docs.stripe.com/js/appendix/supported_locales
# fmt: off
STRIPE_LOCALES = {
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th",
    "tr", "vi", "zh", "zh-HK", "zh-TW",
}
# fmt: on


def open_session(purchase: Purchase, origin: str) -> Purchase:
    """Return the purchase with its Session, creating one if needed. The purchase may be closed afterwards.

    After a crash, the idempotency key makes Stripe return the first Session again.
    """
    if purchase.session_id:
        return sync_purchase(purchase, "buy button")
    key = f"checkout-{purchase.public_id}"
    try:
        session = get_client().v1.checkout.sessions.create(
            _session_params(purchase, origin), {"idempotency_key": key}
        )
    except stripe.IdempotencyError:
        # A try that crashed had other parameters (host, e-mail address). No buyer has seen its Session.
        return _expire_without_session(purchase, "an unfinished try was replaced")
    except stripe.InvalidRequestError as error:
        if is_missing(error) and error.param == "customer":  # deleted, or created in another Stripe account
            StripeCustomer.objects.filter(user=purchase.user, livemode=is_livemode()).delete()
            return _expire_without_session(purchase, "the customer does not exist at Stripe")
        # Stripe would return this error for the same key for a day.
        _expire_without_session(purchase, "Stripe refused to open it")
        raise
    except (stripe.AuthenticationError, stripe.PermissionError):
        _expire_without_session(purchase, "Stripe refused the key")
        raise
    SalesProblem.objects.filter(solved_at=None).update(solved_at=timezone.now())
    without_session = Purchase.objects.filter(pk=purchase.pk, session_id=None, status=Status.OPEN)
    discount = session.total_details.amount_discount if session.total_details else 0
    without_session.update(session_id=session.id, checkout_url=session.url or "", amount_discount=discount)
    purchase = Purchase.objects.get(pk=purchase.pk)
    if purchase.session_id != session.id:  # another request has closed it to sell another price
        expire_session(session.id)
    elif session.currency != purchase.currency:  # Stripe chose an option that the store has not copied
        copy_again(purchase.price.product_id)
        return close_checkout(purchase, "the price has changed")
    elif purchase.upgrade_of and credits_too_much(purchase):  # refunded while the Session was created
        return close_checkout(purchase, "the price has changed")
    return purchase


def close_checkout(purchase: Purchase, cause: str) -> Purchase:
    """Close and return an open purchase. The buyer may have paid it at the last moment."""
    if not purchase.session_id:
        purchase = _expire_without_session(purchase, cause)
    if not (purchase.is_open and purchase.session_id):
        return purchase
    expire_session(purchase.session_id)
    return sync_purchase(purchase, cause)


def close_unopened_checkouts() -> None:
    """Close checkouts that Stripe did not open, because reconcile_purchases looks back to the oldest open purchase.

    Call it after lost Sessions have been found.
    """
    created_before = timezone.now() - SESSION_AGE
    unopened = Purchase.objects.filter(status=Status.OPEN, session_id=None, livemode=is_livemode())
    for purchase in unopened.filter(created_at__lt=created_before):
        _expire_without_session(purchase, "Stripe did not open it")


def stripe_locale(language: str) -> str:
    code = to_locale(language).replace("_", "-")
    candidates = (code, code.partition("-")[0])
    return next((locale for locale in candidates if locale in STRIPE_LOCALES), "auto")


def _session_params(purchase: Purchase, origin: str) -> SessionCreateParams:
    metadata = shop_metadata(purchase=str(purchase.public_id), price=purchase.price_id)
    if purchase.user is None:
        metadata[GUEST] = "yes"
    params: SessionCreateParams = {
        "mode": "subscription" if purchase.price.is_recurring else "payment",
        "line_items": [{"price": purchase.price_id, "quantity": 1}],
        "client_reference_id": str(purchase.public_id),
        "metadata": metadata,
        "locale": stripe_locale(purchase.language),
        # The braces are Stripe's placeholder and must not be URL-encoded.
        "success_url": f"{origin}{reverse('checkout_return')}?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{origin}{purchase.get_absolute_url()}?canceled=1",
    }
    if purchase.user:
        params["customer"] = get_or_create_customer(purchase.user, f"customer-{purchase.public_id}").id
    elif not purchase.price.is_recurring:  # subscriptions always get a customer
        params["customer_creation"] = "always"
    if purchase.user is None and purchase.upgrade_of and purchase.upgrade_of.email:
        params["customer_email"] = purchase.upgrade_of.email  # so that one account claims both orders
    if purchase.price.currency_options:
        params["currency"] = purchase.currency  # otherwise Stripe chooses one by the buyer's location
    if purchase.upgrade_of and upgrade_credit(purchase.upgrade_of):
        params["discounts"] = [{"coupon": create_upgrade_coupon(purchase)}]  # promotion codes would add up
    elif code := purchase.discount_code:
        params["discounts"] = [{"promotion_code": code.id}]
        if purchase.price.is_recurring and code.is_free_forever:
            params["payment_method_collection"] = "if_required"  # a free order needs no card
    # Stripe refuses promotion codes for custom amounts.
    elif settings.CHECKOUT_PROMOTION_CODES and not purchase.price.is_custom:
        params["allow_promotion_codes"] = True
    if settings.CHECKOUT_AUTOMATIC_TAX:
        params["automatic_tax"] = {"enabled": True}
        if purchase.user:
            params["customer_update"] = {"address": "auto"}  # the tax depends on where the buyer lives
    if settings.CHECKOUT_TAX_IDS:
        params["tax_id_collection"] = {"enabled": True}
        if purchase.user:
            params["customer_update"] = {**params.get("customer_update", {}), "name": "auto"}
    if purchase.price.is_recurring:
        params["subscription_data"] = {"metadata": metadata}
        if days := trial_days(purchase.user, purchase.price):
            params["subscription_data"]["trial_period_days"] = days
    else:
        params["payment_intent_data"] = {"metadata": metadata}
        if "customer" in params:
            params["saved_payment_method_options"] = {
                "payment_method_save": "enabled",  # if the buyer ticks a checkbox
                "payment_method_remove": "enabled",
            }
        if settings.CHECKOUT_INVOICES:
            params["invoice_creation"] = {"enabled": True, "invoice_data": {"metadata": metadata}}
    return params


def _expire_without_session(purchase: Purchase, cause: str) -> Purchase:
    """Expire an open purchase unless it has a Session. Return the current purchase."""
    with transaction.atomic():
        purchase = Purchase.objects.select_for_update().get(pk=purchase.pk)
        if purchase.is_open and not purchase.session_id:
            change_purchase(purchase, {"status": Status.EXPIRED}, cause)
    return purchase
