"""Where a checkout starts: user and price ▶ the address of Stripe's hosted page.

https://docs.stripe.com/payments/checkout and https://docs.stripe.com/api/checkout/sessions/create
"""

from __future__ import annotations

import stripe
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _
from stripe.params.checkout import SessionCreateParams

from apps.ecommerce.models import Price, ProductConfiguration, Purchase, StatusChange, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import grants, owned
from apps.ecommerce.purchases.foreign_subscriptions import charges_for, running_subscriptions
from apps.ecommerce.purchases.fulfilment import close_session, sync_purchase
from apps.ecommerce.stripe_api.client import get_client, is_missing, livemode
from apps.users.models import User

MOST_TRIES = 4
# https://docs.stripe.com/js/appendix/supported_locales
# fmt: off
PAGE_LOCALES = {
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt",
    "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
}
# fmt: on


class CheckoutRefused(Exception):
    """The deal can't be made; the message is for the buyer. Nothing was created."""


class AlreadyOwned(CheckoutRefused):
    """The buyer has it: there is nothing to pay."""

    def __init__(self, configuration: ProductConfiguration) -> None:
        super().__init__(_("You already own %(product)s.") % {"product": configuration})


class AlreadySubscribed(CheckoutRefused):
    """The buyer has a running subscription to the product; both would be charged."""

    def __init__(self, purchase: Purchase) -> None:
        words = _(
            "You already have a subscription to %(product)s. You can manage it here; nothing was charged."
        )
        super().__init__(words % {"product": purchase.product})
        self.purchase = purchase


def start(
    user: User, configuration: ProductConfiguration, price_id: str, *, origin: str, next_path: str = ""
) -> str:
    """The address of a hosted page on which this user can pay this price.

    `origin` is this site as the buyer sees it ("https://shop.example"); `next_path` the page they wanted.
    The same user, product and price get the same Session while it is open: two tabs pay once.
    Raises CheckoutRefused (AlreadyOwned, AlreadySubscribed) with words for the buyer, stripe.StripeError when
    Stripe can't be asked.
    """
    price = _sellable(configuration, price_id)
    _refuse_second_subscription(user, configuration)
    for _try in range(MOST_TRIES):
        _refuse_paying_twice(user, configuration)
        _close_other_choices(user, price)
        purchase = _open_purchase(user, price, next_path)
        if purchase is None:
            continue  # another tab has just opened a checkout at another price: close that one first
        # After ours is in the database, so that two presses at the same moment see each other.
        _close_other_choices(user, price)
        try:
            _refuse_paying_twice(user, configuration)
        except CheckoutRefused:  # one of the others turned out to be paid
            give_up(purchase, "another choice was paid")
            raise
        if purchase.session_id:
            purchase = sync_purchase(purchase, "buy button")
        else:
            purchase = _create_session(purchase, user, origin)
        if purchase.is_open and purchase.checkout_url:
            return purchase.checkout_url
    raise CheckoutRefused(_("This checkout could not be opened. Nothing was charged; please try again."))


def _sellable(configuration: ProductConfiguration, price_id: str) -> Price:
    """The price, if the store sells this product at it today. Amounts never come from the browser."""
    if not configuration.is_on_sale:
        raise CheckoutRefused(_("%(product)s is not for sale at the moment.") % {"product": configuration})
    for price in configuration.prices:
        if price.id == price_id:
            return price
    raise CheckoutRefused(_("That price is no longer offered. Please choose again; nothing was charged."))


def _close_other_choices(user: User, price: Price) -> None:
    """Choosing another price of the product takes the first choice's Session away, so nobody pays for both."""
    others = Purchase.objects.filter(
        user=user, product_id=price.product_id, status=Status.OPEN, livemode=livemode()
    ).exclude(price=price)
    for purchase in others:
        if give_up(purchase, "another price was chosen").is_open:
            raise CheckoutRefused(
                _("Your other checkout for this is still open. Please finish or cancel it first.")
            )


def _refuse_paying_twice(user: User, configuration: ProductConfiguration) -> None:
    """Whoever has the product, or whose payment for it is on its way, is not asked for money."""
    if owned(user, configuration.product):
        raise AlreadyOwned(configuration)
    mine = Purchase.objects.filter(user=user, product=configuration.product, livemode=livemode())
    if mine.filter(status=Status.PROCESSING).exists():
        raise CheckoutRefused(_("Your payment for this is on its way; there is no need to pay twice."))
    for purchase in mine.with_running_subscription().select_related("product"):
        _refuse_if_running(purchase, configuration)


def _refuse_second_subscription(user: User, configuration: ProductConfiguration) -> None:
    """Ask Stripe itself: a subscription may have been made or changed elsewhere without our hearing of it."""
    for subscription, purchase in running_subscriptions(user, "buy button"):
        if not charges_for(subscription, configuration.product):
            continue
        if purchase is None:
            raise CheckoutRefused(
                _("You already have a subscription to %(product)s. Please write to us; nothing was charged.")
                % {"product": configuration}
            )
        _refuse_if_running(purchase, configuration)


def _refuse_if_running(purchase: Purchase, configuration: ProductConfiguration) -> None:
    """Refuse the sale while this subscription runs. The event of its end may still be on its way."""
    purchase = sync_purchase(purchase, "buy button")
    if purchase.has_running_subscription:
        opens = grants(purchase) and purchase.product_id == configuration.product_id
        raise AlreadyOwned(configuration) if opens else AlreadySubscribed(purchase)


def _open_purchase(user: User, price: Price, next_path: str) -> Purchase | None:
    """The one open purchase of this choice (constraint one_open_checkout).

    None while a subscription to the product is open at another price (constraint one_open_recurring_checkout).
    """
    try:
        return _get_or_create_open(user, price, next_path)
    except IntegrityError:
        if not User.objects.filter(pk=user.pk).exists():  # deleted in another tab
            raise CheckoutRefused(_("This account no longer exists. Nothing was charged.")) from None
        return None


def _get_or_create_open(user: User, price: Price, next_path: str) -> Purchase:
    with transaction.atomic():  # no purchase without the first line of its timeline
        purchase, created = Purchase.objects.get_or_create(
            user=user,
            product_id=price.product_id,
            price=price,
            livemode=livemode(),
            status=Status.OPEN,
            defaults={
                "is_recurring": price.is_recurring,
                "email": user.email,
                "language": get_language() or "",
                "currency": price.currency,
                "amount_subtotal": price.unit_amount or 0,
                "amount_total": price.unit_amount or 0,
                "next_path": next_path,
            },
        )
        if created:
            StatusChange.objects.create(
                purchase=purchase, to_status=Status.OPEN, version=0, cause="buy button"
            )
    if not created and next_path and purchase.next_path != next_path:
        Purchase.objects.filter(pk=purchase.pk).update(next_path=next_path)
    return purchase


def _create_session(purchase: Purchase, user: User, origin: str) -> Purchase:
    """Creates the purchase's Session. The idempotency key makes a repeated try after a crash find the first one."""
    try:
        session = get_client().v1.checkout.sessions.create(
            _params(purchase, user, origin), {"idempotency_key": f"checkout-{purchase.public_id}"}
        )
    except stripe.IdempotencyError:
        # A try that crashed asked with other words (another host, another address of the buyer). Its Session was
        # never shown to anybody, so it can be left to expire.
        return _abandon(purchase, "an unfinished try was replaced")
    except stripe.InvalidRequestError as error:
        if is_missing(error) and error.param == "customer":
            # The Stripe account was changed, or the customer deleted there: forget ours, the next round makes one.
            StripeCustomer.objects.filter(user=user, livemode=livemode()).delete()
            return _abandon(purchase, "Stripe no longer knew the customer")
        # To the same idempotency key Stripe would repeat this for a day.
        _abandon(purchase, "Stripe refused to open it")
        raise
    unnoted = Purchase.objects.filter(pk=purchase.pk, session_id=None, status=Status.OPEN)
    unnoted.update(session_id=session.id, checkout_url=session.url or "")
    row = Purchase.objects.get(pk=purchase.pk)
    if row.session_id != session.id:  # given up meanwhile, for another choice: nobody may pay here any more
        close_session(session.id)
    return row


def _params(purchase: Purchase, user: User, origin: str) -> SessionCreateParams:
    metadata = {"purchase": str(purchase.public_id), "price": purchase.price_id}
    params: SessionCreateParams = {
        "mode": "subscription" if purchase.price.is_recurring else "payment",
        "line_items": [{"price": purchase.price_id, "quantity": 1}],
        "customer": _customer(user),
        "client_reference_id": str(purchase.public_id),
        "metadata": metadata,
        "locale": page_locale(purchase.language),
        # The braces are Stripe's placeholder and must not be URL-encoded.
        "success_url": f"{origin}{reverse('checkout_return')}?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{origin}{reverse('purchase', args=[purchase.public_id])}?canceled=1",
    }
    if settings.CHECKOUT_PROMOTION_CODES:
        params["allow_promotion_codes"] = True
    if settings.CHECKOUT_AUTOMATIC_TAX:
        params["automatic_tax"] = {"enabled": True}
        params["customer_update"] = {"address": "auto"}  # tax needs to know where the buyer lives
    if settings.CHECKOUT_TAX_IDS:
        params["tax_id_collection"] = {"enabled": True}
        params["customer_update"] = {**params.get("customer_update", {}), "name": "auto"}
    if not purchase.price.is_recurring:
        params["payment_intent_data"] = {"metadata": metadata}
        if settings.CHECKOUT_INVOICES:
            params["invoice_creation"] = {"enabled": True, "invoice_data": {"metadata": metadata}}
        return params
    params["subscription_data"] = {"metadata": metadata}
    if days := trial_days(user, purchase.price):
        params["subscription_data"]["trial_period_days"] = days
    return params


def page_locale(language: str) -> str:
    """Stripe's locale for a language of ours; "auto", which asks the browser, where Stripe has none."""
    code = to_locale(language).replace("_", "-")
    known = (known for known in (code, code.partition("-")[0]) if known in PAGE_LOCALES)
    return next(known, "auto")


def trial_days(user: User | None, price: Price) -> int:
    """Days of free trial for this buyer: what the price offers, once per person and product."""
    if not price.trial_period_days:
        return 0
    tried = (
        user is not None
        and Purchase.objects.filter(
            user=user, product_id=price.product_id, livemode=livemode(), subscription_id__gt=""
        ).exists()
    )
    return 0 if tried else price.trial_period_days


def _customer(user: User) -> str:
    """The id of the Stripe Customer that this user pays as, made on their first purchase."""
    known = StripeCustomer.objects.filter(user=user, livemode=livemode()).first()
    if known:
        return known.id
    customer = get_client().v1.customers.create(
        {"email": user.email, "name": user.name or user.email, "metadata": {"user": str(user.pk)}}
    )
    row, _created = StripeCustomer.objects.get_or_create(
        user=user, livemode=livemode(), defaults={"id": customer.id}
    )
    return row.id


def give_up(purchase: Purchase, cause: str) -> Purchase:
    """Takes an open purchase's page away, so that nobody pays there. It may have been paid by then: see the answer."""
    if not purchase.session_id:
        purchase = _abandon(purchase, cause)
    if not (purchase.is_open and purchase.session_id):
        return purchase
    close_session(purchase.session_id)  # also one that came into being at this very moment
    return sync_purchase(purchase, cause)


def _abandon(purchase: Purchase, cause: str) -> Purchase:
    """Closes an open purchase that has no Session, so that a new one can be made."""
    with transaction.atomic():
        row = Purchase.objects.select_for_update().get(pk=purchase.pk)
        if row.is_open and not row.session_id:
            row.status, row.version = Status.EXPIRED, row.version + 1
            row.save(update_fields=["status", "version"])
            StatusChange.objects.create(
                purchase=row,
                from_status=Status.OPEN,
                to_status=Status.EXPIRED,
                version=row.version,
                cause=cause,
            )
    return row
