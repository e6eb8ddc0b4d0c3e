"""Run reconcile, and send alerts and the daily digest. reconcile_purchases does it every ten minutes."""

from datetime import datetime
from typing import Any

from apps.core.tasks import task
from apps.ecommerce.operations.reconcile import Reconciliation
from apps.ecommerce.operations.reconcile_alerts import reconcile_and_alert

from .daily_digest import send_daily_digest


@task()
def reconcile_in_background() -> str:
    return str(reconcile_and_report()[0])


def reconcile_and_report(since: datetime | None = None, **options: Any) -> tuple[Reconciliation, list[str]]:
    """Return the results, and the texts of new alerts. The digest is sent also if reconcile fails."""
    try:
        return reconcile_and_alert(since, **options)
    finally:
        send_daily_digest()
