"""Run an operator's action once, and write it to the audit log."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import stripe
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.stripe_errors import is_unclear
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.users.models import User

logger = logging.getLogger(__name__)
Outcome = OperatorAction.Outcome

MAX_RUNNING_TIME = timedelta(minutes=2)  # after that, the process has probably been killed
SENT_BEFORE = gettext_lazy(
    "You have sent this form before, with other values. Check the order, and confirm again."
)


class ActionRefused(Exception):
    """Nothing was done. The message is for the operator: why, and what to do."""


class ActionRunning(ActionRefused):
    """The same form was sent a moment ago."""


def describe_error(error: Exception) -> str:
    """Return what ActionRefused or stripe.StripeError means, for the operator."""
    if not isinstance(error, stripe.StripeError):
        return str(error)
    if is_unclear(error):
        return _("Stripe did not answer, so it is not known whether this was done. Try again in a minute.")
    return _("Stripe refused: %(error)s") % {"error": error.user_message or error}


def perform(
    action: str,
    operator: User,
    token: UUID,
    run: Callable[[OperatorAction], str],
    *,
    purchase: Purchase | None = None,
    subject: str = "",
    details: dict[str, Any] | None = None,
) -> OperatorAction:
    """Call `run` once for this token, and return the entry of the audit log with the text that `run` returned.

    `run` sends its requests to Stripe with an idempotency key of `entry.token`, so after an error that leaves open
    whether Stripe has done it, the same token may be tried again. Raise ActionRefused or stripe.StripeError, which the
    entry records. `run` may set `entry.purchase` if there was none.
    """
    entry = _start(
        token,
        operator=operator,
        operator_name=operator.email,
        action=action,
        purchase=purchase,
        subject=subject or (purchase.order_number if purchase else ""),
        details=details or {},
    )
    if entry.outcome == Outcome.DONE:
        return entry
    try:
        with stripe_deadline():
            message = run(entry)
    except Exception as error:
        by_stripe = isinstance(error, stripe.StripeError) and not is_unclear(error)
        is_refused = by_stripe or isinstance(error, ActionRefused)
        outcome = Outcome.FAILED if is_refused else Outcome.INTERRUPTED  # Stripe may have done it
        _finish(entry, outcome, str(error) or type(error).__name__)
        raise
    _finish(entry, Outcome.DONE, message)
    return entry


def _start(token: UUID, **fields: Any) -> OperatorAction:
    now, purchase = timezone.now(), fields["purchase"]
    entries = OperatorAction.objects.filter(token=token)
    old = OperatorAction.objects.filter(outcome=Outcome.RUNNING, started_at__lt=now - MAX_RUNNING_TIME)
    same = Q(purchase=purchase) | Q(token=token) if purchase else Q(token=token)
    old.filter(same).set_outcome(Outcome.INTERRUPTED, finished_at=now)
    try:
        with transaction.atomic():
            entry, is_new = OperatorAction.objects.get_or_create(
                token=token, defaults={**fields, "started_at": now}
            )
            if is_new:
                return entry
            if not _is_same(entry, fields):
                raise ActionRefused(SENT_BEFORE)
            if entry.outcome == Outcome.DONE:
                return entry
            unfinished = entries.exclude(outcome__in=(Outcome.DONE, Outcome.RUNNING))
            if unfinished.set_outcome(Outcome.RUNNING, started_at=now, finished_at=None):
                return entries.get()
    except IntegrityError:
        message = _("Another action on this order is running. Look at the order again in a minute.")
        raise ActionRefused(message) from None
    raise ActionRunning(_("This is already being done. Look at the order again in a minute."))


def _is_same(entry: OperatorAction, fields: dict[str, Any]) -> bool:
    """Return whether the entry has these values. Its details may have more, which `run` has added."""
    names = ("operator", "action", "subject")
    details = json.loads(json.dumps(fields["details"], cls=DjangoJSONEncoder))
    has_details = all(entry.details.get(name) == value for name, value in details.items())
    return has_details and all(getattr(entry, name) == fields[name] for name in names)


def _finish(entry: OperatorAction, outcome: OperatorAction.Outcome, message: str) -> None:
    entry.outcome, entry.message, entry.finished_at = outcome, message, timezone.now()
    rows = OperatorAction.objects.filter(pk=entry.pk)
    rows.set_outcome(outcome, message=message, finished_at=entry.finished_at, purchase=entry.purchase)
    logger.info(
        "%s: %s %s (%s)", entry.operator_name, entry.action, entry.subject, outcome,
        extra={"action": entry.action, "subject": entry.subject, "outcome": str(outcome)},
    )  # fmt: skip
