"""The form for the buyer's name or company, address and tax id."""

import logging
import re
from typing import Any

import stripe
from allauth.account.utils import get_next_redirect_url
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.core.rate_limits import consume, too_many_requests
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.purchases.billing_details import save_billing_details, tax_id_type
from apps.ecommerce.purchases.countries import country_choices
from apps.ecommerce.stripe_api.client import is_livemode
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.users.requests import SignedInRequest

logger = logging.getLogger(__name__)

# field ▶ https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill
AUTOCOMPLETE = {
    "name": "billing name",
    "line1": "billing address-line1",
    "line2": "billing address-line2",
    "postal_code": "billing postal-code",
    "city": "billing address-level2",
    "state": "billing address-level1",
    "country": "billing country",
    "tax_id": "off",
}
REQUIRED = ("name", "line1", "city", "country")


class BillingDetailsForm(forms.ModelForm):
    country = forms.ChoiceField(choices=lambda: [("", "—"), *country_choices()])

    class Meta:
        model = StripeCustomer
        fields = list(AUTOCOMPLETE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.required = name in REQUIRED
            field.help_text = ""
            field.widget.attrs["autocomplete"] = AUTOCOMPLETE[name]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        country, tax_id = data.get("country", ""), data.get("tax_id", "").upper()
        if (country, data.get("tax_id")) == (self.instance.country, self.instance.tax_id):
            data["tax_id_type"] = self.instance.tax_id_type  # Stripe's pages know more types
            return data
        kind = data["tax_id_type"] = tax_id_type(country, tax_id) if tax_id else ""
        data["tax_id"] = re.sub(r"[\s.-]", "", tax_id) if kind in ("eu_vat", "gb_vat") else tax_id
        if country and tax_id and not kind:
            self.add_error(
                "tax_id", _("We can't store tax ids of this country. Please leave this field empty.")
            )
        return data


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def billing_details(request: SignedInRequest) -> HttpResponseBase:
    customer = StripeCustomer.objects.filter(user=request.user, livemode=is_livemode()).first()
    form = BillingDetailsForm(request.POST or None, instance=customer)
    back = get_next_redirect_url(request)
    if request.method == "POST":
        if seconds := consume("portal", request):
            return too_many_requests(request, seconds)
        if form.is_valid() and _save(request, form):
            messages.success(request, _("Your billing details have been saved."))
            return redirect(back or "billing_details")
    return render(request, "ecommerce/billing_details.html", {"form": form, "back": back})


def _save(request: SignedInRequest, form: BillingDetailsForm) -> bool:
    """Return whether Stripe has accepted the details. Otherwise the form shows the error."""
    try:
        with stripe_deadline():
            save_billing_details(request.user, form.cleaned_data)
    except stripe.StripeError as error:
        if error.code == "tax_id_invalid":
            form.add_error("tax_id", _("This VAT or tax id is not valid. Please check it."))
        else:
            logger.exception("The billing details of user %s could not be saved", request.user.pk)
            text = _(
                "We couldn't save your billing details. Please try again in a minute or contact %(support)s."
            )
            form.add_error(None, text % {"support": settings.SUPPORT_EMAIL})
        return False
    return True
