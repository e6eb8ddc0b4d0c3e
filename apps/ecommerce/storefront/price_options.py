from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.ecommerce.models import Price, Purchase, cheapest
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.subscriptions import trial_days
from apps.ecommerce.purchases.upgrades import upgrade_prices
from apps.users.models import User

MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class PriceOption:
    price: Price
    label: str  # "$9 / month"
    name: str  # "Team licence", "Monthly"
    terms: str  # "Billed $9 every month. Cancel any time."
    saving: str  # "2 months free"
    button: str  # "Subscribe"


def price_options(prices: Sequence[Price], user: User | None) -> list[PriceOption]:
    return [_price_option(price, prices, trial_days(user, price)) for price in prices]


def upgrade_options(prices: Sequence[Price], purchases: Sequence[Purchase]) -> list[PriceOption]:
    """Return the higher prices that an owner can buy for the difference. `purchases` are the user's, newest first."""
    options = []
    for price, amount in upgrade_prices(prices, purchases):
        label = format_money(amount, price.currency, short=True)
        option = _price_option(price, prices, trial=0)
        options.append(replace(option, label=label, button=_("Upgrade for %(amount)s") % {"amount": label}))
    return options


def price_name(price: Price) -> str:
    return price.nickname or interval_name(price)


def bought_price_name(purchase: Purchase) -> str:
    """Return the price's name when it was bought."""
    return purchase.price_name or interval_name(purchase.price)


def interval_name(price: Price) -> str:
    if not price.is_recurring:
        return _("One-time payment")
    names = {"day": _("Daily"), "week": _("Weekly"), "month": _("Monthly"), "year": _("Yearly")}
    if price.interval_count == 1:
        return names.get(price.interval, price.interval)
    return _("Every %(period)s") % {"period": price.period}


def product_label(prices: Sequence[Price]) -> str:
    if not prices:
        return _("Not available")
    lowest = cheapest(prices)
    several = len({(price.unit_amount, price.interval, price.interval_count) for price in prices}) > 1
    return _("From %(price)s") % {"price": lowest.label} if several and lowest.unit_amount else lowest.label


def months_free(price: Price, prices: Sequence[Price]) -> int:
    """Return the whole months that a yearly price saves against the monthly price in the same currency."""
    if (price.interval, price.interval_count) != ("year", 1):
        return 0
    monthly = ("month", 1, price.currency)
    amounts = (p.unit_amount for p in prices if (p.interval, p.interval_count, p.currency) == monthly)
    per_month = next(amounts, None)
    return max(MONTHS_PER_YEAR - -(-(price.unit_amount or 0) // per_month), 0) if per_month else 0


def _price_option(price: Price, prices: Sequence[Price], trial: int) -> PriceOption:
    free_months = months_free(price, prices)
    saving = ngettext("%(n)d month free", "%(n)d months free", free_months) % {"n": free_months}
    return PriceOption(
        price=price,
        label=price.label,
        name=price_name(price),
        terms=_terms(price, trial),
        saving=saving if free_months else "",
        button=_button_text(price, trial),
    )


def _terms(price: Price, trial: int) -> str:
    if not price.is_recurring:
        return _("One-time payment") if price.unit_amount else _("No payment required")
    values = {
        "period": price.period,
        "amount": format_money(price.unit_amount or 0, price.currency, short=True),
        "days": trial,
    }
    if trial:
        text = ngettext(
            "%(days)d day free, then %(amount)s every %(period)s. Cancel any time.",
            "%(days)d days free, then %(amount)s every %(period)s. Cancel any time.",
            trial,
        )
        return text % values
    return _("Billed %(amount)s every %(period)s. Cancel any time.") % values


def _button_text(price: Price, trial: int) -> str:
    if price.is_recurring:
        return _("Start free trial") if trial else _("Subscribe")
    return _("Buy now") if price.unit_amount else _("Get for free")
