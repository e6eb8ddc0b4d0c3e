"""Send an e-mail of an order again, unless what it says is no longer true."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.back_office.actions.base import ActionForm, OrderAction
from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.back_office.sentences import format_time
from apps.ecommerce.models import Mail, OperatorAction, Purchase, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.emails.queue import send_email, upcoming_renewal
from apps.ecommerce.purchases.entitlements import dispute_suspension, has_access

MIN_INTERVAL = timedelta(minutes=1)
_NO_ACCESS = gettext_lazy("the buyer has no access now")
_HAS_ACCESS = gettext_lazy("the buyer has access now")
_NO_BUYER = gettext_lazy("the account of the buyer was deleted")
_NO_CANCELLATION = gettext_lazy("the subscription has no end, or has ended")

# kind ▶ (whether its text is true now, why not). E-mails are written when they are sent, with the values of that time.
# Other kinds, such as those of apps/shop, are sent unless their own function says that they are outdated.
Rule = tuple[Callable[[Purchase, Mail], bool], str | Promise]
RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (Mail.Kind.CONFIRMED, Mail.Kind.RESTORED, Mail.Kind.UPDATED, Mail.Kind.GRANTED),
        (lambda purchase, mail: has_access(purchase), _NO_ACCESS),
    ),
    Mail.Kind.LICENCE_KEY: (
        lambda purchase, mail: has_access(purchase) and _has_key(purchase),
        gettext_lazy("the order has no license key that works now"),
    ),
    Mail.Kind.RECEIPT: (
        lambda purchase, mail: mail.payment.is_paid if mail.payment else purchase.has_paid,
        gettext_lazy("nothing was paid"),
    ),
    Mail.Kind.WAITING: (
        lambda purchase, mail: purchase.status == Status.PROCESSING,
        gettext_lazy("the bank has answered"),
    ),
    Mail.Kind.FAILED: (
        lambda purchase, mail: purchase.status == Status.FAILED,
        gettext_lazy("the payment has not failed"),
    ),
    Mail.Kind.TRIAL_ENDING: (
        lambda purchase, mail: purchase.status == Status.TRIALING and purchase.cancel_at is None,
        gettext_lazy("no free trial is about to become a paid subscription"),
    ),
    Mail.Kind.RENEWAL_UPCOMING: (
        lambda purchase, mail: mail.about == upcoming_renewal(purchase),
        gettext_lazy("this renewal is over, or will not take place"),
    ),
    Mail.Kind.RENEWAL_FAILED: (
        lambda purchase, mail: purchase.status == Status.PAST_DUE,
        gettext_lazy("no payment is overdue"),
    ),
    Mail.Kind.PLAN_CHANGED: (
        lambda purchase, mail: purchase.has_running_subscription,
        gettext_lazy("the subscription has ended"),
    ),
    Mail.Kind.ENDING: (
        lambda purchase, mail: purchase.cancel_at is not None and has_access(purchase),
        _NO_CANCELLATION,
    ),
    Mail.Kind.ENDED: (
        lambda purchase, mail: purchase.status == Status.CANCELED,
        gettext_lazy("the subscription has not ended"),
    ),
    Mail.Kind.REFUNDED: (
        lambda purchase, mail: mail.payment is not None and 0 < mail.amount <= mail.payment.amount_refunded,
        gettext_lazy("the refund failed"),
    ),
    Mail.Kind.DISPUTED: (
        lambda purchase, mail: (
            mail.payment is not None
            and dispute_suspension(mail.payment.dispute_status) == Suspension.DISPUTED
        ),
        gettext_lazy("the dispute is over"),
    ),
    Mail.Kind.SUSPENDED: (lambda purchase, mail: not has_access(purchase), _HAS_ACCESS),
    Mail.Kind.INVITED: (
        lambda purchase, mail: purchase.is_waiting and has_access(purchase),
        gettext_lazy("no access waits for an account"),
    ),
    Mail.Kind.LINK: (lambda purchase, mail: purchase.is_unclaimed or purchase.user is not None, _NO_BUYER),
    Mail.Kind.REVOKED: (
        lambda purchase, mail: purchase.revoked_at is not None,
        gettext_lazy("the access is not revoked"),
    ),
}


def _has_key(purchase: Purchase) -> bool:
    product = purchase.product_id
    keys = (key for key in purchase.issued_keys.all() if key.replaced_at is None)
    return any(key.configuration.product_id == product for key in keys)


def why_outdated(purchase: Purchase, mail: Mail) -> str:
    """Return why the e-mail would say something wrong now; "" if it can be sent."""
    is_true, reason = RULES.get(mail.kind, (lambda purchase, mail: True, ""))
    return "" if is_true(purchase, mail) else str(reason)


class ResendForm(ActionForm):
    mail = forms.ChoiceField(label=gettext_lazy("E-mail"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, purchase: Purchase, **kwargs: Any) -> None:
        super().__init__(*args, purchase=purchase, **kwargs)
        field: Any = self.fields["mail"]
        field.choices = [(str(mail.pk), describe_mail(mail)) for mail in sendable_mails(purchase)]
        field.initial = field.choices[0][0] if field.choices else None


class Resend(OrderAction):
    name = "resend"
    permission = "ecommerce.resend_email"
    label = gettext_lazy("Send an e-mail again")
    form_class = ResendForm

    def is_possible(self, purchase: Purchase) -> bool:
        return bool(sendable_mails(purchase))

    def describe(self, purchase: Purchase) -> list[str]:
        to = {"email": purchase.current_email}
        texts = [_("It is sent to %(email)s, with the current values of the order.") % to]
        outdated: dict[str, None] = {}
        for mail in _originals(purchase):
            if reason := why_outdated(purchase, mail):
                outdated[f"{mail.get_kind_display()}: {reason}"] = None
        if outdated:
            texts.append(
                _("Not offered, because it would be wrong now: %(mails)s.") % {"mails": "; ".join(outdated)}
            )
        return texts

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        mail = purchase.mails.select_related("payment").get(pk=data["mail"])
        if reason := why_outdated(purchase, mail):
            raise ActionRefused(_("The e-mail would be wrong now: %(reason)s.") % {"reason": reason})
        same = purchase.mails.filter(kind=mail.kind, about=mail.about)
        if same.filter(sent_at__gt=timezone.now() - MIN_INTERVAL).exists():
            raise ActionRefused(_("This e-mail was sent less than a minute ago."))
        return send_again(mail)


def send_again(mail: Mail) -> str:
    """Send a copy of a sent e-mail, or try again to send an unsent one. Raise ActionRefused if it is not sent."""
    to = {"email": mail.purchase.current_email}
    unsent = mail
    if mail.sent_at:
        values = {"kind": mail.kind, "about": mail.about, "payment": mail.payment, "amount": mail.amount}
        unsent = Mail.objects.create(purchase=mail.purchase, repeat_of=mail, **values)
    send_email.func(unsent.pk)
    result = Mail.objects.filter(pk=unsent.pk).first()
    if result is None:
        raise ActionRefused(_("The buyer no longer wants or needs this e-mail, so it was not sent."))
    if result.sent_at:
        return _("The e-mail was sent to %(email)s.") % to
    if not result.error:
        raise ActionRefused(_("The e-mail is being sent right now."))
    raise ActionRefused(
        _("The e-mail could not be sent: %(error)s. The store keeps trying.") % {"error": result.error}
    )


def sendable_mails(purchase: Purchase) -> list[Mail]:
    return [mail for mail in _originals(purchase) if not why_outdated(purchase, mail)]


def describe_mail(mail: Mail) -> str:
    if mail.sent_at:
        state = _("sent on %(time)s") % {"time": format_time(mail.sent_at)}
    else:
        state = _("not sent: %(error)s") % {"error": mail.error} if mail.error else _("not sent yet")
    return f"{capfirst(str(mail.get_kind_display()))} · {state}"


def _originals(purchase: Purchase) -> list[Mail]:
    return [mail for mail in purchase.mails.all() if mail.repeat_of_id is None]
