"""The timeline of an order: changes of its status, payments, webhooks, e-mails, and what operators did."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.ecommerce.back_office.actions.order_actions import find_action
from apps.ecommerce.models import Mail, OperatorAction, Payment, Purchase, Refund, StatusChange, WebhookEvent
from apps.ecommerce.money import format_money

EVENT_ID = re.compile(r"\bevt_\w+")
Outcome = OperatorAction.Outcome


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    kind: str  # status, payment, webhook, email, operator
    text: str
    cause: str = ""  # for example a webhook or an operator
    url: str = ""  # page of the cause
    is_problem: bool = False


def build_timeline(purchase: Purchase, failed_events: Iterable[WebhookEvent] = ()) -> list[TimelineEntry]:
    """Return all entries, newest first. The order's related rows should be prefetched."""
    entries = [
        *(entry for change in purchase.changes.all() for entry in _from_change(change)),
        *(entry for payment in purchase.payments.all() for entry in _from_payment(payment)),
        *(_from_refund(refund) for payment in purchase.payments.all() for refund in payment.refunds.all()),
        *(entry for mail in purchase.mails.all() for entry in _from_mail(mail)),
        *(_from_action(action) for action in purchase.operator_actions.all()),
        *(_from_event(event) for event in failed_events),
    ]
    if purchase.returned_at:
        entries.append(
            TimelineEntry(purchase.returned_at, "status", _("The buyer returned from the payment page"))
        )
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def action_label(name: str) -> str:
    action = find_action(name)
    return str(action.label) if action else capfirst(name.replace("-", " "))


def _from_change(change: StatusChange) -> Iterator[TimelineEntry]:
    text = str(change) if change.from_status else _("Order created: %(status)s") % {"status": change.label}
    event = EVENT_ID.search(change.cause)
    yield TimelineEntry(change.at, "status", text, change.cause, _event_url(event[0]) if event else "")


def _from_payment(payment: Payment) -> Iterator[TimelineEntry]:
    values = {
        "amount": format_money(payment.amount_paid or payment.amount_total, payment.currency),
        "method": payment.payment_method or "—",
    }
    if payment.paid_at:
        yield TimelineEntry(payment.paid_at, "payment", _("%(amount)s paid (%(method)s)") % values)
    elif payment.failure_code:
        text = _("Payment of %(amount)s failed (%(method)s)") % values
        yield TimelineEntry(payment.created_at, "payment", text, payment.failure_code, is_problem=True)


def _from_refund(refund: Refund) -> TimelineEntry:
    amount = {"amount": format_money(refund.amount, refund.currency)}
    if not refund.counts:
        text = _("Refund of %(amount)s failed") % amount
    elif refund.status == "succeeded":
        text = _("%(amount)s refunded") % amount
    else:
        text = _("Refund of %(amount)s on its way") % amount
    return TimelineEntry(refund.created_at, "payment", text, is_problem=not refund.counts)


def _from_mail(mail: Mail) -> Iterator[TimelineEntry]:
    kind = {"kind": mail.get_kind_display()}
    cause = _("sent again") if mail.repeat_of_id else ""
    if mail.sent_at:
        yield TimelineEntry(mail.sent_at, "email", _("E-mail sent: %(kind)s") % kind, cause)
    else:
        text = _("E-mail not sent: %(kind)s") % kind
        yield TimelineEntry(mail.created_at, "email", text, mail.error or cause, is_problem=bool(mail.error))


def _from_action(action: OperatorAction) -> TimelineEntry:
    outcome = action.message if action.outcome == Outcome.DONE else ""
    outcome = outcome or f"{action.get_outcome_display()}. {action.message}"
    return TimelineEntry(
        action.started_at,
        "operator",
        f"{action_label(action.action)}: {outcome}",
        action.operator_name,
        is_problem=action.outcome in (Outcome.FAILED, Outcome.INTERRUPTED),
    )


def _from_event(event: WebhookEvent) -> TimelineEntry:
    text = _("Webhook not processed: %(type)s") % {"type": event.type}
    cause = event.error or event.id
    return TimelineEntry(event.received_at, "webhook", text, cause, _event_url(event.id), is_problem=True)


def _event_url(event_id: str) -> str:
    return reverse("admin:ecommerce_webhookevent_change", args=[event_id])
