"""Find problems of the shop that need a person. alerts.py sends alerts about them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from apps.core.tasks import is_worker_silent
from apps.ecommerce.models import (
    Alert,
    ExternalSale,
    FileVersion,
    Mail,
    Price,
    Purchase,
    ReceiverCall,
    SalesProblem,
    WebhookEvent,
)
from apps.ecommerce.operations import alert_names as names
from apps.ecommerce.operations.dispute_checks import check_disputes
from apps.ecommerce.operations.problems import Problem, admin_url, order_url
from apps.ecommerce.operations.reconcile_schedule import overdue_warning
from apps.ecommerce.operations.refund_checks import check_refunds
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases.anomalies import (
    billed_twice,
    billed_without_account,
    bought_twice,
    paid_without_owner,
)
from apps.ecommerce.purchases.licences import purchases_without_key
from apps.ecommerce.purchases.payments.reversals import reversed_but_billed, revoked_but_billed
from apps.ecommerce.purchases.stripe_errors import ADVICE, DEFAULT_ADVICE

MAX_MAIL_DELAY = timedelta(minutes=30)
GIVEN_UP_FOR = timedelta(days=1)
# Stripe and reconcile_purchases have tried again by then.
MIN_EVENT_ATTEMPTS, MAX_EVENT_DELAY = 3, timedelta(hours=1)


def check_shop() -> dict[str, list[Problem]]:
    """Return what is wrong, by the names of all checks."""
    return {name: list(check(name)) for name, check in CHECKS.items()}


def unsent_mails() -> QuerySet[Mail]:
    late = Mail.objects.filter(sent_at=None, given_up_at=None, created_at__lt=timezone.now() - MAX_MAIL_DELAY)
    # E-mails about new versions are sent in turn, and may be many.
    return late.exclude(kind=Mail.Kind.UPDATED, attempts=0)


def given_up_mails() -> QuerySet[Mail]:
    return Mail.objects.filter(given_up_at__gt=timezone.now() - GIVEN_UP_FOR)


def failed_events() -> QuerySet[WebhookEvent]:
    failing = WebhookEvent.objects.filter(processed_at=None).exclude(error="").defer("payload")
    is_old = Q(received_at__lt=timezone.now() - MAX_EVENT_DELAY)
    return failing.filter(Q(attempts__gte=MIN_EVENT_ATTEMPTS) | is_old)


def describe_problem(problem: SalesProblem) -> str:
    request = (
        f" Request: https://dashboard.stripe.com/logs/{problem.request_id}." if problem.request_id else ""
    )
    advice = ADVICE.get(problem.code, DEFAULT_ADVICE)
    return f"Stripe refuses to sell anything: “{problem.message}” ({problem.code}).{request} {advice}"


def _check_sales(name: str) -> Iterator[Problem]:
    for problem in SalesProblem.objects.filter(solved_at=None):
        yield Problem(name, describe_problem(problem), problem.code)


def _check_prices(name: str) -> Iterator[Problem]:
    for price in Price.objects.filter(active=True).exclude(refusal="").select_related("product"):
        yield Problem(
            name,
            "The store has stopped offering a price that Stripe refuses to sell: "
            f"{price} ({price.id}): {price.refusal} Correct it in Stripe's Dashboard, and run: "
            "python manage.py bootstrap_ecommerce",
            price.id,
        )


def _check_webhooks(name: str) -> Iterator[Problem]:
    health = webhook_health()
    last_event = f"{health.last_event:%Y-%m-%d %H:%M} UTC" if health.last_event else "never"
    if health.is_silent:
        yield Problem(
            name,
            f"Purchases that wait for an event from Stripe: {health.waiting}. Last event: {last_event}. "
            "To find the reason, run: python manage.py stripe_doctor",
        )


def _check_events(name: str) -> Iterator[Problem]:
    for event in failed_events():
        error, page = (
            event.error.strip().rpartition("\n")[2][:300],
            admin_url(f"webhookevent/{event.pk}/change/"),
        )
        yield Problem(
            name, f"An event from Stripe could not be processed: {event}: {error}. See {page}", event.pk
        )


def _check_schedule(name: str) -> Iterator[Problem]:
    if overdue := overdue_warning():
        yield Problem(name, overdue)


def _check_worker(name: str) -> Iterator[Problem]:
    if is_worker_silent():
        yield Problem(
            name, "Tasks are waiting, but no worker runs them. Start one: python manage.py db_worker"
        )


def _check_mails(name: str) -> Iterator[Problem]:
    if count := unsent_mails().count():
        page = admin_url("mail/?sent_at__isempty=1")
        yield Problem(
            name, f"E-mails to buyers that could not be sent: {count}. Check EMAIL_URL, and see {page}"
        )


def _check_addresses(name: str) -> Iterator[Problem]:
    for mail in given_up_mails().select_related("purchase__user"):
        yield Problem(
            name,
            "The mail server refuses an address, and the store has stopped trying: "
            f"{mail.purchase.current_email} ({mail.get_kind_display()}). Ask the buyer by other means: "
            f"{order_url(mail.purchase)}",
            f"mail {mail.pk}",
        )


def _check_unassigned(name: str) -> Iterator[Problem]:
    for sale in ExternalSale.objects.unassigned().select_related("price__product"):
        page = admin_url("externalsale/?state=waiting")
        text = f"Sales outside the store: {sale.price.product} of {sale.email or sale.id} belongs to no account yet."
        yield Problem(name, f"{text} Assign or ignore it: {page}", sale.id)


def _check_keys(name: str) -> Iterator[Problem]:
    waiting = purchases_without_key().order_by().values("product", "product__name")
    for row in waiting.annotate(count=Count("pk", distinct=True)):
        text = f"Buyers who wait for a license key of {row['product__name']}: {row['count']}."
        yield Problem(name, f"{text} Add keys: {admin_url('licencekey/add/')}", row["product"])


def _check_receivers(name: str) -> Iterator[Problem]:
    failing = ReceiverCall.objects.filter(done_at=None, attempts__gt=0).order_by().values("receiver")
    for row in failing.annotate(count=Count("pk")):
        page = admin_url("receivercall/?done_at__isempty=1")
        text = f"Calls of your receiver {row['receiver']} that failed: {row['count']}. See {page}"
        yield Problem(name, text, row["receiver"])


def _check_files(name: str) -> Iterator[Problem]:
    """Yield the files that are still missing. missing_files.py reports them."""
    reported = Alert.objects.filter(name=name, solved_at=None).values_list("about", flat=True)
    versions = FileVersion.objects.filter(pk__in=map(int, reported))
    for version in versions.select_related("file__configuration__product"):
        if not _is_stored(version):
            yield missing_file(version)


def missing_file(version: FileVersion) -> Problem:
    page = admin_url(f"productfile/{version.file_id}/change/")
    text = f"{version.file.configuration}: the file {version.upload.name} is missing. Restore or upload it: {page}"
    return Problem(names.FILE_MISSING, text, str(version.pk))


def _is_stored(version: FileVersion) -> bool:
    try:
        return bool(version.upload.storage.exists(version.upload.name or ""))
    except Exception:  # storages raise errors of many types
        return False


def _about_orders(find: Callable[[], Iterable[Purchase]], text: str) -> Callable[[str], Iterator[Problem]]:
    """Return a check that reports each order as a separate problem."""

    def check(name: str) -> Iterator[Problem]:
        for row in find():
            buyer = f"{row.email} (without an account)" if row.is_unclaimed else row.email
            about = ", ".join(filter(None, (row.order_number, buyer, str(row.product), row.subscription_id)))
            yield Problem(name, f"{text}: {about}. See {order_url(row)}", f"order {row.pk}")

    return check


CHECKS: dict[str, Callable[[str], Iterable[Problem]]] = {
    names.DISPUTE_OPENED: check_disputes,
    names.SALES_REFUSED: _check_sales,
    names.PRICES_REFUSED: _check_prices,
    "webhooks-silent": _check_webhooks,
    names.EVENT_FAILED: _check_events,
    "reconcile-overdue": _check_schedule,
    "worker-silent": _check_worker,
    "mails-unsent": _check_mails,
    "addresses-refused": _check_addresses,
    "billed-twice": _about_orders(
        billed_twice,
        "A buyer pays for two subscriptions to the same product. Cancel one, and refund its payments",
    ),
    "paid-twice": _about_orders(
        bought_twice, "A buyer has paid twice for the same product. Refund one of the two"
    ),
    "refund-failed": check_refunds,
    "reversed-but-billed": _about_orders(
        reversed_but_billed,
        "A subscription is still charged although its last payment was refunded or lost to a dispute. "
        "Cancel it, or ask the buyer",
    ),
    "revoked-but-billed": _about_orders(
        revoked_but_billed,
        "A subscription is still charged although you have ended the access. Cancel it, or restore the access",
    ),
    "billed-without-account": _about_orders(
        billed_without_account,
        "A subscription is still charged although the account was deleted. Cancel it",
    ),
    "paid-without-owner": _about_orders(
        paid_without_owner, "A paid order has no owner. Find its buyer in Stripe's Dashboard"
    ),
    "sales-unassigned": _check_unassigned,
    "licence-keys-missing": _check_keys,
    "receivers-failing": _check_receivers,
    names.FILE_MISSING: _check_files,
}
