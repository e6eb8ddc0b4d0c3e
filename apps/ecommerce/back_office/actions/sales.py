"""The actions of operators on sales outside the store that have no account yet."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.models import ExternalSale, OperatorAction
from apps.ecommerce.purchases.external_sales import adopt_sale, assign_sale, find_verified_account


class AccountForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail address of the account"))

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if find_verified_account(email) is None:
            message = _(
                "No account has confirmed this e-mail address. "
                "Ask the buyer to sign up with it, or enter the address of their account."
            )
            raise forms.ValidationError(message)
        return email


class SaleEmailForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("The buyer's e-mail address"), max_length=254)


class SaleAction:
    name: str
    permission: str
    title: str | Promise
    label: str | Promise
    form_class: type[AccountForm | SaleEmailForm]

    def describe(self, sale: ExternalSale) -> list[str]:
        raise NotImplementedError

    def run(self, sale: ExternalSale, entry: OperatorAction, data: dict[str, Any]) -> str:
        """Perform the action, and return what was done. Raise ActionRefused or stripe.StripeError."""
        raise NotImplementedError


class AssignSale(SaleAction):
    name = "assign-sale"
    permission = "ecommerce.assign_sale"
    title = gettext_lazy("Assign a sale to an account")
    label = gettext_lazy("Assign")
    form_class = AccountForm

    def describe(self, sale: ExternalSale) -> list[str]:
        texts = [
            _(
                "The account gets access to the product. If it is a subscription, the account can manage it, "
                "including the buyer's cards."
            ),
            _("This can't be undone."),
        ]
        if sale.also_sold:
            text = _("The same sale includes %(products)s. The account does not get access to it.")
            texts.append(text % {"products": sale.also_sold})
        return texts

    def run(self, sale: ExternalSale, entry: OperatorAction, data: dict[str, Any]) -> str:
        user = find_verified_account(data["email"])
        if user is None:
            raise ActionRefused(_("No account has confirmed this e-mail address."))
        purchase = assign_sale(sale, user, f"assigned by {entry.operator_name}")
        entry.purchase = purchase
        if purchase.user_id != user.pk:  # an assigned sale keeps its account
            raise ActionRefused(_("The sale belongs to another account: %(order)s.") % {"order": purchase})
        return _("Assigned: %(order)s.") % {"order": purchase}


class CorrectSaleEmail(SaleAction):
    name = "correct-sale-email"
    permission = "ecommerce.correct_email"
    title = gettext_lazy("Correct the buyer's e-mail address")
    label = gettext_lazy("Correct the e-mail address")
    form_class = SaleEmailForm

    def describe(self, sale: ExternalSale) -> list[str]:
        texts = [
            _("The sale at Stripe keeps its address. The store uses the new one to find the buyer's account.")
        ]
        if settings.ADOPT_FOREIGN_SALES:
            texts.append(_("An account that has confirmed the new address gets the product at once."))
        return texts

    def run(self, sale: ExternalSale, entry: OperatorAction, data: dict[str, Any]) -> str:
        rows = ExternalSale.objects.filter(pk=sale.pk, purchase=None)
        if not rows.update(email=data["email"]):
            raise ActionRefused(_("The sale has already been assigned."))
        entry.purchase = adopt_sale(rows.get(), f"address corrected by {entry.operator_name}")
        values = {"old": sale.email or "—", "new": data["email"], "order": entry.purchase}
        if entry.purchase:
            return (
                _("The address was changed from %(old)s to %(new)s, and the sale assigned: %(order)s.")
                % values
            )
        return _("The address was changed from %(old)s to %(new)s.") % values
