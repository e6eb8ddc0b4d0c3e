"""Grant access, revoke and restore it, and see the shop as a buyer."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.ecommerce.back_office.actions.base import ActionForm, OrderAction
from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.back_office.view_as_buyer import can_be_viewed, describe_view, start_view, view_message
from apps.ecommerce.models import ACCESS_STATUSES, OperatorAction, Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import purchases_with_access
from apps.ecommerce.purchases.manual_access import AlreadyGiven, give_access, restore_access, revoke_access
from apps.ecommerce.purchases.messages.values import message_values
from apps.users.models import UserManager

GIVE_ACCESS = "give_access"  # name of the action in the audit log
GIVE_PERMISSION = "ecommerce.grant_access"
MAX_REASON_LENGTH = 1000


class ReasonForm(ActionForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Only operators see it."),
    )
    sends_email = forms.BooleanField(label=gettext_lazy("Notify the buyer by e-mail"), required=False)


class RevokeAccess(OrderAction):
    name = "revoke"
    permission = "ecommerce.revoke_access"
    label = gettext_lazy("Revoke access")
    is_destructive = True
    form_class = ReasonForm

    def is_possible(self, purchase: Purchase) -> bool:
        unpaid = (Status.OPEN, Status.EXPIRED, Status.FAILED, Status.CANCELED)
        return purchase.revoked_at is None and purchase.status not in unpaid

    def describe(self, purchase: Purchase) -> list[str]:
        texts = [
            _(
                "This order gives no access to %(product)s any more, whatever happens to its payments, "
                "until you restore the access."
            )
            % {"product": purchase.product_name},
            _("Nothing is refunded."),
            describe_further_charges(purchase),
        ]
        others = purchases_with_access().filter(product=purchase.product_id, user=purchase.user)
        numbers = others.exclude(pk=purchase.pk).values_list("order_number", flat=True)
        if purchase.user and numbers:
            text = ngettext(
                "The buyer still has access through this order: %(orders)s.",
                "The buyer still has access through these orders: %(orders)s.",
                len(numbers),
            )
            texts.append(text % {"orders": ", ".join(numbers)})
        return texts

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        cause = f"access revoked by {entry.operator_name}"
        revoke_access(purchase, cause, sends_email=data["sends_email"])
        return " ".join(
            [_("The access is revoked."), describe_further_charges(purchase), describe_reason(data)]
        )


class RestoreAccess(OrderAction):
    name = "restore"
    permission = "ecommerce.revoke_access"
    label = gettext_lazy("Restore access")
    form_class = ReasonForm

    def is_possible(self, purchase: Purchase) -> bool:
        return purchase.revoked_at is not None

    def describe(self, purchase: Purchase) -> list[str]:
        if purchase.status in ACCESS_STATUSES and not purchase.suspended_by:
            return [_("The order gives access again, as long as its payments allow it.")]
        reason = purchase.get_suspended_by_display() or purchase.get_status_display()
        return [
            _("Access depends on the payments again. There is still no access: %(reason)s.")
            % {"reason": reason}
        ]

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        cause = f"access restored by {entry.operator_name}"
        after = restore_access(purchase, cause, sends_email=data["sends_email"])
        text = _("The access is restored.") if after.opens_product else self.describe(after)[0]
        return f"{text} {describe_reason(data)}"


class ViewAsBuyer(OrderAction):
    name = "view_as_buyer"
    permission = "ecommerce.view_as_buyer"
    label = gettext_lazy("See the shop as this buyer")

    def is_possible(self, purchase: Purchase) -> bool:
        return purchase.user is not None and can_be_viewed(purchase.user)

    def describe(self, purchase: Purchase) -> list[str]:
        return describe_view()

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        return view_message()

    def respond(self, request: HttpRequest, purchase: Purchase, entry: OperatorAction) -> HttpResponse:
        assert purchase.user
        return start_view(redirect(purchase), request, entry, purchase.user)


class GiveAccessForm(forms.Form):
    price = forms.ChoiceField(label=gettext_lazy("Product"))
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        help_text=gettext_lazy(
            "If an account has confirmed this address, it has access at once. Otherwise the access waits for it. "
            "The person gets an e-mail in both cases."
        ),
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy(
            "The access ends at the end of this day. Leave it empty for access without end."
        ),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language of the e-mails"))
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=MAX_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Only operators see it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        configurations = ProductConfiguration.objects.select_related("product").order_by("position", "id")
        choices = {
            row.product.name: list(row.product.prices.order_by("-active", "id")) for row in configurations
        }
        self.fields["price"].choices = [("", "—")] + [  # type: ignore[attr-defined]
            (name, [(price.id, _price_name(name, price)) for price in prices])
            for name, prices in choices.items()
            if prices
        ]
        self.fields["language"].choices = settings.LANGUAGES  # type: ignore[attr-defined]
        self.fields["language"].initial = settings.LANGUAGE_CODE

    def clean_price(self) -> Price:
        return Price.objects.select_related("product").get(id=self.cleaned_data["price"])

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])

    def clean_until(self) -> datetime | None:
        """Return the end of the day in the shop's time zone."""
        day, zone = self.cleaned_data["until"], timezone.get_default_timezone()
        if day and day < timezone.localdate(timezone=zone):
            raise forms.ValidationError(_("This day is over."))
        return datetime.combine(day, time.max, tzinfo=zone) if day else None


@transaction.atomic
def give(entry: OperatorAction, data: dict[str, Any]) -> str:
    """Grant the access of a valid GiveAccessForm, and link the order to the entry of the audit log.

    The text does not depend on whether the address has an account.
    """
    try:
        purchase = give_access(
            data["price"],
            data["email"],
            until=data["until"],
            language=data["language"],
            public_id=entry.token,
            cause=f"access given by {entry.operator_name}",
        )
    except AlreadyGiven as error:
        message = _("This address already has this access: order %(order)s.")
        raise ActionRefused(message % {"order": error.purchase.order_number}) from None
    entry.purchase = purchase
    OperatorAction.objects.filter(pk=entry.pk).set_outcome(OperatorAction.Outcome.RUNNING, purchase=purchase)
    text = _("Access to %(product)s was granted.%(lasts)s The person gets an e-mail.")
    return f"{text % message_values(purchase)} {describe_reason(data)}"


def describe_reason(data: dict[str, Any]) -> str:
    return _("Reason: %(reason)s") % {"reason": data["reason"]}


def describe_further_charges(purchase: Purchase) -> str:
    if not purchase.has_running_subscription:
        return _("There is no subscription that Stripe would charge.")
    if purchase.will_be_charged_again:
        return _("Stripe keeps charging the subscription (%(price)s) until it is canceled.") % {
            "price": purchase.price_label
        }
    values = message_values(purchase)
    return _("The subscription ends on %(cancel_at)s, and Stripe does not charge it again.") % values


def _price_name(product: str, price: Price) -> str:
    parts = [product, price.nickname, price.label_in(price.currency)]
    if not price.active:
        parts.append(_("no longer sold"))
    return " · ".join(filter(None, parts))
