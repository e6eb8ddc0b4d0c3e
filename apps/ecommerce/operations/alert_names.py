"""The names of the alerts, as in ALERTS_OFF. The settings import this module, so it imports nothing of Django."""

DISPUTE_OPENED = "dispute-opened"
SALES_REFUSED, PRICES_REFUSED = "sales-refused", "prices-refused"
EVENT_FAILED, RECONCILE_REPAIRED, RECONCILE_FAILING = (
    "event-failed",
    "reconcile-repaired",
    "reconcile-failing",
)
STRIPE_UNREACHABLE, FILE_MISSING, DAILY_DIGEST = "stripe-unreachable", "file-missing", "daily-digest"

ALERT_NAMES = (
    DISPUTE_OPENED,
    SALES_REFUSED,
    PRICES_REFUSED,
    "webhooks-silent",
    EVENT_FAILED,
    RECONCILE_REPAIRED,
    RECONCILE_FAILING,
    "reconcile-overdue",
    STRIPE_UNREACHABLE,
    "worker-silent",
    "mails-unsent",
    "addresses-refused",
    "billed-twice",
    "paid-twice",
    "refund-failed",
    "reversed-but-billed",
    "revoked-but-billed",
    "billed-without-account",
    "paid-without-owner",
    "sales-unassigned",
    "licence-keys-missing",
    "receivers-failing",
    FILE_MISSING,
    DAILY_DIGEST,
)
# These are events. All others are problems, which last until they are solved.
ONCE = frozenset({DISPUTE_OPENED, RECONCILE_REPAIRED, DAILY_DIGEST})
