"""The figures equal a slow computation from the rows, as docs/back-office.md defines them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import count, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.ecommerce.back_office.figures.periods import MAX_BUCKETS, Period, choose_period
from apps.ecommerce.back_office.figures.queries import fetch_top_products
from apps.ecommerce.back_office.figures.shop_figures import Figures
from apps.ecommerce.models import (
    ExternalSale,
    Payment,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    Refund,
    SubscriptionChange,
)
from apps.ecommerce.purchases.fulfilment import change_purchase
from apps.ecommerce.purchases.recurring_revenue import monthly_amount, renewal_per_month

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MINUTES = 1440
# Clocks change at 2:00, at midnight, and by half an hour.
ZONES = [
    *("UTC", "America/New_York", "Europe/Berlin", "Pacific/Auckland"),
    *("America/Havana", "Africa/Cairo", "Australia/Lord_Howe"),
]
# Around changes of the clock in these zones, and an ordinary day.
DAYS = [
    *(date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 4, 24)),
    *(date(2026, 9, 27), date(2026, 10, 25), date(2026, 11, 1), date(2026, 7, 14)),
]
CURRENCIES = ["usd", "eur", "jpy", "kwd"]
numbers = count()
many_examples = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

periods = st.builds(
    lambda day, before, days: Period(day - before * DAY, day + (days - 1 - before) * DAY),
    st.sampled_from(DAYS),
    st.integers(0, 3),
    st.one_of(st.integers(1, 8), st.sampled_from([30, 90, 365])),
)


def create_prices() -> list[Price]:
    """Return monthly, yearly, weekly, daily and quarterly prices of two products, in several currencies."""
    now, prices = timezone.now(), []
    rows = [
        ("usd", 900, "month", 1),
        ("usd", 9900, "year", 1),
        ("eur", 301, "week", 1),
        ("jpy", 5000, "month", 3),
        ("usd", 33, "day", 1),
        ("eur", 1001, "week", 2),
    ]
    for n, (currency, amount, interval, interval_count) in enumerate(rows):
        product, _new = Product.objects.get_or_create(
            id=f"prod_{n % 2}", defaults={"name": f"Thing {n % 2}", "synced_at": now}
        )
        values = {"currency": currency, "unit_amount": amount, "type": "recurring", "interval": interval}
        values |= {"interval_count": interval_count, "product": product, "synced_at": now}
        prices.append(Price.objects.update_or_create(id=f"price_{n}", defaults=values)[0])
    return prices


def create_purchase(price: Price, **fields: Any) -> Purchase:
    number = next(numbers)
    values = {"product": price.product, "price": price, "currency": price.currency, "livemode": False}
    values |= {"email": "ada@example.com", "session_id": f"cs_{number}", "order_number": f"W-{number}"}
    return Purchase.objects.create(**values | fields)


def create_payment(purchase: Purchase, **fields: Any) -> Payment:
    values = {"purchase": purchase, "livemode": purchase.livemode, "product": purchase.product}
    values |= {"stripe_id": f"pi_{next(numbers)}", "status": "paid", "currency": purchase.currency}
    return Payment.objects.create(
        **values | {"amount_total": fields.get("amount_paid", 0), "created_at": timezone.now()} | fields
    )


def is_in(period: Period, at: datetime, zone: str) -> bool:
    return period.first <= local_day(at, zone) <= period.last


def before(period: Period) -> Period:
    days = (period.last - period.first).days + 1
    return Period(period.first - days * DAY, period.first - DAY)


def minutes(limit: int = 3 * MINUTES) -> Any:
    """Return times from `limit` before the period until after its end; often at midnight."""
    return st.one_of(st.integers(-limit, limit), st.sampled_from([-MINUTES, 0, MINUTES]))


money_rows = st.lists(
    st.fixed_dictionaries(
        {
            "currency": st.sampled_from(CURRENCIES),
            "amount": st.integers(0, 10**6),
            "at": minutes(),
            "from_end": st.booleans(),
            "livemode": st.sampled_from([False, False, False, True]),
            "product": st.integers(0, 1),
            "refunds": st.lists(
                st.tuples(
                    st.integers(1, 5000),
                    minutes(),
                    st.sampled_from(["succeeded", "pending", "failed", "canceled"]),
                ),
                max_size=2,
            ),
            "dispute": st.none()
            | st.tuples(st.integers(1, 9000), minutes(), st.sampled_from(["lost", "won", "needs_response"])),
        }
    ),
    max_size=12,
)


def as_time(offset: int, period: Period, zone: str, *, from_end: bool) -> datetime:
    day = period.last + DAY if from_end else period.first
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return midnight + timedelta(minutes=offset)


@given(rows=money_rows, period=periods, zone=st.sampled_from(ZONES))
@many_examples
def test_money_equals_a_slow_computation(
    rows: list[dict[str, Any]], period: Period, zone: str, settings: Any
) -> None:
    settings.TIME_ZONE = zone
    Payment.objects.all().delete()
    prices = create_prices()
    orders = {mode: [create_purchase(price, livemode=mode) for price in prices[:2]] for mode in (False, True)}
    for row in rows:

        def at(offset: int, row: dict[str, Any] = row) -> datetime:
            return as_time(offset, period, zone, from_end=row["from_end"])

        amount, at_dispute, status = row["dispute"] or (0, None, "")
        payment = create_payment(
            orders[row["livemode"]][row["product"]],
            currency=row["currency"],
            amount_paid=row["amount"],
            paid_at=at(row["at"]),
            dispute_amount=amount,
            dispute_status=status,
            disputed_at=at(at_dispute) if at_dispute is not None else None,
        )
        for refunded, refunded_at, refund_status in row["refunds"]:
            Refund.objects.create(
                payment=payment,
                livemode=payment.livemode,
                stripe_id=f"re_{next(numbers)}",
                amount=refunded,
                currency=payment.currency,
                status=refund_status,
                created_at=at(refunded_at),
            )
    figures = Figures(period)
    expected, expected_before = slow_money(period, zone), slow_money(before(period), zone)
    assert {
        code: values(figures.total(code)) for code in figures.currencies if any(values(figures.total(code)))
    } == expected
    assert {
        code: values(figures.before(code)) for code in figures.currencies if any(values(figures.before(code)))
    } == expected_before
    for code in figures.currencies:
        total = figures.total(code)
        assert total.net == total.sales - total.refunds - total.disputes
        if total.orders:
            assert total.average == round(Fraction(total.sales, total.orders) + Fraction(1, 10**9))
        assert sum(row.sales for _bucket, row in figures.money_series(code)) == total.sales
        assert (
            sum(row.losses for _bucket, row in figures.money_series(code)) == total.refunds + total.disputes
        )
    assert top_products(period) == slow_top_products(period, zone)


def values(money: Any) -> tuple[int, ...]:
    return money.sales, money.refunds, money.disputes, money.orders


def slow_money(period: Period, zone: str) -> dict[str, tuple[int, ...]]:
    """Compute sales, refunds, lost disputes and orders by currency, row by row."""
    found: dict[str, list[int]] = {}
    for payment in Payment.objects.all():
        if payment.livemode:
            continue
        total = found.setdefault(payment.currency, [0, 0, 0, 0])
        if is_in(period, payment.paid_at, zone):  # type: ignore[arg-type]
            total[0] += payment.amount_paid
            total[3] += 1 if payment.amount_paid else 0
        if payment.dispute_status == "lost" and is_in(period, payment.disputed_at, zone):  # type: ignore[arg-type]
            total[2] += payment.dispute_amount
        for refund in payment.refunds.all():
            if refund.status in ("succeeded", "pending") and is_in(period, refund.created_at, zone):
                total[1] += refund.amount
    return {code: tuple(total) for code, total in found.items() if any(total)}


def top_products(period: Period) -> dict[str, list[tuple[str, int, int]]]:
    found = fetch_top_products(period)
    return {code: [(row.product.id, row.amount, row.orders) for row in rows] for code, rows in found.items()}


def slow_top_products(period: Period, zone: str) -> dict[str, list[tuple[str, int, int]]]:
    sums: Counter[tuple[str, str]] = Counter()
    orders: Counter[tuple[str, str]] = Counter()
    for payment in Payment.objects.filter(livemode=False, amount_paid__gt=0):
        if is_in(period, payment.paid_at, zone):  # type: ignore[arg-type]
            sums[payment.currency, payment.product_id] += payment.amount_paid
            orders[payment.currency, payment.product_id] += 1
    found: dict[str, list[tuple[str, int, int]]] = {}
    for (code, product), amount in sorted(sums.items(), key=lambda item: (-item[1], item[0])):
        found.setdefault(code, []).append((product, amount, orders[code, product]))
    return found


@given(period=periods, zone=st.sampled_from(ZONES))
@example(period=Period(date(2026, 1, 1), date(2026, 7, 31)), zone="UTC")
@example(period=Period(date(2016, 2, 29), date(2026, 2, 27)), zone="UTC")
@example(period=Period(date(2024, 12, 30), date(2026, 1, 2)), zone="Europe/Berlin")
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_buckets_are_the_days_of_the_period_without_gaps(period: Period, zone: str, settings: Any) -> None:
    settings.TIME_ZONE = zone
    buckets = period.buckets
    assert len(buckets) <= MAX_BUCKETS
    assert (buckets[0].start, buckets[-1].end) == (period.start, period.end)
    assert all(one.end == next_one.start for one, next_one in pairwise(buckets))
    assert all(bucket.start < bucket.end for bucket in buckets)
    if period.days > 1:
        assert all(bucket.start == midnight(bucket.start, zone) for bucket in buckets)
    if 1 < period.days <= MAX_BUCKETS:
        assert len(buckets) == period.days
    # The instant before the first midnight is yesterday.
    assert local_day(period.start, zone) == period.first
    assert local_day(period.start - timedelta(seconds=1), zone) == period.first - DAY


def local_day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def midnight(at: datetime, zone: str) -> datetime:
    day = local_day(at, zone)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


STATUSES = [
    "trialing",
    "active",
    "active",
    "past_due",
    "unpaid",
    "paused",
    "incomplete",
    "processing",
    "canceled",
]
steps = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "after": st.integers(1, 20 * MINUTES),
        "price": st.integers(0, 5),
        "quantity": st.integers(1, 4),
        "discount": st.sampled_from([0, 0, 10, 100]),
        "tax": st.sampled_from(["", "inclusive", "exclusive"]),
        "addon": st.booleans(),
        "paid": st.booleans(),
        "collection_paused": st.sampled_from([False, False, False, True]),
        "has_preview": st.sampled_from([True, True, False]),
        "heard_late": st.integers(0, 3 * MINUTES),
    }
)
histories = st.lists(
    st.tuples(st.integers(0, 40 * MINUTES), st.booleans(), st.lists(steps, min_size=1, max_size=6)),
    max_size=5,
)


def step(status: str, **fields: Any) -> dict[str, Any]:
    same = {
        "after": MINUTES,
        "price": 0,
        "quantity": 1,
        "discount": 0,
        "tax": "",
        "addon": False,
        "paid": False,
    }
    same |= {"collection_paused": False, "has_preview": True, "heard_late": 0}
    return {"status": status, **same, **fields}


JULY = Period(date(2026, 7, 1), date(2026, 7, 31))
# A subscription that is no longer paid gets a free trial, and is paid after it.
NEW_TRIAL = [
    step("active", paid=True),
    step("unpaid"),
    step("trialing", paid=True),
    step("active", paid=True),
]
# The store learns of the end two days later.
LATE_END = [step("active", paid=True), step("canceled", after=5 * MINUTES, heard_late=2 * MINUTES)]


@given(histories=histories, period=periods, zone=st.sampled_from(ZONES))
@example(histories=[(20 * MINUTES, False, NEW_TRIAL)], period=JULY, zone="UTC")
@example(histories=[(20 * MINUTES, True, LATE_END)], period=JULY, zone="Europe/Berlin")
@many_examples
def test_recurring_revenue_equals_a_slow_computation(
    histories: Any, period: Period, zone: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TIME_ZONE = zone
    SubscriptionChange.objects.all().delete()
    prices = create_prices()
    past: list[list[tuple[datetime, str, bool, Fraction]]] = []
    for start, has_trial, rows in histories:
        begin = as_time(start, Period(period.first - 20 * DAY, period.last), zone, from_end=False)
        past.append(play(rows, begin, has_trial, prices, monkeypatch))
    figures = Figures(period)
    total, earlier = figures.subscriptions_total, figures.subscriptions_before
    starts = sum(began for began, _ended in movements(past, period, zone))
    ends = sum(ended for _began, ended in movements(past, period, zone))
    assert (total.new, total.ended) == (starts, ends)
    movements_before = movements(past, before(period), zone)
    assert (
        (earlier.new, earlier.ended) == tuple(map(sum, zip(*movements_before, strict=True)))
        if past
        else (0, 0)
    )
    running_before = sum(runs_at(history, period.start)[0] for history in past)
    assert earlier.running == running_before
    assert total.churn == (ends / running_before if running_before else None)
    for n, bucket in enumerate(figures.buckets):
        states = [runs_at(history, bucket.end) for history in past]
        assert figures.subscriptions[n + 1].running == sum(
            is_running for is_running, _code, _amount in states
        )
        mrr: Counter[str] = Counter()
        for _is_running, code, amount in states:
            mrr[code] += amount
        assert {code: dict(figures.mrr_series(code))[bucket] for code in CURRENCIES} == {
            code: mrr[code] for code in CURRENCIES
        }


def play(
    rows: list[dict[str, Any]], now: datetime, has_trial: bool, prices: list[Price], patch: pytest.MonkeyPatch
) -> list[tuple[datetime, str, bool, Fraction]]:
    """Change a purchase as its subscription changes at Stripe. Return when, its currency, if it runs, and its amount.

    The second half is computed from the definitions only: a subscription runs from its first paid period after a free
    trial until it is canceled, unpaid or paused; it pays the net amount of its next renewal for a month.
    """
    currency = prices[rows[0]["price"]].currency
    prices = [price for price in prices if price.currency == currency]
    trial_end = now + timedelta(minutes=1) if has_trial else None
    purchase = create_purchase(
        prices[0], subscription_id=f"sub_{next(numbers)}", is_recurring=True, trial_end=trial_end
    )
    history, is_running, known, last_at = [], False, Fraction(0), now
    for row in rows:
        now += timedelta(minutes=row["after"])
        patch.setattr(timezone, "now", lambda now=now: now)
        price = prices[row["price"] % len(prices)]
        subscription, preview = at_stripe(row, price, currency)
        status = row["status"]
        if row["paid"] and status in ("active", "past_due"):
            create_payment(purchase, amount_paid=100, paid_at=now)
            purchase.paid_until = now + DAY
        late = timedelta(minutes=row["heard_late"])
        items = {"price_id": price.id, "quantity": row["quantity"], "item_count": 2 if row["addon"] else 1}
        values = {"status": status, "paid_until": purchase.paid_until, **items}
        values |= {"cancel_at": now - late if status == "canceled" else None}
        values |= {"collection_paused": row["collection_paused"], "current_period_end": now + 5 * DAY}
        renewal = renewal_per_month(subscription, preview) if row["has_preview"] else None
        values["monthly_amount"] = monthly_amount(purchase, values, subscription, renewal)
        is_same = all(getattr(purchase, name) == value for name, value in items.items())
        change_purchase(purchase, values, "test")

        # From the definitions.
        at, was_running = now, is_running
        has_begun = purchase.paid_until is not None
        if status in ("canceled", "unpaid", "paused", "incomplete", "processing"):
            is_running = False
        elif status != "trialing":
            is_running = is_running or has_begun
        if was_running and not is_running and status == "canceled":
            at = max(now - late, last_at)
        amount = slow_amount(row, price, with_discount=row["has_preview"])
        if not row["has_preview"] and was_running and is_same and known:
            amount = known
        if row["collection_paused"] and status in ("active", "trialing"):
            amount = Fraction(0)
        known = amount if is_running else Fraction(0)
        if (is_running, known) != (was_running, history[-1][3] if history else Fraction(0)):
            last_at = at
        history.append((at, currency, is_running, known))
        if status == "canceled":
            break
    patch.undo()
    return history


def slow_amount(row: dict[str, Any], price: Price, *, with_discount: bool) -> Fraction:
    """Return what the subscription pays for a month, as docs/back-office.md defines it; rounded half up."""
    per_year = {"day": 365, "week": 52, "month": 12, "year": 1}[price.interval]
    exact = Fraction(0)
    for amount in (price.unit_amount or 0) * row["quantity"], 500 if row["addon"] else 0:
        net = amount
        if with_discount:
            net -= amount * row["discount"] // 100
            net -= 7 if row["tax"] == "inclusive" and net >= 7 else 0
        exact += Fraction(net * per_year, 12 * price.interval_count)
    return Fraction(int(exact + Fraction(1, 2)))


def at_stripe(row: dict[str, Any], price: Price, currency: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the subscription and its next invoice, which also has a proration and a metered item."""
    recurring = {"interval": price.interval, "interval_count": price.interval_count, "usage_type": "licensed"}

    def item(key: str, amount: int, quantity: int, **more: Any) -> dict[str, Any]:
        terms = {
            "id": f"price_{key}",
            "currency": currency,
            "unit_amount": amount,
            "recurring": recurring | more,
        }
        return {"id": key, "price": terms, "quantity": quantity}

    def line(key: str, amount: int, *, proration: bool = False) -> dict[str, Any]:
        discount = amount * row["discount"] // 100
        tax = 7 if amount - discount >= 7 else 0
        details = {"subscription_item": key, "proration": proration}
        return {
            "amount": amount,
            "parent": {"subscription_item_details": details},
            "discount_amounts": [{"amount": discount}],
            "taxes": [{"amount": tax, "tax_behavior": row["tax"]}] if row["tax"] else [],
        }

    items = [
        item("si_plan", price.unit_amount or 0, row["quantity"]),
        item("si_usage", 3, 1, usage_type="metered"),
    ]
    lines = [line("si_plan", 77777, proration=True), line("si_usage", 4000)]
    lines += [line("si_plan", (price.unit_amount or 0) * row["quantity"])]
    if row["addon"]:
        items.append(item("si_addon", 500, 1))
        lines.append(line("si_addon", 500))
    return {"id": "sub", "currency": currency, "items": {"data": items}}, {"lines": {"data": lines}}


def runs_at(history: list[tuple[datetime, str, bool, Fraction]], at: datetime) -> tuple[bool, str, int]:
    """Return whether the subscription runs just before `at`, its currency and its monthly amount."""
    state = (False, "", 0)
    for since, currency, is_running, amount in history:
        if since < at:
            state = (is_running, currency, int(amount))
    return state


def movements(
    past: list[list[tuple[datetime, str, bool, Fraction]]], period: Period, zone: str
) -> list[tuple[int, int]]:
    """Return how often each subscription began and ended in the period."""
    found = []
    for history in past:
        began = ended = 0
        was_running = False
        for at, _currency, is_running, _amount in history:
            if is_in(period, at, zone):
                began += is_running and not was_running
                ended += was_running and not is_running
            was_running = is_running
        found.append((began, ended))
    return found


def test_conversion_counts_checkouts_that_buyers_have_paid(icons: ProductConfiguration) -> None:
    now, price = timezone.now(), icons.prices[0]
    rows = [
        {"paid_at": now},
        {"paid_at": now, "amount_total": 0, "status": "trialing"},
        {},
        {"status": "expired"},
        {"session_id": None, "status": "expired"},  # Stripe has refused the checkout
        {"paid_at": now, "livemode": True},
    ]
    for row in rows:
        create_purchase(price, **row)
    outside = create_purchase(price, paid_at=now)
    ExternalSale.objects.create(
        id=outside.session_id,
        price=price,
        currency="usd",
        amount=1900,
        livemode=False,
        sold_at=now,
        purchase=outside,
    )
    old = create_purchase(price, paid_at=now)
    Purchase.objects.filter(pk=old.pk).update(created_at=now - 8 * DAY)

    figures = Figures(choose_period(QueryDict("period=7")).period)
    assert (figures.checkouts.started, figures.checkouts.paid, figures.checkouts.conversion) == (4, 2, 0.5)
    assert (figures.checkouts_before.started, figures.checkouts_before.paid) == (1, 1)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "period=99",
            "from=2026-02-30&to=2026-03-01",
            "from=2026-03-02&to=2026-03-01",
            "from=0001-01-01&to=2026-01-01",
        ),
        *(
            "from=2026-01-01",
            "from=9999-12-30&to=9999-12-31",
            "from=2001-01-01&to=2026-01-01",
            "from=%00&to=x",
        ),
    ],
)
def test_a_wrong_period_in_the_url_shows_the_default(query: str) -> None:
    choice = choose_period(QueryDict(query))
    assert (choice.name, choice.period.days) == ("30", 30)
    assert bool(choice.form.errors) == query.startswith("from")


def test_a_chosen_range_ends_today_at_the_latest() -> None:
    today = timezone.localdate()
    choice = choose_period(QueryDict(f"from={today - 5 * DAY}&to=9999-12-31"))
    assert (choice.name, choice.period) == ("", Period(today - 5 * DAY, today))
