from typing import Any

from django import forms

from .. import permissions, presentment, switches


class SwitchesForm(forms.Form):
    delay_seconds = forms.FloatField(
        min_value=0,
        max_value=86400,
        label="Delay webhooks",
        help_text="Seconds until a new webhook is sent.",
    )
    late_seconds = forms.FloatField(
        min_value=0,
        max_value=86400,
        label="Delay payments",
        help_text="Seconds from the buyer's return until the payment completes.",
    )
    fail_next_n = forms.IntegerField(
        min_value=0,
        max_value=1000,
        label="Fail webhooks",
        help_text="How many of the next attempts fail without reaching the store.",
    )
    drop = forms.CharField(
        required=False,
        label="Drop webhooks",
        help_text="Event types that are not sent, such as checkout.session.* or * for all.",
    )
    duplicate = forms.BooleanField(
        required=False, label="Duplicate webhooks", help_text="Send every webhook twice."
    )
    reorder = forms.BooleanField(
        required=False, label="Reorder webhooks", help_text="Send the newest webhook first."
    )

    presentment_currency = forms.ChoiceField(
        required=False,
        choices=[("", "Currency of the price"), *((code, code.upper()) for code in presentment.CURRENCIES)],
        label="Adaptive Pricing",
        help_text="Currency in which buyers of new checkouts pay.",
    )
    cannot_charge = forms.BooleanField(
        required=False,
        label="Account cannot charge",
        help_text="Refuse checkouts, because Stripe has not activated the account.",
    )
    no_business_name = forms.BooleanField(
        required=False,
        label="Account has no name",
        help_text="Refuse checkouts, because the account has no business name.",
    )
    low_balance = forms.BooleanField(
        required=False,
        label="Balance is too low",
        help_text="Refunds of card payments wait for money in the account's balance.",
    )
    missing_permissions = forms.CharField(
        required=False,
        label="Missing permissions",
        help_text="What the restricted key may not do, such as checkout_session_write or plan_read.",
    )
    api_times = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=1000,
        label="Refuse API requests",
        help_text="How many of the next requests fail with the error below.",
    )
    api_path = forms.CharField(
        required=False,
        label="Only these requests",
        help_text="Such as POST /v1/checkout/sessions or /v1/prices/*. Empty: all.",
    )
    api_status = forms.IntegerField(
        required=False,
        max_value=599,
        label="Status of the error",
        help_text="HTTP status from 400 to 599, such as 400, 403, 429 or 500.",
    )
    api_code = forms.CharField(
        required=False, label="Code of the error", help_text="Such as amount_too_small or email_invalid."
    )
    api_message = forms.CharField(
        required=False, label="Message of the error", help_text="Stripe's words. Empty: a default text."
    )

    @classmethod
    def current(cls) -> "SwitchesForm":
        values: dict[str, Any] = vars(switches.current())
        shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
        lists = {name: " ".join(values[name]) for name in ("drop", "missing_permissions")}
        return cls(initial=shown | lists)

    def clean_drop(self) -> list[str]:
        return self._split("drop")

    def clean_missing_permissions(self) -> list[str]:
        names = self._split("missing_permissions")
        if unknown := [name for name in names if name not in permissions.NAMES]:
            raise forms.ValidationError(f"Unknown permissions: {', '.join(unknown)}.")
        return names

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        values |= {name: values.get(name) or 0 for name in ("api_status", "api_times")}
        if values["api_times"] and values["api_status"] < 400:
            self.add_error("api_status", "Enter a status from 400 to 599.")
        return values

    def _split(self, name: str) -> list[str]:
        return str(self.cleaned_data[name]).replace(",", " ").split()
