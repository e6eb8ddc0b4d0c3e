"""The daily digest: yesterday's figures and what needs a person, once a day after seven o'clock of the shop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from apps.ecommerce.back_office import daily_digest
from apps.ecommerce.back_office.daily_digest import send_daily_digest
from apps.ecommerce.back_office.scheduled_reconcile import reconcile_in_background
from apps.ecommerce.models import (
    Alert,
    Payment,
    ProductConfiguration,
    Purchase,
    Refund,
    SubscriptionChange,
    WebhookEvent,
)
from apps.ecommerce.operations import alert_channels
from apps.ecommerce.operations.alerts import deliver
from apps.users.models import User
from tests.factories import LOCMEM, NO_MAIL_SERVER, set_email_url
from tests.integration.test_alerts import run_in_thread

pytestmark = pytest.mark.django_db(transaction=True)

EIGHT = datetime(2026, 3, 11, 8, 0, tzinfo=UTC)
YESTERDAY = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def founder(settings: Any) -> None:
    settings.ADMINS = [("Founder", "founder@example.com")]
    settings.ALERTS_OFF = []
    settings.DEBUG = True  # reconcile_purchases need not run


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Return a function that sets the time."""

    def set_time(now: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: now)

    return set_time


@pytest.fixture
def pay(ada: User, icons: ProductConfiguration) -> Callable[..., Payment]:
    """Return a function that adds a payment as Stripe's copy would be."""
    price = icons.prices[0]
    purchase = Purchase.objects.create(
        user=ada,
        email=ada.email,
        product=icons.product,
        price=price,
        status="paid",
        currency="usd",
        livemode=False,
        paid_at=YESTERDAY,
        amount_total=1900,
    )

    def add(amount: int, at: datetime = YESTERDAY, currency: str = "usd", **values: Any) -> Payment:
        return Payment.objects.create(
            purchase=purchase,
            product=icons.product,
            stripe_id=f"pi_{Payment.objects.count()}",
            status="paid",
            currency=currency,
            amount_total=amount,
            amount_paid=amount,
            paid_at=at,
            created_at=at,
            **{"livemode": False, **values},
        )

    return add


def refund(payment: Payment, amount: int, at: datetime = YESTERDAY, status: str = "succeeded") -> None:
    Refund.objects.create(
        payment=payment,
        livemode=False,
        stripe_id=f"re_{Refund.objects.count()}",
        amount=amount,
        currency=payment.currency,
        status=status,
        created_at=at,
    )


def digest() -> list[str]:
    """Return the lines of the only e-mail."""
    (message,) = outbox.outbox
    assert message.to == ["founder@example.com"]
    return [str(message.subject), *str(message.body).splitlines()]


def test_figures_are_those_of_yesterday_by_currency(
    pay: Callable[..., Payment], at: Callable[[datetime], None], settings: Any
) -> None:
    pay(1900)
    partly = pay(2500)
    refund(partly, 700)
    refund(partly, 100, status="failed")
    pay(3000, disputed_at=YESTERDAY, dispute_status="lost", dispute_amount=3000, dispute_id="du_1")
    pay(980, currency="jpy")
    pay(5000, at=YESTERDAY - timedelta(days=1))
    pay(7000, at=YESTERDAY + timedelta(days=1))
    pay(9000, livemode=True)
    values = {"purchase": Purchase.objects.get(), "livemode": False, "currency": "usd", "at": YESTERDAY}
    for change in (1, 1, -1):
        SubscriptionChange.objects.create(**values, count_change=change, monthly_amount_change=900 * change)
    at(EIGHT)
    send_daily_digest()
    lines = digest()
    assert lines[:14] == [
        "Workbench on March 10, 2026",
        "USD: 3 orders",
        "Sales: $74.00",  # the sum of 19, 25 and 30
        "Refunds: $7.00",
        "Lost disputes: $30.00",
        "Net: $37.00",
        "",
        "JPY: 1 order",
        "Sales: ¥980",
        "Refunds: ¥0",
        "Net: ¥980",
        "",
        "Subscriptions: 2 new, 1 ended",
        "",
    ]
    assert f"{settings.SITE_URL}/admin/?from=2026-03-10&to=2026-03-10" in lines[-1]


def test_open_problems_are_listed_with_links(
    icons: ProductConfiguration, at: Callable[[datetime], None], settings: Any
) -> None:
    values = {"type": "x", "payload": {}, "stripe_created": YESTERDAY, "error": "boom", "attempts": 9}
    for number in range(8):
        WebhookEvent.objects.create(id=f"evt_{number}", **values)
    at(EIGHT)
    send_daily_digest()
    lines = digest()
    assert "No sales." in lines
    assert lines[1:4] == ["No sales.", "", "Needs attention: 8"]
    assert f"  {settings.SITE_URL}/admin/ecommerce/webhookevent/evt_7/change/" in lines
    assert "- 3 more of these" in lines
    summary = Alert.objects.get().summary.splitlines()
    assert "Needs attention: 8" in summary
    assert len(summary) < len(lines) / 2
    at(EIGHT + timedelta(days=1))
    send_daily_digest()
    assert len(outbox.outbox) == 2  # repeated while it is open
    WebhookEvent.objects.update(processed_at=timezone.now())
    at(EIGHT + timedelta(days=2))
    send_daily_digest()
    assert len(outbox.outbox) == 2


def test_digest_is_sent_once_a_day(pay: Callable[..., Payment], at: Callable[[datetime], None]) -> None:
    pay(1900)
    for minutes in range(0, 900, 100):
        at(EIGHT + timedelta(minutes=minutes))
        send_daily_digest()
        deliver()
    assert len(outbox.outbox) == 1


def test_a_quiet_day_sends_nothing_all_day(
    icons: ProductConfiguration, at: Callable[[datetime], None]
) -> None:
    at(EIGHT)
    send_daily_digest()
    values = {"type": "x", "payload": {}, "stripe_created": YESTERDAY, "error": "boom", "attempts": 9}
    WebhookEvent.objects.create(id="evt_1", **values)
    at(EIGHT + timedelta(hours=5))
    send_daily_digest()
    deliver()
    assert outbox.outbox == []
    at(EIGHT + timedelta(days=1))
    send_daily_digest()
    assert len(outbox.outbox) == 1


def test_digest_can_be_switched_off(
    pay: Callable[..., Payment], at: Callable[[datetime], None], settings: Any
) -> None:
    settings.ALERTS_OFF = ["daily-digest"]
    pay(1900)
    at(EIGHT)
    send_daily_digest()
    assert outbox.outbox == []
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    ("zone", "too_early", "in_time"),
    [
        ("UTC", datetime(2026, 3, 11, 6, 59, tzinfo=UTC), datetime(2026, 3, 11, 7, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 1, 15, 5, 59, tzinfo=UTC), datetime(2026, 1, 15, 6, 0, tzinfo=UTC)),
        # Summer time begins on this day.
        ("Europe/Berlin", datetime(2026, 3, 29, 4, 59, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
        # It ends on this day.
        (
            "Europe/Berlin",
            datetime(2026, 10, 25, 5, 59, tzinfo=UTC),
            datetime(2026, 10, 25, 6, 0, tzinfo=UTC),
        ),
        ("Asia/Tokyo", datetime(2026, 3, 10, 21, 59, tzinfo=UTC), datetime(2026, 3, 10, 22, 0, tzinfo=UTC)),
        (
            "America/Los_Angeles",
            datetime(2026, 3, 8, 13, 59, tzinfo=UTC),
            datetime(2026, 3, 8, 14, 0, tzinfo=UTC),
        ),
    ],
)
def test_digest_is_sent_after_seven_in_the_time_zone_of_the_shop(
    pay: Callable[..., Payment],
    at: Callable[[datetime], None],
    settings: Any,
    zone: str,
    too_early: datetime,
    in_time: datetime,
) -> None:
    settings.TIME_ZONE = zone
    pay(1900, at=in_time - timedelta(days=1))
    at(too_early)
    send_daily_digest()
    assert outbox.outbox == []
    at(in_time)
    send_daily_digest()
    assert digest()[1:7] == [
        "USD: 1 order",
        "Sales: $19.00",
        "Refunds: $0.00",
        "Net: $19.00",
        "",
        "Nothing needs attention.",
    ]


@pytest.mark.parametrize(
    ("day_after", "first", "end"),
    [
        # 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25.
        ("2026-03-30", datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-10-26", datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_when_the_clocks_change(
    pay: Callable[..., Payment],
    at: Callable[[datetime], None],
    settings: Any,
    day_after: str,
    first: datetime,
    end: datetime,
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    second = timedelta(seconds=1)
    for number, moment in enumerate((first - second, first, end - second, end)):
        pay(10 ** (number + 2), at=moment)
    at(datetime.fromisoformat(f"{day_after}T12:00+00:00"))
    send_daily_digest()
    assert "Sales: $110.00" in digest()  # the sum of 10 and 100


def test_digest_is_in_the_language_of_the_shop(
    pay: Callable[..., Payment], at: Callable[[datetime], None], settings: Any
) -> None:
    settings.LANGUAGE_CODE = "de"
    pay(1900)
    at(EIGHT)
    with translation.override("en"):
        send_daily_digest()
    assert "Einnahmen: 19,00\xa0$" in digest()


def test_unsent_digest_is_sent_later_on_the_same_day(
    pay: Callable[..., Payment], at: Callable[[datetime], None], settings: Any
) -> None:
    pay(1900)
    set_email_url(settings, NO_MAIL_SERVER)
    at(EIGHT)
    send_daily_digest()
    set_email_url(settings, LOCMEM)
    at(EIGHT + timedelta(minutes=20))
    deliver()
    assert "Sales: $19.00" in digest()


def test_a_digest_that_is_a_day_late_is_not_sent(
    pay: Callable[..., Payment], at: Callable[[datetime], None], settings: Any
) -> None:
    pay(1900)
    set_email_url(settings, NO_MAIL_SERVER)
    at(EIGHT)
    send_daily_digest()
    set_email_url(settings, LOCMEM)
    at(EIGHT + timedelta(days=1))
    deliver()
    assert outbox.outbox == []


def test_the_webhook_gets_the_short_form(
    pay: Callable[..., Payment],
    at: Callable[[datetime], None],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ALERT_WEBHOOK_URL = "https://hooks.slack.com/services/T1/B1/x"
    posted: list[str] = []
    webhook = alert_channels.Channel(
        "webhook",
        lambda: True,
        lambda message: posted.append(alert_channels.format_text(message)),
        "posting_at",
        "posted_at",
    )
    monkeypatch.setattr(alert_channels, "CHANNELS", (alert_channels.EMAIL, webhook))
    pay(1900)
    at(EIGHT)
    send_daily_digest()
    (text,) = posted
    assert text.startswith("Workbench on March 10, 2026\nUSD: 1 order\nSales: $19.00\n")
    assert "&amp;to=2026-03-10" in text
    assert "Sales: $19.00" in digest()


def test_two_runs_at_the_same_time_send_one(
    pay: Callable[..., Payment], at: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pay(1900)
    at(EIGHT)
    both = Barrier(2, timeout=20)
    write = daily_digest.write_digest

    def write_together(*arguments: Any) -> tuple[str, str]:
        texts = write(*arguments)
        both.wait()
        return texts

    monkeypatch.setattr(daily_digest, "write_digest", write_together)
    with ThreadPoolExecutor(2) as threads:
        for run in [threads.submit(run_in_thread, send_daily_digest) for _ in range(2)]:
            run.result()
    assert len(outbox.outbox) == 1
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("in_background", [False, True])
def test_reconcile_purchases_sends_the_digest(
    icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch, sandbox: Any, in_background: bool
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        "apps.ecommerce.back_office.scheduled_reconcile.send_daily_digest", lambda: sent.append("digest")
    )
    call_command("reconcile_purchases", "--dry-run", stdout=StringIO())
    assert sent == []
    if in_background:
        reconcile_in_background.enqueue()
    else:
        call_command("reconcile_purchases", stdout=StringIO())
    assert sent == ["digest"]


def test_digest_is_sent_although_reconcile_fails(
    icons: ProductConfiguration,
    pay: Callable[..., Payment],
    disconnect_stripe: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daily_digest, "SEND_AT_HOUR", 0)
    pay(1900, at=timezone.now() - timedelta(days=1))
    disconnect_stripe()
    with pytest.raises(CommandError):
        call_command("reconcile_purchases")
    bodies = [str(message.body) for message in outbox.outbox if "Action needed" not in message.subject]
    assert len(bodies) == 1
    assert "Sales: $19.00" in bodies[0]
    assert "reconcile_purchases can't reach Stripe" in bodies[0]
