"""Correct the e-mail address of an order that belongs to no account.

Users sign in with the address of their account, so only they can change it, and they have to confirm the new one. An
order keeps the address at which it was bought; the store uses it once the account is deleted.
"""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.back_office.actions.base import ActionForm, OrderAction
from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.guest_orders import UNPAID, correct_address
from apps.users.models import UserManager


class AddressForm(ActionForm):
    email = forms.EmailField(label=gettext_lazy("Correct e-mail address"), max_length=254)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email == self.purchase.email:
            raise forms.ValidationError(_("The order has this address already."))
        return email


class CorrectEmail(OrderAction):
    name = "correct-email"
    permission = "ecommerce.correct_email"
    label = gettext_lazy("Correct the e-mail address")
    form_class = AddressForm

    def is_possible(self, purchase: Purchase) -> bool:
        is_unpaid = purchase.is_unclaimed and purchase.status in UNPAID
        # Access that waits for an address stays at it.
        return purchase.user_id is None and not purchase.is_waiting and not is_unpaid

    def describe(self, purchase: Purchase) -> list[str]:
        if purchase.is_unclaimed:
            return [
                _("The buyer has no account yet. E-mails about this order go to %(email)s.")
                % {"email": purchase.email},
                _("We e-mail a link to the order to the new address. Links to the old address stop working."),
            ]
        return [
            _("The buyer's account was deleted. E-mails about this order go to %(email)s.")
            % {"email": purchase.email},
            _(
                "E-mails about it go to the new address from now on. They name the product, the price and the buyer."
            ),
            _("The new address gets no account and no access. Stripe's receipts keep the old one."),
        ]

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        email = UserManager.normalize_email(data["email"])
        if purchase.is_unclaimed:
            is_changed = correct_address(purchase, email)
        else:
            rows = Purchase.objects.filter(pk=purchase.pk, user=None, guest_token="", email=purchase.email)
            is_changed = bool(rows.update(email=email))
        if not is_changed:
            raise ActionRefused(_("The order has changed. Look at it again."))
        values = {"old": purchase.email, "new": email}
        return _("The address was changed from %(old)s to %(new)s.") % values
