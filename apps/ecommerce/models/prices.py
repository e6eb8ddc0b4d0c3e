"""Price is a copy of Stripe's object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.money import (
    CHARGE_STEPS,
    format_money,
    format_period,
    has_uncharged_fraction,
    is_chargeable,
)

from .catalogue import Product
from .fields import STRIPE_ID_LENGTH

MAX_CURRENCIES = 12  # on a product page; static/css/components/currency-choice.css has a rule for each


class Price(models.Model):
    """Copy of a Stripe Price. https://docs.stripe.com/api/prices/object"""

    class Type(models.TextChoices):
        ONE_TIME = "one_time", _("one-time")
        RECURRING = "recurring", _("recurring")

    class Unsellable(models.TextChoices):
        """Why the store can't sell a price that is active at Stripe."""

        CUSTOM_AMOUNT = "custom_amount", _("buyers can't choose the amount of a subscription")
        FRACTIONAL = "fractional", _("its amount has fractions of the smallest unit")
        METERED = "metered", _("it is charged by usage")
        TIERED = "tiered", _("it has tiers")
        TOO_SMALL = "too_small", _("its amount is below Stripe's minimum charge")

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="prices")
    active = models.BooleanField(default=True)
    currency = models.CharField(max_length=3)
    unit_amount = models.BigIntegerField(
        null=True,
        blank=True,
        help_text=_(
            "In the smallest unit, such as cents. Empty if Stripe calculates it (tiers, pay what you want)."
        ),
    )
    currency_options = models.JSONField(
        default=dict,
        blank=True,
        help_text=_(
            "Amounts in other currencies that buyers can choose. Null if the store can't charge the amount."
        ),
    )
    custom_minimum = models.BigIntegerField(
        null=True,
        blank=True,
        help_text=_("Pay what you want: the smallest amount. Empty if buyers can't choose the amount."),
    )
    custom_maximum = models.BigIntegerField(
        null=True, blank=True, help_text=_("Pay what you want: the largest amount, if it is limited.")
    )
    custom_preset = models.BigIntegerField(
        null=True, blank=True, help_text=_("Pay what you want: the amount that Stripe's page suggests.")
    )
    type = models.CharField(max_length=10, choices=Type.choices)
    interval = models.CharField(max_length=5, blank=True, help_text=_("day, week, month or year"))
    interval_count = models.PositiveIntegerField(default=1)
    trial_period_days = models.PositiveIntegerField(default=0)
    nickname = models.CharField(max_length=500, blank=True)
    plan = models.CharField(
        max_length=500,
        blank=True,
        help_text=_(
            "Name of the plan for @product_required(plans=…): the lookup key or the nickname that the price had first."
        ),
    )
    unsellable = models.CharField(
        max_length=20, choices=Unsellable.choices, blank=True, help_text=_("Why the store can't sell it.")
    )
    refusal = models.TextField(
        blank=True,
        help_text=_(
            "Stripe's error message when it refused to sell the price, which the store no longer sells."
        ),
    )
    synced_at = models.DateTimeField(help_text=_("When this copy was last synced from Stripe."))

    class Meta:
        ordering = ["currency", "unit_amount", "id"]

    def __str__(self) -> str:
        return f"{self.product.name}: {self.label}"

    @property
    def label(self) -> str:
        """Return the price in its own currency: "$9", "$9 / month", "$25 / 3 months", "Free" or "Name your price"."""
        return self.label_in(self.currency)

    def label_in(self, currency: str) -> str:
        if self.is_custom:
            return gettext("Name your price")
        amount = self.amount_in(currency)
        return gettext("Price on request") if amount is None else self.format_amount(amount, currency)

    def amount_in(self, currency: str) -> int | None:
        """Return the fixed amount in a currency, also if the store does not sell it."""
        amount: int | None = self.currency_options.get(currency)
        return self.unit_amount if currency == self.currency else amount

    def format_amount(self, amount: int, currency: str) -> str:
        if not amount and not self.is_recurring:
            return gettext("Free")
        text = format_money(amount, currency, short=True)
        if not self.is_recurring:
            return text
        return gettext("%(amount)s / %(period)s") % {"amount": text, "period": self.period}

    @property
    def amounts(self) -> dict[str, int]:
        """Return the amounts of the currencies in which the store sells the price, its own currency first.

        The amount of pay what you want is the minimum.
        """
        amount = self.custom_minimum if self.is_custom else self.unit_amount
        if amount is None:
            return {}
        others = sorted(self.currency_options.items())
        return {self.currency: amount} | {code: n for code, n in others if is_chargeable(n, code)}

    @property
    def is_custom(self) -> bool:
        """Return whether buyers choose the amount. https://docs.stripe.com/payments/checkout/pay-what-you-want"""
        return self.custom_minimum is not None

    @property
    def costs_nothing(self) -> bool:
        """Return whether the price is zero in each of its currencies."""
        return not self.is_custom and not any(self.amounts.values())

    @property
    def period(self) -> str:
        return format_period(self.interval, self.interval_count)

    @property
    def is_recurring(self) -> bool:
        return self.type == self.Type.RECURRING

    @property
    def is_sellable(self) -> bool:
        return self.active and bool(self.amounts) and not self.unsellable and not self.refusal

    @property
    def unsellable_reason(self) -> str:
        """Return why the store can't sell the price, or not in each currency, for the founder; "" if it can."""
        if not self.active:
            return gettext("it is archived at Stripe")
        if self.refusal:
            return gettext("Stripe refused to sell it: %(refusal)s") % {"refusal": self.refusal}
        if self.unsellable:
            return self._unchargeable_reason(self.unit_amount, self.currency) or self.get_unsellable_display()
        unsold = sorted(self.currency_options.keys() - self.amounts.keys())
        return "; ".join(self._unsold_currency(code) for code in unsold)

    def _unsold_currency(self, currency: str) -> str:
        amount = self.currency_options[currency]
        reason = self._unchargeable_reason(amount, currency) or str(self.Unsellable.TOO_SMALL.label)
        if amount is None:
            reason = gettext("Stripe has no fixed amount for it, or refused it")
        return gettext("not in %(currency)s: %(reason)s") % {"currency": currency.upper(), "reason": reason}

    def _unchargeable_reason(self, amount: int | None, currency: str) -> str:
        if amount is None or not has_uncharged_fraction(amount, currency):
            return ""
        step = format_money(CHARGE_STEPS[currency], currency)
        return gettext("its amount is not a multiple of %(step)s") % {"step": step}


def cheapest(prices: Sequence[Price]) -> Price:
    """Return the lowest of the prices that are sold in the currency of the first one, the default price."""
    currency = prices[0].currency
    return min(
        (price for price in prices if currency in price.amounts), key=lambda price: price.amounts[currency]
    )


def offered_currencies(prices: Sequence[Price]) -> list[str]:
    """Return the currencies between which buyers of a product can choose, "" for each price's own. Empty for only one.

    The product page offers the first MAX_CURRENCIES.
    """
    if all(len(price.amounts) == 1 for price in prices):
        return []
    listed = {price.currency for price in prices}
    codes = {code for price in prices for code in price.amounts}
    return ["", *sorted(codes - listed if len(listed) == 1 else codes)]


def shop_currencies() -> list[str]:
    """Return the currencies of the products for sale, the most frequent one first."""
    counts: Counter[str] = Counter()
    for price in Price.objects.filter(active=True).only("currency", "currency_options"):
        codes = [price.currency, price.currency, *price.currency_options]  # the main currency counts twice
        counts.update(codes)
    found = sorted(counts, key=lambda currency: (-counts[currency], currency))
    return found[:MAX_CURRENCIES] or ["usd"]
