"""Faults that the store had or could have: each is planted, and a rule of truth.py must fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.ecommerce import webhooks
from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.purchases import (
    checkout_sessions,
    fulfilment,
    stripe_state,
)
from apps.ecommerce.purchases.emails import payment_news
from apps.ecommerce.purchases.emails.queue import queue_email, queue_status_email
from apps.ecommerce.purchases.next_payment import next_payment_values
from apps.ecommerce.purchases.payments import stored_payments

from .state_machine import Shop
from .truth import DAY
from .world import World

Act = tuple[str, dict[str, Any]]
Plant = Callable[[pytest.MonkeyPatch], None]

WEEKLY, MONTHLY, TRIAL, LICENCE = 0, 1, 3, 7  # indexes of World.prices
CARD, RENEWALS_FAIL = 0, 4  # indexes of CARDS
DELIVER: Act = ("deliver_everything", {})


def begin(price: int, card: int = CARD, ending: str = "deliver") -> Act:
    values = {"ending": ending, "order": 0, "day": 0, "after_retries": "past_due", "cancels": ()}
    return "begin", {**values, "bought": [(0, price, card)]}


def renew(periods: int = 1, fails: str = "", news: str = "invoice.") -> Act:
    return "renew", {"which": 0, "periods": periods, "fails": fails, "news": news}


def refund(*parts: float, which: int = 0) -> Act:
    return "refund", {"which": which, "parts": list(parts), "course": ""}


def dispute(*ends: str, which: int = 0) -> Act:
    return "dispute", {"which": which, "kind": "dispute_fraudulent", "ends": ends}


def manage(act: str, number: int = 0) -> Act:
    return "manage", {"which": 0, "act": act, "token": "pm_card_visa", "days": number}


def buy_and_pay(price: int) -> Act:
    return "buy_and_pay", {"who": 0, "what": price, "how": CARD}


def pass_time(days: int) -> Act:
    return "pass_time", {"seconds": days * DAY}


# --- faults ------------------------------------------------------------------------------------------------


def change_payment_values(change: Callable[[dict[str, Any], Any], None]) -> Plant:
    """Return a plant that changes the columns that follow from a subscription's payments."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def changed(rows: Any, subscription: Any, *more: Any) -> dict[str, Any]:
            values = stored_payments.payment_values(rows, subscription, *more)
            if subscription:
                change(values, rows)
            return values

        patch.setattr(stripe_state, "payment_values", changed)

    return plant


def unpaid_invoice_reopens(values: dict[str, Any], rows: Any) -> None:
    if rows and not rows[0].is_paid:
        values["suspended_by"] = ""


def count_grace_anew(values: dict[str, Any], rows: Any) -> None:
    if values["past_due_since"]:
        values["past_due_since"] = values["paid_until"] = rows[0].created_at


def grace_for_everybody(values: dict[str, Any], _rows: Any) -> None:
    values["has_paid"] = True


def access_without_end(values: dict[str, Any], _rows: Any) -> None:
    if values["paid_until"]:
        values["paid_until"] += timedelta(days=3650)


def later_periods_are_suspended(values: dict[str, Any], rows: Any) -> None:
    if any(row.is_refunded for row in rows):
        values["suspended_by"] = "refunded"


def ignore_old_payments(patch: pytest.MonkeyPatch) -> None:
    def newest_only(intent: str) -> list[Purchase]:
        return list(Purchase.objects.filter(payment_intent_id=intent))

    patch.setattr(webhooks, "purchases_for_payment", newest_only)


def email_one_refund_only(patch: pytest.MonkeyPatch) -> None:
    def queue_once(purchase: Purchase, kind: str, about: str, **values: Any) -> None:
        if kind != Mail.Kind.REFUNDED or not purchase.mails.filter(kind=kind).exists():
            queue_email(purchase, kind, about, **values)

    patch.setattr(payment_news, "queue_email", queue_once)


def hide_lost_subscriptions(patch: pytest.MonkeyPatch) -> None:
    original: Any = Purchase.will_be_charged_again

    def is_shown(purchase: Purchase) -> bool:
        return purchase.suspended_by != "dispute_lost" and bool(original.fget(purchase))

    patch.setattr(Purchase, "will_be_charged_again", property(is_shown))


def queue_twice(patch: pytest.MonkeyPatch) -> None:
    def queue(change: Any, suspended_before: str) -> Any:
        if kind := queue_status_email(change, suspended_before):
            queue_email(change.purchase, kind, f"{change.version} again")
        return kind

    patch.setattr(fulfilment, "queue_status_email", queue)


def queue_receipts_twice(patch: pytest.MonkeyPatch) -> None:
    def queue(purchase: Purchase, kind: str, about: str, **values: Any) -> None:
        queue_email(purchase, kind, about, **values)
        if kind == Mail.Kind.RECEIPT:
            queue_email(purchase, kind, f"{about} again", **values)

    patch.setattr(payment_news, "queue_email", queue)


def forget_late_receipts(patch: pytest.MonkeyPatch) -> None:
    def is_renewal(_purchase: Purchase, payment: Any, _status_email: Any) -> bool:
        return payment.reason not in payment_news.FIRST_PAYMENT_REASONS

    patch.setattr(payment_news, "_needs_receipt", is_renewal)


def show_list_price(patch: pytest.MonkeyPatch) -> None:
    def list_price(subscription: Any) -> dict[str, Any]:
        price = subscription["items"]["data"][-1]["price"]
        return {**next_payment_values(subscription), "next_amount": price["unit_amount"]}

    patch.setattr(fulfilment, "next_payment_values", list_price)


def count_no_licence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checkout_sessions, "upgrade_credit", lambda _purchase: 0)


def forget_upgrades(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fulfilment, "_suspend_upgrades", lambda _purchase, _cause: None)
    patch.setattr(fulfilment, "inherited_suspension", lambda _purchase: "")


# fault ▶ (plant, schedule, the rule that fails)
FAULTS: dict[str, tuple[Plant, list[Act], str]] = {
    "an unpaid invoice reopens a refunded subscription": (
        change_payment_values(unpaid_invoice_reopens),
        [begin(MONTHLY), DELIVER, refund(1.0), DELIVER, renew(fails="all")],
        "in the store, but at Stripe",
    ),
    "grace is counted anew with each period": (
        change_payment_values(count_grace_anew),
        [begin(WEEKLY), DELIVER, renew(2, fails="all"), pass_time(2)],
        "access without payment",
    ),
    "people who never paid have days of grace": (
        change_payment_values(grace_for_everybody),
        [begin(TRIAL, RENEWALS_FAIL), DELIVER, renew(), pass_time(1)],
        "access without payment",
    ),
    "a refund of an old period is ignored": (
        ignore_old_payments,
        [begin(MONTHLY), DELIVER, renew(), DELIVER, refund(1.0, which=1)],
        "the refunded amount differs",
    ),
    "a refund of an old period closes access": (
        change_payment_values(later_periods_are_suspended),
        [begin(MONTHLY), DELIVER, renew(), DELIVER, refund(1.0, which=1), DELIVER],
        "in the store, but at Stripe",
    ),
    "the second partial refund sends no e-mail": (
        email_one_refund_only,
        [begin(MONTHLY), DELIVER, refund(0.3), DELIVER, refund(0.3)],
        "0 e-mails about a refund",
    ),
    "access has no end without events": (
        change_payment_values(access_without_end),
        [begin(MONTHLY, ending="lose"), DELIVER, renew(fails="all", news=""), pass_time(8)],
        "access without payment",
    ),
    "a lost dispute loses the button to cancel": (
        hide_lost_subscriptions,
        [begin(MONTHLY), DELIVER, dispute("lost")],
        "no button to cancel",
    ),
    "an e-mail about a status is created twice": (
        queue_twice,
        [begin(MONTHLY), DELIVER],
        "2 e-mails order, not 1",
    ),
    "a first payment sends no e-mail if the renewal failed first": (
        forget_late_receipts,
        [begin(MONTHLY, ending="lose"), renew(fails="all", news="")],
        "0 e-mails order, not 1",
    ),
    "the next amount is the list price": (
        show_list_price,
        [begin(MONTHLY), DELIVER, manage("coupon", 2), DELIVER],
        "another amount than told",
    ),
    "an upgrade costs the full price": (
        count_no_licence,
        [begin(LICENCE), DELIVER],
        "pays the full price",
    ),
    "an upgrade stays open after its licence was refunded": (
        forget_upgrades,
        [begin(LICENCE), DELIVER, buy_and_pay(LICENCE + 1), DELIVER, refund(1.0, which=1), DELIVER],
        "differs from Stripe's",
    ),
    "a receipt is created twice": (
        queue_receipts_twice,
        [begin(MONTHLY), DELIVER, renew()],
        "3 e-mails order, not 2",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.timeout(300)
def test_planted_fault_breaks_a_rule(fault: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, schedule, rule = FAULTS[fault]
    with monkeypatch.context() as patch:
        plant(patch)
        with pytest.raises(AssertionError, match=rule):
            run_schedule(world, schedule)


@pytest.mark.timeout(600)
def test_schedules_of_the_faults_pass_without_them(world: World) -> None:
    for _plant, schedule, _rule in FAULTS.values():
        run_schedule(world, schedule)


def run_schedule(world: World, schedule: list[Act]) -> None:
    machine = type("Shop", (Shop,), {"world": world, "played": []})()
    for name, values in schedule:
        getattr(machine, name)(**values)
        machine.check_store()
    machine.teardown()
