"""Process events from Stripe again after an error. https://docs.stripe.com/webhooks"""

from datetime import timedelta
from typing import Any

import stripe
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.ecommerce import webhooks
from apps.ecommerce.back_office.actions.base import OrderAction
from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.models import OperatorAction, Purchase, WebhookEvent
from apps.ecommerce.purchases.stripe_errors import is_unclear

MAX_EVENTS = 20
PROCESSING_TIME = timedelta(minutes=1)  # an event of this age without an error may still be in process


def failed_events(purchase: Purchase) -> list[WebhookEvent]:
    """Return the unprocessed events that name the order, oldest first. The result is cached on the purchase."""
    known: list[WebhookEvent] | None = purchase.__dict__.get("_failed_events")
    if known is None:
        known = purchase.__dict__["_failed_events"] = list(_find_failed_events(purchase))
    return known


def _find_failed_events(purchase: Purchase) -> QuerySet[WebhookEvent]:
    names = {str(purchase.public_id), purchase.session_id, purchase.subscription_id, purchase.invoice_id}
    names.add(purchase.payment_intent_id)
    for payment in purchase.payments.all():
        names |= {payment.stripe_id, payment.payment_intent_id, payment.charge_id}
    named = Q()
    for name in sorted(filter(None, names)):
        named |= Q(text__contains=name)
    is_failed = ~Q(error="") | Q(received_at__lt=timezone.now() - PROCESSING_TIME)
    rows = WebhookEvent.objects.filter(is_failed, processed_at=None).defer("payload")
    rows = rows.annotate(text=Cast("payload", TextField())).filter(named)
    return rows.order_by("stripe_created", "id")[:MAX_EVENTS]


class ProcessEvents(OrderAction):
    name = "process-events"
    permission = "ecommerce.process_event"
    label = gettext_lazy("Process failed events again")

    def is_possible(self, purchase: Purchase) -> bool:
        return bool(failed_events(purchase))

    def describe(self, purchase: Purchase) -> list[str]:
        rows = [f"{event}: {event.error or _('not processed')}" for event in failed_events(purchase)]
        return [*rows, _("The store fetches the current state from Stripe, so that nothing happens twice.")]

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        events, errors = failed_events(purchase), []
        for event in events:
            try:
                process_event(event)
            except ActionRefused as error:
                errors.append(str(error))
        if errors:
            raise ActionRefused(" ".join(errors))
        return ngettext("%(count)d event was processed.", "%(count)d events were processed.", len(events)) % {
            "count": len(events)
        }


def process_event(event: WebhookEvent) -> str:
    """Process an event again. Raise ActionRefused with the handler's error, or stripe.StripeError."""
    try:
        webhooks.process(WebhookEvent.objects.get(pk=event.pk))
    except stripe.StripeError as error:
        if is_unclear(error):
            raise
        raise ActionRefused(f"{event}: {error.user_message or error}") from error
    except Exception as error:  # a handler of apps/shop may raise anything, and the operator has to know
        raise ActionRefused(f"{event}: {type(error).__name__}: {error}") from error
    return _("%(event)s was processed.") % {"event": event}
