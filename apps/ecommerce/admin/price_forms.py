"""The rows of prices in the product editor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.catalogue.amounts import AmountError, format_amount, parse_amount
from apps.ecommerce.catalogue.product_values import PriceValues
from apps.ecommerce.catalogue.rows import CURRENCIES, clean_line
from apps.ecommerce.money import MIN_CHARGES, format_period

MAX_PRICES = 50
MAX_TRIAL_DAYS = 730  # https://docs.stripe.com/api/subscriptions/create
# https://docs.stripe.com/api/prices/create
MAX_INTERVALS = {
    "day": 1095,
    "week": 156,
    "month": 36,
    "year": 3,
}
INTERVALS = {"month": ("month", 1), "year": ("year", 1)}
KINDS = [
    ("one_time", _("one-time")),
    ("month", _("each month")),
    ("year", _("each year")),
    ("every", _("in another interval")),
    ("free", _("free")),
    ("custom", _("pay what you want")),
]
UNITS = [("day", _("days")), ("week", _("weeks")), ("month", _("months")), ("year", _("years"))]
AMOUNT_INPUT = {"inputmode": "decimal", "autocomplete": "off"}


def amount_field(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=40, widget=forms.TextInput(AMOUNT_INPUT))


class PriceForm(forms.Form):
    is_default = False

    id = forms.CharField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=_("Payment"), choices=KINDS, initial="one_time")
    amount = amount_field(_("Amount"))
    currency = forms.CharField(
        label=_("Currency"),
        max_length=3,
        widget=forms.TextInput({"list": "currencies", "autocapitalize": "characters", "autocomplete": "off"}),
    )
    interval_count = forms.IntegerField(label=_("Every"), required=False, min_value=1, initial=1)
    interval = forms.ChoiceField(label=_("Unit"), required=False, choices=UNITS, initial="month")
    trial_days = forms.IntegerField(
        label=_("Free trial, in days"), required=False, min_value=0, max_value=MAX_TRIAL_DAYS
    )
    minimum = amount_field(_("Smallest amount"))
    preset = amount_field(_("Suggested amount"))
    maximum = amount_field(_("Largest amount"))
    nickname = forms.CharField(
        label=_("Name of the option"),
        required=False,
        max_length=500,
        help_text=_("For example: Team license"),
    )

    def __init__(self, *args: Any, known: Mapping[str, PriceValues], currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known
        self.fields["currency"].initial = currency.upper()
        self.values: PriceValues | None = None
        key = self["id"].value() if self.is_bound else self.initial.get("id")
        self.saved = known.get(str(key or ""))
        if self.saved and self.saved.is_fixed:
            for name in self.fields.keys() - {"nickname", "id", "DELETE"}:
                self.fields[name].required = False

    @property
    def saved_label(self) -> str:
        return describe_price(self.saved) if self.saved else ""

    @property
    def is_fixed(self) -> bool:
        return bool(self.saved and self.saved.is_fixed)

    def clean_currency(self) -> str:
        code = clean_line(self.cleaned_data["currency"]).lower()
        if code.upper() not in CURRENCIES and not self.is_fixed:
            raise forms.ValidationError(gettext("Enter the three-letter code of a currency, such as EUR."))
        return code

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        nickname = clean_line(data.get("nickname"))
        if self.saved and self.saved.is_fixed:
            self.values = replace(self.saved, nickname=nickname)
        elif currency := data.get("currency"):
            values = PriceValues(self.saved.id if self.saved else "", currency=currency, nickname=nickname)
            values = self._with_amounts(values, data.get("kind", ""))
            self.values = self._with_interval(values, data.get("kind", ""))
        return data

    def _with_amounts(self, values: PriceValues, kind: str) -> PriceValues:
        currency = values.currency
        if kind == "free":
            return replace(values, amount=0)
        if kind != "custom":
            amount = self._amount("amount", currency)
            if amount is None and "amount" not in self.errors:
                self.add_error("amount", gettext("Enter an amount."))
            if amount:
                self._check_minimum("amount", amount, currency)
            return replace(values, amount=amount if amount is not None else 0)
        minimum, preset, maximum = (self._amount(name, currency) for name in ("minimum", "preset", "maximum"))
        for name, limit in (("minimum", minimum), ("preset", preset), ("maximum", maximum)):
            if limit:
                self._check_minimum(name, limit, currency)
        if minimum and maximum and minimum > maximum:
            self.add_error("maximum", gettext("The largest amount is below the smallest one."))
        elif preset and not (minimum or 0) <= preset <= (maximum or preset):
            self.add_error("preset", gettext("The suggested amount is not between the other two."))
        return replace(values, minimum=minimum or None, preset=preset or None, maximum=maximum or None)

    def _with_interval(self, values: PriceValues, kind: str) -> PriceValues:
        if kind not in ("month", "year", "every"):
            return values
        unit, count = INTERVALS.get(kind) or (
            self.cleaned_data.get("interval") or "month",
            self.cleaned_data.get("interval_count") or 1,
        )
        if count > MAX_INTERVALS[unit]:
            text = gettext("Stripe's longest interval is three years.")
            self.add_error("interval_count", text)
        trial_days = self.cleaned_data.get("trial_days") or 0
        return replace(values, interval=unit, interval_count=count, trial_days=trial_days)

    def _amount(self, name: str, currency: str) -> int | None:
        text = clean_line(self.cleaned_data.get(name))
        try:
            return parse_amount(text, currency) if text else None
        except AmountError as error:
            self.add_error(name, str(error))
            return None

    def _check_minimum(self, name: str, amount: int, currency: str) -> None:
        least = MIN_CHARGES.get(currency, 1)
        if amount < least:
            shown = f"{format_amount(least, currency)} {currency.upper()}"
            self.add_error(name, gettext("Stripe charges at least %(amount)s.") % {"amount": shown})

    @staticmethod
    def initial_values(price: PriceValues) -> dict[str, Any]:
        def shown(amount: int | None) -> str:
            return "" if amount is None else format_amount(amount, price.currency)

        return {
            "id": price.id,
            "kind": _kind(price),
            "amount": shown(price.amount),
            "currency": price.currency.upper(),
            "interval_count": price.interval_count,
            "interval": price.interval or "month",
            "trial_days": price.trial_days or "",
            "minimum": shown(price.minimum),
            "preset": shown(price.preset),
            "maximum": shown(price.maximum),
            "nickname": price.nickname,
        }


def describe_price(price: PriceValues) -> str:
    """Return "19.99 USD each month: Team"."""
    amount = "" if price.amount is None else f"{format_amount(price.amount, price.currency)} "
    kind = str(dict(KINDS)[_kind(price)])
    if price.interval and (price.interval, price.interval_count) not in INTERVALS.values():
        kind = format_period(price.interval, price.interval_count)
    words = f"{amount}{price.currency.upper()} · {kind}"
    return f"{words} · {price.nickname}" if price.nickname else words


def _kind(price: PriceValues) -> str:
    if price.is_custom:
        return "custom"
    if not price.interval:
        return "one_time" if price.amount else "free"
    return price.interval if (price.interval, price.interval_count) in INTERVALS.values() else "every"
