"""Refuse a checkout that would charge a buyer twice for a product."""

from django.utils.translation import gettext as _

from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access, has_bought
from apps.ecommerce.purchases.external_subscriptions import includes_product, running_subscriptions
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.stripe_errors import OTHER_CURRENCY_MESSAGE
from apps.ecommerce.purchases.upgrades import upgradable_purchase
from apps.users.guests import Buyer


class CheckoutRefused(Exception):
    """The product can't be sold to this buyer. Nothing was charged, and the message is for the buyer."""


class AccountNeeded(Exception):
    """Guests can't buy this: free trials and codes for first purchases are limited to one per person."""


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


def refuse_second_subscription(
    user: Buyer, configuration: ProductConfiguration, price: Price, currency: str
) -> str:
    """Return the currency to charge: the chosen one, but for subscriptions that of the user's other subscriptions.

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


def refuse_second_payment(user: Buyer, configuration: ProductConfiguration, price: Price) -> Purchase | None:
    """Return the purchase that the price would upgrade, if the user owns the product."""
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
