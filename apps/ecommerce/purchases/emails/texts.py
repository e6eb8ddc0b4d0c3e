"""The texts of e-mails to buyers. Your own kinds are entries of TEXTS; see docs/guides/add-an-e-mail.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Mail, Purchase


@dataclass(frozen=True, slots=True)
class EmailDetails:
    """The data of an e-mail besides its purchase: values in its texts, names in its template, and headers."""

    values: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmailText:
    subject: str | Promise
    title: str | Promise
    text: str | Promise
    link: str | Promise
    has_receipt: bool = False
    template: str = "ecommerce/mail/mail"  # path without .html and .txt
    # Called with Mail.about when the e-mail is sent. If it returns None, the e-mail is outdated, and not sent.
    details: Callable[[Purchase, str], EmailDetails | None] | None = None


TEXTS: dict[str, EmailText] = {
    Mail.Kind.CONFIRMED: EmailText(
        _("Your order: %(product)s"),
        _("Thanks for your order"),
        _("You can open %(product)s at any time. Keep this e-mail as your receipt."),
        _("View order"),
        has_receipt=True,
    ),
    Mail.Kind.RECEIPT: EmailText(
        _("Your receipt: %(product)s"),
        _("Thanks for your payment"),
        _("We received your payment of %(amount)s for %(product)s. Keep this e-mail as your receipt."),
        _("View receipt"),
        has_receipt=True,
    ),
    Mail.Kind.WAITING: EmailText(
        _("We've received your order: %(product)s"),
        _("We've received your order"),
        _(
            "Bank payments can take several business days. You'll get access to %(product)s automatically "
            "once the payment arrives, and we'll send you an e-mail."
        ),
        _("View order"),
        has_receipt=True,
    ),
    Mail.Kind.FAILED: EmailText(
        _("Your payment for %(product)s failed"),
        _("Your payment failed"),
        _("We couldn't collect your payment of %(amount)s. You have not been charged.%(why)s"),
        _("Try again"),
    ),
    Mail.Kind.TRIAL_ENDING: EmailText(
        _("Your free trial of %(product)s ends on %(trial_end)s"),
        _("Your free trial ends on %(trial_end)s"),
        _(
            "After that, it costs %(price)s. To continue, you don't need to do anything. "
            "If you don't want to continue, cancel before that day."
        ),
        _("Manage subscription"),
    ),
    Mail.Kind.RENEWAL_FAILED: EmailText(
        _("Update your payment method for %(product)s"),
        _("Your renewal payment failed"),
        _("We couldn't charge you for the renewal of %(product)s (%(price)s).%(why)s %(after_failure)s"),
        _("Update payment method"),
    ),
    Mail.Kind.RENEWAL_UPCOMING: EmailText(
        _("Your subscription to %(product)s renews on %(period_end)s"),
        _("Your subscription renews on %(period_end)s"),
        _(
            "We'll charge %(next)s for %(product)s. To continue, you don't need to do anything. "
            "If you don't want to continue, cancel before that day."
        ),
        _("Manage subscription"),
    ),
    Mail.Kind.PLAN_CHANGED: EmailText(
        _("Your plan of %(product)s has changed"),
        _("Your plan has changed"),
        _("Your subscription to %(product)s now costs %(price)s."),
        _("View order"),
    ),
    Mail.Kind.ENDING: EmailText(
        _("Your subscription to %(product)s ends on %(cancel_at)s"),
        _("Your subscription ends on %(cancel_at)s"),
        _("It will not renew, and you won't be charged again.%(keeps_access)s"),
        _("View order"),
    ),
    Mail.Kind.ENDED: EmailText(
        _("Your subscription to %(product)s has ended"),
        _("Your subscription has ended"),
        _("You won't be charged again. Thanks for being a subscriber. You can subscribe again at any time."),
        _("View order"),
    ),
    Mail.Kind.REFUNDED: EmailText(
        _("Your refund for %(product)s"),
        _("Your refund is on its way"),
        _(
            "We refunded %(refund)s that you paid for %(product)s on %(paid_on)s. "
            "It can take 5 to 10 business days to appear on your statement. %(access)s"
        ),
        _("View order"),
    ),
    Mail.Kind.DISPUTED: EmailText(
        _("Your payment for %(product)s is disputed"),
        _("Your payment is disputed"),
        _(
            "Your bank has opened a dispute about your payment of %(amount)s for %(product)s on %(paid_on)s. "
            "If this is a mistake, please reply to this e-mail. %(access)s"
        ),
        _("View order"),
    ),
    Mail.Kind.RESTORED: EmailText(
        _("You have access to %(product)s again"),
        _("You have access again"),
        _("You can open %(product)s again at any time."),
        _("View order"),
    ),
    Mail.Kind.SUSPENDED: EmailText(
        _("Your access to %(product)s is paused"),
        _("Your access is paused"),
        _("Your order page explains why you don't have access to %(product)s, and what you can do."),
        _("View order"),
    ),
    Mail.Kind.LINK: EmailText(
        _("Your order of %(product)s"),
        _("Here is your order"),
        _("This link opens %(product)s and everything else you bought with this e-mail address."),
        _("Open my purchases"),
    ),
    Mail.Kind.LICENCE_KEY: EmailText(
        _("Your license key: %(product)s"),
        _("Here is your license key"),
        _("Use it to activate %(product)s. You also find it on your order page."),
        _("View order"),
    ),
}
