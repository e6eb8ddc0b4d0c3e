"""Send the alert about a dispute soon after its webhook. reconcile_purchases sends what is missing."""

from apps.core.tasks import enqueue, task
from apps.ecommerce.operations.alerts import send_alerts
from apps.ecommerce.webhooks import HANDLERS, Payload, add_handler

OPENED = "charge.dispute.created"


def connect() -> None:
    if alert_about_dispute not in HANDLERS[OPENED]:
        add_handler(OPENED)(alert_about_dispute)  # after the store's own, which has copied the dispute


def alert_about_dispute(dispute: Payload, cause: str) -> None:
    enqueue(send_dispute_alerts)


@task()
def send_dispute_alerts() -> None:
    send_alerts()
