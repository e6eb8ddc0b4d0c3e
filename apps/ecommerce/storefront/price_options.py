from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.ecommerce.models import MAX_CURRENCIES, Price, Purchase, cheapest, offered_currencies
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.subscriptions import billed_currency, trial_days
from apps.ecommerce.purchases.upgrades import upgrade_prices
from apps.users.models import User

MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class PriceOption:
    price: Price
    label: str  # "$9 / month"
    name: str  # "Team license", "Monthly"
    terms: str  # "Billed $9 every month. Cancel any time."
    saving: str  # "2 months free"
    button: str  # "Subscribe"
    currency: str = ""
    trial_days: int = 0
    code_note: str = ""  # "SUMMER: 20% off, at checkout you pay $7.20", if the visitor has a code
    in_currencies: Sequence[PriceOption] = ()  # one for each of currency_choices, if there are several


def price_options(prices: Sequence[Price], user: User | None, currency: str = "") -> list[PriceOption]:
    """Return the options in their own currencies, or all in `currency`."""
    return [_price_option(price, prices, trial_days(user, price), currency) for price in prices]


def options_in_currencies(prices: Sequence[Price], user: User | None) -> list[PriceOption]:
    """Return the options, each also in the currencies between which the buyer can choose."""
    codes = [code for code, _name in currency_choices(prices)]
    options = []
    for price in prices:
        trial = trial_days(user, price)
        variants = [_price_option(price, prices, trial, code) for code in codes]
        options.append(replace(_price_option(price, prices, trial), in_currencies=variants))
    return options


def currency_choices(prices: Sequence[Price]) -> list[tuple[str, str]]:
    """Return the values and names of the currencies: [("", "USD"), ("eur", "EUR")]. "" is each price's own currency.

    Empty if there is no choice.
    """
    codes = offered_currencies(prices)[:MAX_CURRENCIES]
    listed = {price.currency for price in prices}
    first = listed.pop().upper() if len(listed) == 1 else _("As listed")
    return [(code, code.upper() or first) for code in codes]


def shared_currency(prices: Sequence[Price], purchases: Sequence[Purchase]) -> str:
    """Return the currency in which Stripe bills all subscriptions of the user, if the buyer can't choose another.

    "" if there is no other to choose, or the prices do not have it. `purchases` are the user's.
    """
    currency = billed_currency(purchases)
    is_sold = any(currency in price.amounts for price in prices)
    is_fixed = is_sold and all(price.is_recurring for price in prices) and bool(currency_choices(prices))
    return currency if is_fixed else ""


def upgrade_options(prices: Sequence[Price], purchases: Sequence[Purchase]) -> list[PriceOption]:
    """Return the higher prices that an owner can buy for the difference. `purchases` are the user's, newest first."""
    options = []
    for price, amount, currency in upgrade_prices(prices, purchases):
        label = format_money(amount, currency, short=True)
        option = _price_option(price, prices, trial=0, currency=currency)
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
    lowest, currency = cheapest(prices), prices[0].currency
    amount = lowest.amounts[currency]
    if not amount:
        return lowest.label_in(currency)
    label = lowest.format_amount(amount, currency)
    terms = {
        (price.amounts[currency], price.interval, price.interval_count)
        for price in prices
        if currency in price.amounts
    }
    return _("From %(price)s") % {"price": label} if len(terms) > 1 or lowest.is_custom else label


def amount_limits(price: Price) -> str:
    """Return the limits of pay what you want: "From $5 to $100. Suggested: $10."; "" without limits."""
    amounts = {
        "minimum": price.custom_minimum,
        "maximum": price.custom_maximum,
        "preset": price.custom_preset,
    }
    values = {name: format_money(amount or 0, price.currency, short=True) for name, amount in amounts.items()}
    texts = []
    if price.custom_minimum and price.custom_maximum:
        texts.append(_("From %(minimum)s to %(maximum)s."))
    elif price.custom_minimum:
        texts.append(_("From %(minimum)s."))
    elif price.custom_maximum:
        texts.append(_("Up to %(maximum)s."))
    if price.custom_preset:
        texts.append(_("Suggested: %(preset)s."))
    return " ".join(texts) % values


def months_free(price: Price, prices: Sequence[Price]) -> int:
    """Return the whole months that a yearly price saves against the monthly price, in each of its currencies."""
    if (price.interval, price.interval_count) != ("year", 1):
        return 0
    monthly = [row for row in prices if (row.interval, row.interval_count) == ("month", 1)]
    savings = []
    for currency, per_year in price.amounts.items():
        per_month = next((row.amounts[currency] for row in monthly if currency in row.amounts), 0)
        savings.append(MONTHS_PER_YEAR - -(-per_year // per_month) if per_month else 0)
    return max(min(savings, default=0), 0)


def _price_option(price: Price, prices: Sequence[Price], trial: int, currency: str = "") -> PriceOption:
    currency = currency or price.currency
    free_months = months_free(price, prices) if currency in price.amounts else 0
    saving = ngettext("%(n)d month free", "%(n)d months free", free_months) % {"n": free_months}
    return PriceOption(
        price=price,
        label=price.label_in(currency) if currency in price.amounts else "—",
        name=price_name(price),
        terms=_terms(price, trial, currency),
        saving=saving if free_months else "",
        button=_button_text(price, trial, currency),
        currency=currency,
        trial_days=trial,
    )


def _terms(price: Price, trial: int, currency: str) -> str:
    amount = price.amounts.get(currency)
    if amount is None:
        return _("Not available in %(currency)s") % {"currency": currency.upper()}
    if price.is_custom:
        return f"{amount_limits(price)} {_('You enter the amount on the payment page.')}".strip()
    if not price.is_recurring:
        return _("One-time payment") if amount else _("No payment required")
    values = {
        "period": price.period,
        "amount": format_money(amount, currency, short=True),
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


def _button_text(price: Price, trial: int, currency: str) -> str:
    if currency not in price.amounts:
        return _("Not available")
    if price.is_custom:
        return _("Continue")
    if price.is_recurring:
        return _("Start free trial") if trial else _("Subscribe")
    return _("Get for free") if price.amounts[currency] == 0 else _("Buy now")
