"""E-mail the founder at once if Stripe refuses to sell."""

import logging

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Alert, Price, SalesProblem
from apps.ecommerce.operations.alert_names import SALES_REFUSED
from apps.ecommerce.operations.alerts import send_alerts
from apps.ecommerce.purchases.stripe_errors import ShopCannotSell

logger = logging.getLogger(__name__)


@transaction.atomic
def report_problem(problem: ShopCannotSell) -> None:
    """Store the refusal for the admin and /readyz, and e-mail the founder."""
    logger.error("Stripe refuses to sell: %s (%s)", problem, problem.code)
    now = timezone.now()
    if SalesProblem.objects.filter(code=problem.code).exclude(solved_at=None).exists():
        # The problem has come back, so the alert is sent again.
        Alert.objects.filter(name=SALES_REFUSED, about=problem.code).update(found_at=now)
    values = {"message": str(problem), "request_id": problem.request_id, "last_at": now}
    row, _created = SalesProblem.objects.select_for_update().update_or_create(
        code=problem.code, defaults={**values, "solved_at": None}, create_defaults={**values, "first_at": now}
    )
    SalesProblem.objects.filter(pk=row.pk).update(count=F("count") + 1)
    enqueue(send_sales_alerts)


def report_refused_price() -> None:
    enqueue(send_sales_alerts)


@task()
def send_sales_alerts() -> None:
    send_alerts()


def sales_details() -> dict[str, object]:
    """Return the details for /readyz. They do not change its status code, because a restart would not help."""
    problem = SalesProblem.objects.filter(solved_at=None).first()
    refused = Price.objects.filter(active=True).exclude(refusal="").count()
    return {"sales": f"refused: {problem.message}" if problem else "ok", "refused_prices": refused}
