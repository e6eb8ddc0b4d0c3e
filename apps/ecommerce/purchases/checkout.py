"""Start a checkout. https://docs.stripe.com/payments/checkout"""

from typing import Any

import stripe
from django.db import IntegrityError
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from apps.ecommerce.catalogue.unsellable import stop_selling
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.checkout_sessions import close_checkout, open_session
from apps.ecommerce.purchases.customers import billing_currency
from apps.ecommerce.purchases.entitlements import has_access, has_bought
from apps.ecommerce.purchases.external_subscriptions import includes_product, running_subscriptions
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.stripe_errors import (
    OTHER_CURRENCY_MESSAGE,
    ErrorKind,
    ShopCannotSell,
    buyer_message,
    error_kind,
    is_other_currency,
)
from apps.ecommerce.purchases.upgrades import upgradable_purchase
from apps.users.models import User

MAX_TRIES = 4
NOT_IN_THIS_CURRENCY = gettext_lazy(
    "This price is not available in the currency that you chose. You have not been charged. Please choose again."
)
NO_LONGER_AVAILABLE = gettext_lazy(
    "This price is no longer available. You have not been charged. Please choose again."
)


class CheckoutRefused(Exception):
    """The product can't be sold to this buyer. Nothing was charged, and the message is for the buyer."""


class PriceRefused(CheckoutRefused):
    """Stripe has just refused to sell the price, which the store does not offer any more. The founder has to act."""


class AlreadyOwned(CheckoutRefused):
    def __init__(self, configuration: ProductConfiguration) -> None:
        super().__init__(_("You already have access to %(product)s.") % {"product": configuration})


class AlreadySubscribed(CheckoutRefused):
    def __init__(self, purchase: Purchase) -> None:
        message = _(
            "You already have a subscription to %(product)s. You can manage it here. You have not been charged."
        )
        super().__init__(message % {"product": purchase.product})
        self.purchase = purchase


def start_checkout(
    user: User,
    configuration: ProductConfiguration,
    price_id: str,
    currency: str = "",
    *,
    origin: str,
    next_path: str = "",
) -> str:
    """Return the URL of Stripe's hosted page for paying the price.

    `currency` is one of the price's currencies; "" is its own. An upgrade is paid in the currency of the owned
    purchase, and a subscription in that of the buyer's other subscriptions. `origin` is the site's scheme and host,
    `next_path` the page to open after paying. While a Checkout Session is open, the same user, price and currency get
    the same Session, so two tabs pay once. Raise CheckoutRefused; stripe.StripeError if Stripe is unreachable or busy;
    ShopCannotSell if it refuses until the founder acts.
    """
    price = _sellable_price(configuration, price_id)
    currency = currency or price.currency
    if currency not in price.amounts:
        raise CheckoutRefused(NOT_IN_THIS_CURRENCY)
    try:
        return _open_checkout(user, configuration, price, currency, origin=origin, next_path=next_path)
    except stripe.StripeError as error:
        match error_kind(error):
            case ErrorKind.TEMPORARY:
                raise
            case ErrorKind.BUYER:
                raise CheckoutRefused(buyer_message(error)) from error
            case _:
                raise ShopCannotSell(error) from error


def _open_checkout(
    user: User, configuration: ProductConfiguration, price: Price, currency: str, **urls: str
) -> str:
    currency = _refuse_second_subscription(user, configuration, price, currency)
    try:
        return _open_checkout_in(currency, user, configuration, price, **urls)
    except stripe.InvalidRequestError as error:
        bound = billing_currency(user) if is_other_currency(error) else ""
        if bound == currency or bound not in price.amounts:
            raise
        return _open_checkout_in(bound, user, configuration, price, **urls)


def _open_checkout_in(
    currency: str,
    user: User,
    configuration: ProductConfiguration,
    price: Price,
    *,
    origin: str,
    next_path: str,
) -> str:
    for _try in range(MAX_TRIES):
        upgrade_of = _refuse_second_payment(user, configuration, price)
        terms = {"currency": upgrade_of.currency if upgrade_of else currency, "upgrade_of": upgrade_of}
        purchase = _get_or_create_open_purchase(user, price, next_path, terms)
        if purchase and _is_outdated(purchase, price, terms):
            close_checkout(purchase, "the price has changed")
            continue
        try:
            # After the purchase exists, so that two simultaneous requests find each other's purchase.
            _close_other_checkouts(user, price)
            is_same_choice = _refuse_second_payment(user, configuration, price) == upgrade_of
        except CheckoutRefused:  # another checkout was paid
            if purchase:
                close_checkout(purchase, "another choice was paid")
            raise
        if purchase is None or not is_same_choice:  # another checkout was paid: the price is an upgrade now
            continue
        purchase = _open_session(purchase, origin)
        if purchase.is_open and purchase.checkout_url:
            return purchase.checkout_url
        price.refresh_from_db()  # its currencies may have changed
    raise CheckoutRefused(
        _("We couldn't open the payment page. You have not been charged. Please try again.")
    )


def _is_outdated(purchase: Purchase, price: Price, terms: dict[str, Any]) -> bool:
    """Return whether the buyer chose another currency, or the owned purchase or the price's amount has changed."""
    is_same = all(getattr(purchase, name) == value for name, value in terms.items())
    amounts = {price.amounts.get(purchase.currency), 0 if price.trial_period_days else None}
    return not is_same or (not price.is_custom and purchase.amount_subtotal not in amounts)


def _open_session(purchase: Purchase, origin: str) -> Purchase:
    try:
        return open_session(purchase, origin)
    except stripe.StripeError as error:
        if error_kind(error) is not ErrorKind.PRICE:
            raise
        is_refused = stop_selling(purchase, error.user_message or str(error))
        refusal = PriceRefused if is_refused else CheckoutRefused  # it may merely be archived
        raise refusal(NO_LONGER_AVAILABLE) from error


def _sellable_price(configuration: ProductConfiguration, price_id: str) -> Price:
    """Return the price from the catalogue: amounts never come from the browser."""
    if not configuration.is_on_sale:
        raise CheckoutRefused(_("%(product)s is currently not available.") % {"product": configuration})
    for price in configuration.prices:
        if price.id == price_id:
            return price
    raise CheckoutRefused(NO_LONGER_AVAILABLE)


def _refuse_second_subscription(
    user: User, configuration: ProductConfiguration, price: Price, currency: str
) -> str:
    """Return the currency to charge: that of the user's subscriptions for another one, else the chosen one.

    Read the subscriptions from Stripe, because they may have changed without an event.
    """
    for subscription, purchase in running_subscriptions(user, "buy button"):
        if not includes_product(subscription, configuration.product):
            if price.is_recurring:
                currency = subscription["currency"]
            if currency not in price.amounts:
                raise CheckoutRefused(OTHER_CURRENCY_MESSAGE)
            continue
        if purchase is None:
            message = _(
                "You already have a subscription to %(product)s. You have not been charged. Please contact us."
            )
            raise CheckoutRefused(message % {"product": configuration})
        _refuse_if_running(purchase, configuration)
    return currency


def _refuse_second_payment(user: User, configuration: ProductConfiguration, price: Price) -> Purchase | None:
    """Return the purchase of which the price is an upgrade, if the user owns the product."""
    purchases = Purchase.objects.for_user(user).filter(product=configuration.product)
    upgrade_of = None
    if has_bought(user, configuration.product):
        upgrade_of = upgradable_purchase(purchases.select_related("price", "upgrade_of"), price)
        if upgrade_of is None:
            raise AlreadyOwned(configuration)
    if purchases.filter(status=Status.PROCESSING).exists():
        raise CheckoutRefused(
            _("Your payment for this product is being processed. You don't need to pay again.")
        )
    for purchase in purchases.with_running_subscription().select_related("product"):
        _refuse_if_running(purchase, configuration)
    return upgrade_of


def _refuse_if_running(purchase: Purchase, configuration: ProductConfiguration) -> None:
    purchase = sync_purchase(purchase, "buy button")  # its end may not have been reported yet
    if purchase.has_running_subscription:
        is_owned = has_access(purchase) and purchase.product_id == configuration.product_id
        raise AlreadyOwned(configuration) if is_owned else AlreadySubscribed(purchase)


def _close_other_checkouts(user: User, price: Price) -> None:
    others = Purchase.objects.for_user(user).filter(product_id=price.product_id, status=Status.OPEN)
    for purchase in others.exclude(price=price):
        if close_checkout(purchase, "another price was chosen").is_open:
            raise CheckoutRefused(
                _("You have another open checkout for this product. Please complete or cancel it first.")
            )


def _get_or_create_open_purchase(
    user: User, price: Price, next_path: str, terms: dict[str, Any]
) -> Purchase | None:
    """Return the open purchase of this user and price, which may have other terms, or create one with these.

    Return None if another request has just created it (constraint one_open_checkout), or one for another recurring
    price of the product (constraint one_open_recurring_checkout).
    """
    choice = {"price": price, "product": price.product_id, "status": Status.OPEN}
    purchase = Purchase.objects.for_user(user).filter(**choice).select_related("upgrade_of").first()
    fields = {"language": get_language() or "", **terms}
    try:
        purchase = purchase or Purchase.objects.create_for(user, price, "buy button", **fields)
    except IntegrityError:
        if not User.objects.filter(pk=user.pk).exists():  # deleted in another tab
            raise CheckoutRefused(_("This account no longer exists. You have not been charged.")) from None
        return None
    if next_path and purchase.next_path != next_path:
        purchase.next_path = next_path
        purchase.save(update_fields=["next_path"])
    return purchase
