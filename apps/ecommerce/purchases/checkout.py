"""Start a checkout. https://docs.stripe.com/payments/checkout"""

from collections.abc import Callable
from functools import partial
from typing import Any

import stripe
from django.db import IntegrityError
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from apps.ecommerce.catalogue.unsellable import stop_selling
from apps.ecommerce.models import DiscountCode, Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.checkout_refusals import (
    AccountNeeded,
    CheckoutRefused,
    refuse_second_payment,
    refuse_second_subscription,
)
from apps.ecommerce.purchases.checkout_sessions import close_checkout, open_session
from apps.ecommerce.purchases.customers import billing_currency
from apps.ecommerce.purchases.discount_codes.checkout_codes import (
    NO_CODE,
    CheckoutCode,
    is_code_refusal,
    refused_by_stripe,
    usable_code,
)
from apps.ecommerce.purchases.entitlements import has_bought
from apps.ecommerce.purchases.free_purchases import is_free, take_free
from apps.ecommerce.purchases.order_links import goods_url
from apps.ecommerce.purchases.stripe_errors import (
    ErrorKind,
    ShopCannotSell,
    buyer_message,
    error_kind,
    is_other_currency,
)
from apps.users.guests import Buyer, Guest
from apps.users.models import User

MAX_TRIES = 4
NOT_IN_THIS_CURRENCY = gettext_lazy(
    "This price is not available in the currency that you chose. You have not been charged. Please choose again."
)
NO_LONGER_AVAILABLE = gettext_lazy(
    "This price is no longer available. You have not been charged. Please choose again."
)


class PriceRefused(CheckoutRefused):
    """Stripe has just refused to sell the price, which the store no longer offers. The founder has to act."""


def start_checkout(
    user: Buyer,
    configuration: ProductConfiguration,
    price_id: str,
    currency: str = "",
    code: CheckoutCode = NO_CODE,
    *,
    origin: str,
    next_path: str = "",
) -> str:
    """Return the URL of Stripe's hosted page for paying the price, or of the product if it is free.

    `currency` is one of the price's currencies; "" is its own. An upgrade is paid in the currency of the owned
    purchase, and a subscription in that of the buyer's other subscriptions. `origin` is the site's scheme and host,
    `next_path` the page to open after paying. While a Checkout Session is open, the same buyer, price and currency get
    the same Session, so two tabs pay once. Raise CheckoutRefused; AccountNeeded if a guest can't buy this; CodeRefused
    if the product page promised a discount that the code does not give; stripe.StripeError if Stripe is unreachable or
    busy; ShopCannotSell if it refuses until the founder acts.
    """
    price = _sellable_price(configuration, price_id)
    if isinstance(user, User) and is_free(price) and not has_bought(user, configuration.product):
        purchase = take_free(user, price)
        return next_path or goods_url(purchase)
    if price.trial_period_days and isinstance(user, Guest):
        raise AccountNeeded
    currency = currency or price.currency
    if currency not in price.amounts:
        raise CheckoutRefused(NOT_IN_THIS_CURRENCY)
    try:
        return _open_checkout(user, configuration, price, currency, code, origin=origin, next_path=next_path)
    except stripe.StripeError as error:
        match error_kind(error):
            case ErrorKind.TEMPORARY:
                raise
            case ErrorKind.BUYER:
                raise CheckoutRefused(buyer_message(error)) from error
            case _:
                raise ShopCannotSell(error) from error


def _open_checkout(
    user: Buyer,
    configuration: ProductConfiguration,
    price: Price,
    chosen_currency: str,
    code: CheckoutCode,
    **urls: str,
) -> str:
    currency = refuse_second_subscription(user, configuration, price, chosen_currency)
    find_code = partial(usable_code, code, user, price, chosen_currency=chosen_currency)
    try:
        return _open_checkout_in(currency, user, configuration, price, find_code, **urls)
    except stripe.InvalidRequestError as error:
        bound = billing_currency(user) if is_other_currency(error) else ""
        if bound == currency or bound not in price.amounts:
            raise
        return _open_checkout_in(bound, user, configuration, price, find_code, **urls)


def _open_checkout_in(
    currency: str,
    user: Buyer,
    configuration: ProductConfiguration,
    price: Price,
    find_code: Callable[..., DiscountCode | None],
    *,
    origin: str,
    next_path: str,
) -> str:
    for _try in range(MAX_TRIES):
        upgrade_of = refuse_second_payment(user, configuration, price)
        currency = upgrade_of.currency if upgrade_of else currency
        code = find_code(currency=currency, upgrade_of=upgrade_of)
        terms = {"currency": currency, "upgrade_of": upgrade_of, "discount_code": code}
        purchase = _get_or_create_open_purchase(user, price, next_path, terms)
        if purchase and _is_outdated(purchase, price, terms):
            close_checkout(purchase, "the price has changed")
            continue
        try:
            # After the purchase exists, so that two simultaneous requests find each other's purchase.
            _close_other_checkouts(user, price)
            is_same_choice = refuse_second_payment(user, configuration, price) == upgrade_of
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
    """Return whether the buyer's currency or code, the owned purchase or the price's amount has changed."""
    is_same = all(getattr(purchase, name) == value for name, value in terms.items())
    amounts = {price.amounts.get(purchase.currency), 0 if price.trial_period_days else None}
    return not is_same or (not price.is_custom and purchase.amount_subtotal not in amounts)


def _open_session(purchase: Purchase, origin: str) -> Purchase:
    try:
        return open_session(purchase, origin)
    except stripe.StripeError as error:
        if purchase.discount_code and purchase.buyer and is_code_refusal(error):
            raise refused_by_stripe(purchase.discount_code, purchase.buyer, error) from error
        if error_kind(error) is not ErrorKind.PRICE:
            raise
        is_refused = stop_selling(purchase, error.user_message or str(error))
        refusal = PriceRefused if is_refused else CheckoutRefused  # the price may only be archived
        raise refusal(NO_LONGER_AVAILABLE) from error


def _sellable_price(configuration: ProductConfiguration, price_id: str) -> Price:
    """Return the price from the catalogue: amounts never come from the browser."""
    if not configuration.is_on_sale:
        raise CheckoutRefused(_("%(product)s is currently not available.") % {"product": configuration})
    for price in configuration.prices:
        if price.id == price_id:
            return price
    raise CheckoutRefused(NO_LONGER_AVAILABLE)


def _close_other_checkouts(user: Buyer, price: Price) -> None:
    others = Purchase.objects.for_user(user).filter(product_id=price.product_id, status=Status.OPEN)
    for purchase in others.exclude(price=price):
        if close_checkout(purchase, "another price was chosen").is_open:
            raise CheckoutRefused(
                _("You have another open checkout for this product. Please complete or cancel it first.")
            )


def _get_or_create_open_purchase(
    user: Buyer, price: Price, next_path: str, terms: dict[str, Any]
) -> Purchase | None:
    """Return the open purchase of this user and price, which may have other terms, or create one with these.

    Return None if another request has just created it (constraint one_open_checkout), or one for another recurring
    price of the product (constraint one_open_recurring_checkout).
    """
    choice = {"price": price, "product": price.product_id, "status": Status.OPEN}
    purchase = (
        Purchase.objects.for_user(user).filter(**choice).select_related("upgrade_of", "discount_code").first()
    )
    fields = {"language": get_language() or "", **terms}
    try:
        purchase = purchase or Purchase.objects.create_for(user, price, "buy button", **fields)
    except IntegrityError:
        if user.pk and not User.objects.filter(pk=user.pk).exists():  # the account was deleted in another tab
            raise CheckoutRefused(_("This account no longer exists. You have not been charged.")) from None
        return None
    if next_path and purchase.next_path != next_path:
        purchase.next_path = next_path
        purchase.save(update_fields=["next_path"])
    return purchase
