"""The forms of discount codes. Their values are parameters of Stripe's API."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.catalogue.amounts import AmountError, parse_amount
from apps.ecommerce.models import MAX_CODE_LENGTH, DiscountCode, ProductConfiguration, shop_currencies
from apps.ecommerce.money import CHARGE_STEPS
from apps.ecommerce.purchases.discount_codes.rules import code_refusal

from .price_forms import AMOUNT_INPUT, amount_field

MAX_NAME_LENGTH = 40  # https://docs.stripe.com/api/coupons/create#create_coupon-name
MAX_NOTE_LENGTH = 500  # https://docs.stripe.com/api/metadata
MAX_USES = 2**31 - 1
PERCENT, AMOUNT = "percent", "amount"
DURATIONS = [
    (DiscountCode.Duration.ONCE, _("the first payment only")),
    (DiscountCode.Duration.REPEATING, _("the payments of some months")),
    (DiscountCode.Duration.FOREVER, _("each payment")),
]
# Stripe's parameter ▶ field of the form; the first that the parameter starts with
STRIPE_PARAMS = {
    "code": "code",
    "percent_off": "percent_off",
    "amount_off": "amount",
    "currency": "amount",
    "duration_in_months": "months",
    "duration": "duration",
    "applies_to": "products",
    "name": "name",
    "max_redemptions": "max_redemptions",
    "expires_at": "last_day",
    "restrictions[first_time_transaction]": "first_purchase_only",
    "restrictions": "minimum",
    "metadata": "note",
}
CURRENCY_PARAM = re.compile(r"currency_options\]?\[(\w{3})\]")


class NewCodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=MAX_CODE_LENGTH,
        widget=forms.TextInput({"autocapitalize": "characters", "autocomplete": "off", "autofocus": True}),
        help_text=_("What buyers enter: letters, digits and dashes. For example: SUMMER"),
    )
    kind = forms.ChoiceField(
        label=_("Discount"), choices=[(PERCENT, _("a percentage")), (AMOUNT, _("a fixed amount"))]
    )
    percent_off = forms.DecimalField(
        label=_("Percent"),
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=2,
        localize=True,
        widget=forms.TextInput(AMOUNT_INPUT),
    )
    duration = forms.ChoiceField(label=_("For subscriptions"), choices=DURATIONS)
    months = forms.IntegerField(
        label=_("Months"),
        required=False,
        min_value=1,
        max_value=MAX_USES,
        help_text=_("For “the payments of some months”."),
    )
    products = forms.MultipleChoiceField(
        label=_("Only for these products"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: all products."),
    )
    max_redemptions = forms.IntegerField(
        label=_("Maximum number of uses"),
        required=False,
        min_value=1,
        max_value=MAX_USES,
        help_text=_("Empty: any."),
    )
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Empty: no end."),
    )
    first_purchase_only = forms.BooleanField(
        label=_("Only for a first purchase"),
        required=False,
        help_text=_("Stripe refuses it to customers who have paid before."),
    )
    name = forms.CharField(
        label=_("Name for buyers"),
        required=False,
        max_length=MAX_NAME_LENGTH,
        help_text=_("On Stripe's page and on invoices. Empty: the code."),
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=MAX_NOTE_LENGTH, help_text=_("For you only.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ProductConfiguration.objects.select_related("product").order_by("position", "id")
        products = self.fields["products"]
        assert isinstance(products, forms.MultipleChoiceField)
        products.choices = [(row.product_id, row.product.name) for row in names]
        self.currencies = shop_currencies()
        for currency in self.currencies:
            code = currency.upper()
            self.fields[f"amount_{currency}"] = amount_field(_("Amount in %(currency)s") % {"currency": code})
            label = _("Smallest order in %(currency)s") % {"currency": code}
            self.fields[f"minimum_{currency}"] = amount_field(label)

    @property
    def amount_fields(self) -> list[forms.BoundField]:
        return [self[f"amount_{currency}"] for currency in self.currencies]

    @property
    def minimum_fields(self) -> list[forms.BoundField]:
        return [self[f"minimum_{currency}"] for currency in self.currencies]

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"])
        if not re.fullmatch("[A-Za-z0-9-]+", code):
            raise forms.ValidationError(gettext("Use only letters from A to Z, digits and dashes."))
        known = DiscountCode.objects.find(code)
        if known and not known.customer_id and code_refusal(known, None) is None:
            raise forms.ValidationError(
                gettext(
                    "There is a code with this text already. Switch it off first, or choose another text."
                )
            )
        return code

    def clean_last_day(self) -> datetime | None:
        """Return the end of the day in the shop's time zone."""
        day = self.cleaned_data["last_day"]
        if day is None:
            return None
        if day < timezone.localdate():
            raise forms.ValidationError(gettext("This day is over."))
        try:
            return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        except OverflowError:
            raise forms.ValidationError(gettext("Choose an earlier day.")) from None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.amounts = self._parse_amounts("amount") if data.get("kind") == AMOUNT else {}
        self.minimums = self._parse_amounts("minimum")
        if data.get("kind") == PERCENT and not data.get("percent_off") and "percent_off" not in self.errors:
            self.add_error("percent_off", gettext("Enter a percentage above 0."))
        is_wrong = any(name.startswith("amount_") for name in self.errors)
        if data.get("kind") == AMOUNT and not self.amounts and not is_wrong:
            self.add_error(f"amount_{self.currencies[0]}", gettext("Enter an amount."))
        if data.get("duration") == DiscountCode.Duration.REPEATING and not data.get("months"):
            self.add_error("months", gettext("Enter the number of months."))
        return data

    def coupon_params(self) -> dict[str, Any]:
        """Return the parameters of https://docs.stripe.com/api/coupons/create."""
        data = self.cleaned_data
        params: dict[str, Any] = {
            "name": data["name"] or data["code"][:MAX_NAME_LENGTH],
            "duration": str(data["duration"]),
        }
        if data["kind"] == PERCENT:
            params["percent_off"] = float(data["percent_off"])
        else:
            (currency, amount), *others = self.amounts.items()
            params |= {"amount_off": amount, "currency": currency}
            if others:
                params["currency_options"] = {code: {"amount_off": other} for code, other in others}
        if data["duration"] == DiscountCode.Duration.REPEATING:
            params["duration_in_months"] = data["months"]
        if data["products"]:
            params["applies_to"] = {"products": data["products"]}
        return params

    def promotion_params(self) -> dict[str, Any]:
        """Return the parameters of https://docs.stripe.com/api/promotion_codes/create, without the coupon."""
        data = self.cleaned_data
        params: dict[str, Any] = {"code": data["code"]}
        if data["max_redemptions"]:
            params["max_redemptions"] = data["max_redemptions"]
        if data["last_day"]:
            params["expires_at"] = int(data["last_day"].timestamp())
        if data["note"]:
            params["metadata"] = {"note": data["note"]}
        limits: dict[str, Any] = {}
        if data["first_purchase_only"]:
            limits["first_time_transaction"] = True
        if self.minimums:
            (currency, amount), *others = self.minimums.items()
            limits |= {"minimum_amount": amount, "minimum_amount_currency": currency}
            if others:
                limits["currency_options"] = {code: {"minimum_amount": other} for code, other in others}
        return params | ({"restrictions": limits} if limits else {})

    def find_field(self, param: str) -> str | None:
        """Return the field of a parameter that Stripe refused; None if there is no such field."""
        name = next((field for start, field in STRIPE_PARAMS.items() if param.startswith(start)), "")
        if param.startswith("currency_options"):
            name = "amount"
        if name not in (AMOUNT, "minimum"):
            return name or None
        option = CURRENCY_PARAM.search(param)
        values = self.amounts if name == AMOUNT else self.minimums
        currency = option[1] if option else next(iter(values), "")
        return f"{name}_{currency}" if currency in self.currencies else None

    def _parse_amounts(self, kind: str) -> dict[str, int]:
        amounts = {}
        for currency in self.currencies:
            name = f"{kind}_{currency}"
            text = (self.cleaned_data.get(name) or "").strip()
            if not text:
                continue
            try:
                amount = parse_amount(text, currency)
            except AmountError as error:
                self.add_error(name, str(error))
                continue
            if not amount or amount % CHARGE_STEPS.get(currency, 1):
                self.add_error(name, gettext("Enter an amount that can be charged."))
            else:
                amounts[currency] = amount
        return amounts


class CodeForm(forms.Form):
    """The fields of an existing code that can be changed."""

    note = NewCodeForm.base_fields["note"]
