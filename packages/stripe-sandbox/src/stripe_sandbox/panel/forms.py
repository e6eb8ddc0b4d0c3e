from typing import Any

from django import forms

from .. import switches


class SwitchesForm(forms.Form):
    delay_seconds = forms.FloatField(
        min_value=0,
        max_value=86400,
        label="Delay webhooks",
        help_text="Seconds to hold every new webhook back.",
    )
    late_seconds = forms.FloatField(
        min_value=0,
        max_value=86400,
        label="Confirm late",
        help_text="The buyer returns at once, the payment completes this many seconds later.",
    )
    fail_next_n = forms.IntegerField(
        min_value=0,
        max_value=1000,
        label="Fail the next",
        help_text="Attempts that fail before the store is reached.",
    )
    drop = forms.CharField(
        required=False,
        label="Drop",
        help_text="Event types never to send, such as checkout.session.* or * for all.",
    )
    duplicate = forms.BooleanField(required=False, label="Duplicate", help_text="Send every webhook twice.")
    reorder = forms.BooleanField(required=False, label="Reorder", help_text="Send the newest first.")

    @classmethod
    def current(cls) -> "SwitchesForm":
        values: dict[str, Any] = vars(switches.current())
        shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
        return cls(initial=shown | {"drop": " ".join(values["drop"])})

    def clean_drop(self) -> list[str]:
        return str(self.cleaned_data["drop"]).replace(",", " ").split()
