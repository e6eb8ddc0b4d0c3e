from typing import Any

from django import forms

from .. import presentment, switches


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

    @classmethod
    def current(cls) -> "SwitchesForm":
        values: dict[str, Any] = vars(switches.current())
        shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
        return cls(initial=shown | {"drop": " ".join(values["drop"])})

    def clean_drop(self) -> list[str]:
        return str(self.cleaned_data["drop"]).replace(",", " ").split()
