"""Access follows the payments that happened: the newest paid invoice counts until a newer one is paid."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access, owned, purchases_with_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from stripe_sandbox import storage
from tests.factories import add_price, buy, create_product, pay, press_buy, url_path
from tests.stripe_actions import (
    DAY,
    HOUR,
    bill_now,
    change_plan,
    deliver,
    dispute,
    escalate,
    fail_refund,
    fail_renewal,
    find_invoices,
    is_open,
    lose,
    paid_charges,
    payments,
    put_addon_first,
    refund,
    renew,
    run_scheduled,
    stripe_now,
    wait,
    win,
)

pytestmark = pytest.mark.django_db
RENEWAL_DECLINED = "4000000000000341"


def refund_all(sandbox: Any, charge: dict[str, Any]) -> None:
    refund(sandbox, charge)


def dispute_charge(sandbox: Any, charge: dict[str, Any]) -> None:
    dispute(charge)


def lose_charge(sandbox: Any, charge: dict[str, Any]) -> None:
    lose(dispute(charge))


REVERSALS = pytest.mark.parametrize(
    ("reverse", "suspended_by"),
    [(refund_all, "refunded"), (dispute_charge, "disputed"), (lose_charge, "dispute_lost")],
)


def end_of_period(sandbox: Any, purchase: Purchase, more: int = 60) -> Purchase:
    """Advance to `more` seconds after the end of the period. The next invoice is a draft for an hour."""
    assert purchase.paid_until is not None
    return wait(sandbox, purchase, int((purchase.paid_until - stripe_now(purchase)).total_seconds()) + more)


# --- the newest paid invoice counts ------------------------------------------------------------------------


@REVERSALS
def test_reversal_of_the_current_period_suspends_access(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    reverse(sandbox, paid_charges()[-1])
    purchase = deliver(sandbox, member)
    assert (purchase.suspended_by, is_open(purchase)) == (suspended_by, False)
    # The status of a subscription is Stripe's own.
    assert (purchase.status, purchase.subscription_status) == ("active", "active")


@REVERSALS
def test_draft_of_the_next_period_does_not_end_a_suspension(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    reverse(sandbox, paid_charges()[-1])
    purchase = end_of_period(sandbox, deliver(sandbox, member))
    assert [row["status"] for row in find_invoices()] == ["paid", "draft"]
    assert (purchase.suspended_by, is_open(purchase)) == (suspended_by, False)
    purchase = wait(sandbox, purchase, 2 * HOUR)
    assert [row["status"] for row in find_invoices()] == ["paid", "paid"]
    assert (purchase.suspended_by, is_open(purchase)) == ("", True)


@REVERSALS
def test_unpaid_invoice_of_the_next_period_does_not_end_a_suspension(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    reverse(sandbox, paid_charges()[-1])
    purchase = fail_renewal(sandbox, deliver(sandbox, member))
    assert (purchase.status, purchase.suspended_by) == ("past_due", suspended_by)
    for hours in (0, 1, 24, 24 * 6):
        assert not is_open(purchase, stripe_now(purchase) + timedelta(hours=hours))


@REVERSALS
def test_reversal_during_the_grace_period_ends_access(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    purchase = fail_renewal(sandbox, member)
    assert is_open(purchase)
    reverse(sandbox, paid_charges()[-1])
    purchase = deliver(sandbox, purchase)
    assert (purchase.suspended_by, is_open(purchase)) == (suspended_by, False)


@REVERSALS
def test_reversal_of_an_earlier_period_does_not_suspend_access(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    purchase = renew(sandbox, member, periods=2)
    reverse(sandbox, paid_charges()[1])
    purchase = deliver(sandbox, purchase)
    assert (purchase.suspended_by, is_open(purchase), purchase.amount_refunded) == ("", True, 0)
    assert is_open(renew(sandbox, purchase))


@REVERSALS
def test_reversal_before_the_draft_is_paid_is_of_an_earlier_period_afterwards(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    purchase = end_of_period(sandbox, member)
    assert is_open(purchase)  # the charge is about to be made
    reverse(sandbox, paid_charges()[-1])
    purchase = deliver(sandbox, purchase)
    assert not is_open(purchase)
    purchase = wait(sandbox, purchase, 2 * HOUR)
    assert (purchase.suspended_by, is_open(purchase)) == ("", True)


def test_setting_lets_a_lost_dispute_suspend_later_periods(
    member: Purchase, sandbox: Any, settings: Any
) -> None:
    settings.LOST_DISPUTES_SUSPEND_LATER_PERIODS = True
    purchase = renew(sandbox, member)
    opened = dispute(paid_charges()[0])
    purchase = deliver(sandbox, purchase)
    assert (purchase.suspended_by, is_open(purchase)) == ("", True)  # the dispute is not lost yet
    lose(opened)
    purchase = deliver(sandbox, purchase)
    assert (purchase.suspended_by, is_open(purchase)) == ("dispute_lost", False)
    assert not is_open(renew(sandbox, purchase))


def test_setting_for_lost_disputes_does_not_apply_to_refunds(
    member: Purchase, sandbox: Any, settings: Any
) -> None:
    settings.LOST_DISPUTES_SUSPEND_LATER_PERIODS = True
    purchase = renew(sandbox, member)
    refund(sandbox, paid_charges()[0])
    assert is_open(deliver(sandbox, purchase))


# --- refunds ----------------------------------------------------------------------------------------------


def test_access_ends_when_partial_refunds_add_up_to_everything(paid: Purchase, sandbox: Any) -> None:
    (charge,) = paid_charges()
    for amount, refunded in [(500, 500), (700, 1200), (699, 1899)]:
        refund(sandbox, charge, amount)
        purchase = deliver(sandbox, paid)
        assert (purchase.suspended_by, purchase.amount_refunded) == ("", refunded)
        assert is_open(purchase)
    refund(sandbox, charge, 1)
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase)) == ("refunded", False)
    assert purchase.status == paid.status


def test_failed_refund_opens_the_product_again(paid: Purchase, sandbox: Any) -> None:
    (charge,) = paid_charges()
    refund(sandbox, charge, 900)
    failing = fail_refund(charge, 1000)
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase)) == ("refunded", False)
    run_scheduled(failing)
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase), purchase.amount_refunded) == ("", True, 900)


def test_one_of_two_payments_for_a_period_is_a_partial_refund(member: Purchase, sandbox: Any) -> None:
    bill_now(member)
    first, second = paid_charges()
    refund(sandbox, second)
    purchase = deliver(sandbox, member)
    assert (purchase.suspended_by, is_open(purchase), purchase.amount_refunded) == ("", True, 900)
    refund(sandbox, first)
    purchase = deliver(sandbox, member)
    assert (purchase.suspended_by, is_open(purchase), purchase.amount_refunded) == ("refunded", False, 1800)


def test_dispute_of_one_of_two_payments_for_a_period_suspends_access(member: Purchase, sandbox: Any) -> None:
    bill_now(member)
    dispute(paid_charges()[0])
    assert not is_open(deliver(sandbox, member))


# --- disputes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dispute_status", "suspended_by"),
    [
        ("needs_response", "disputed"),
        ("under_review", "disputed"),
        ("appeal_needs_response", "disputed"),
        ("appeal_under_review", "disputed"),
        ("lost", "dispute_lost"),
        ("won", ""),
        ("prevented", ""),
        ("warning_needs_response", ""),
        ("warning_under_review", ""),
        ("warning_closed", ""),
    ],
)
def test_each_dispute_status_suspends_access_or_not(
    paid: Purchase, sandbox: Any, dispute_status: str, suspended_by: str
) -> None:
    storage.update(dispute(paid_charges()[-1]), status=dispute_status)
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase)) == (suspended_by, not suspended_by)
    assert purchase.status == paid.status


@pytest.mark.parametrize(("end", "opens"), [(win, True), (lose, False)])
def test_end_of_a_dispute_decides_about_access(paid: Purchase, sandbox: Any, end: Any, opens: bool) -> None:
    opened = dispute(paid_charges()[-1])
    assert not is_open(deliver(sandbox, paid))
    end(opened)
    purchase = deliver(sandbox, paid)
    assert is_open(purchase) == opens
    assert purchase.suspended_by == ("" if opens else "dispute_lost")


def test_inquiry_suspends_access_only_as_a_chargeback(paid: Purchase, sandbox: Any) -> None:
    opened = dispute(paid_charges()[-1], "dispute_inquiry")
    assert is_open(deliver(sandbox, paid))
    escalate(opened)
    assert not is_open(deliver(sandbox, paid))


def test_won_dispute_after_a_lost_one_leaves_access_suspended(paid: Purchase, sandbox: Any) -> None:
    opened = dispute(paid_charges()[-1])
    lose(opened)
    lost = storage.get(opened) or {}
    newer = {"id": "du_newer", "status": "won", "created": lost["created"] + 60}
    storage.put(lost | newer)  # a charge can have several disputes
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase)) == ("dispute_lost", False)


def test_new_dispute_after_a_won_one_suspends_access(paid: Purchase, sandbox: Any) -> None:
    win(dispute(paid_charges()[-1]))
    assert is_open(deliver(sandbox, paid))
    dispute(paid_charges()[-1])
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase)) == ("disputed", False)


def test_won_dispute_does_not_undo_a_refund_of_everything(paid: Purchase, sandbox: Any) -> None:
    opened = dispute(paid_charges()[-1])
    deliver(sandbox, paid)
    win(opened)
    refund(sandbox, paid_charges()[-1])
    purchase = deliver(sandbox, paid)
    assert (purchase.suspended_by, is_open(purchase)) == ("refunded", False)


# --- grace ------------------------------------------------------------------------------------------------


def test_grace_counts_once_from_the_first_unpaid_invoice(
    member: Purchase, sandbox: Any, settings: Any
) -> None:
    sandbox.switches(after_retries="past_due")
    settings.PAST_DUE_GRACE_DAYS = 7
    purchase = fail_renewal(sandbox, member)
    first_unpaid = payments(purchase)[-1]
    assert (purchase.status, purchase.past_due_since) == ("past_due", first_unpaid.created_at)
    grace_ends = first_unpaid.created_at + timedelta(days=7)
    assert is_open(purchase, grace_ends - timedelta(seconds=1))
    assert not is_open(purchase, grace_ends)
    purchase = wait(sandbox, purchase, 20 * DAY)  # all retries fail
    purchase = fail_renewal(sandbox, purchase)  # and the next period is not paid either
    assert [row.status for row in payments(purchase)] == ["paid", "failed", "failed"]
    assert purchase.past_due_since == first_unpaid.created_at
    assert not is_open(purchase)
    assert not is_open(purchase, stripe_now(purchase) + timedelta(days=3))


def test_grace_is_not_extended_by_failed_attempts(member: Purchase, sandbox: Any, settings: Any) -> None:
    settings.PAST_DUE_GRACE_DAYS = 7
    purchase = fail_renewal(sandbox, member)
    since = purchase.past_due_since
    purchase = wait(sandbox, purchase, 6 * DAY)
    assert (purchase.past_due_since, is_open(purchase)) == (since, True)
    purchase = wait(sandbox, purchase, 1 * DAY)
    assert (purchase.past_due_since, is_open(purchase)) == (since, False)


def test_payment_during_grace_ends_it(member: Purchase, sandbox: Any) -> None:
    purchase = fail_renewal(sandbox, member)
    customer = (storage.get(purchase.subscription_id) or {})["customer"]
    card = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    sandbox.client.v1.invoices.pay(find_invoices()[-1]["id"], {"payment_method": card})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, purchase.past_due_since) == ("active", None)
    assert purchase.paid_until == payments(purchase)[-1].period_end


def test_trial_with_a_failed_first_charge_gives_no_access(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    as_ada.get(url_path(pay(press_buy(as_ada, letter), RENEWAL_DECLINED)))
    purchase = deliver(sandbox, Purchase.objects.get())
    assert (purchase.status, is_open(purchase)) == ("trialing", True)
    assert purchase.trial_end is not None
    assert not is_open(purchase, purchase.trial_end + timedelta(days=1))  # no event has arrived
    purchase = renew(sandbox, purchase)
    assert (purchase.status, purchase.has_paid) == ("past_due", False)
    assert not is_open(purchase)
    assert not is_open(purchase, stripe_now(purchase) + timedelta(days=1))


def test_trial_with_a_paid_first_charge_has_no_gap(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = deliver(sandbox, buy(as_ada, letter))
    purchase = end_of_period(sandbox, purchase)
    assert is_open(purchase)  # the invoice is a draft for an hour
    purchase = wait(sandbox, purchase, 2 * HOUR)
    assert (purchase.status, is_open(purchase)) == ("active", True)


def test_later_failure_after_a_trial_has_grace(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, letter)))
    purchase = fail_renewal(sandbox, purchase)
    assert (purchase.status, purchase.has_paid, is_open(purchase)) == ("past_due", True, True)


@pytest.mark.parametrize("state", ["active", "past_due"])
@pytest.mark.parametrize("grace_days", [0, 7])
def test_access_ends_without_an_event(
    member: Purchase, sandbox: Any, settings: Any, state: str, grace_days: int
) -> None:
    """No event arrives, and reconcile_purchases does not run."""
    settings.PAST_DUE_GRACE_DAYS = grace_days
    purchase = fail_renewal(sandbox, member) if state == "past_due" else member
    assert purchase.paid_until is not None
    assert is_open(purchase, purchase.paid_until - timedelta(seconds=1))
    ends = purchase.paid_until + timedelta(days=grace_days, hours=0 if state == "past_due" else 3)
    for later in (timedelta(minutes=1), timedelta(days=1), timedelta(days=365)):
        assert not is_open(purchase, ends + timedelta(hours=1) + later)


def test_unpaid_subscription_gives_no_access_without_grace(
    member: Purchase, sandbox: Any, settings: Any
) -> None:
    settings.PAST_DUE_GRACE_DAYS = 0
    purchase = fail_renewal(sandbox, member)
    assert (purchase.status, is_open(purchase)) == ("past_due", False)


def test_cancel_at_ends_access_within_a_paid_period(member: Purchase, sandbox: Any) -> None:
    at = int(time.time()) + 5 * DAY
    sandbox.client.v1.subscriptions.update(member.subscription_id, {"cancel_at": at})
    purchase = deliver(sandbox, member)
    moment = datetime.fromtimestamp(at, UTC)
    assert is_open(purchase, moment - timedelta(seconds=1))
    assert not is_open(purchase, moment)


def test_free_plan_change_pays_for_no_period(member: Purchase, sandbox: Any) -> None:
    refund(sandbox, paid_charges()[-1])
    purchase = deliver(sandbox, member)
    invoice = find_invoices()[-1]
    later = invoice["lines"]["data"][0]["period"]["end"] + 30 * DAY
    lines = [
        row | {"period": row["period"] | {"end": later}, "amount": 0} for row in invoice["lines"]["data"]
    ]
    free = {"id": "in_free", "billing_reason": "subscription_update", "created": invoice["created"] + 1}
    amounts = dict.fromkeys(("amount_due", "amount_paid", "total", "subtotal"), 0)
    storage.put(invoice | free | amounts | {"lines": invoice["lines"] | {"data": lines}})
    purchase = sync_purchase(purchase, "test")
    assert (purchase.paid_until, purchase.suspended_by) == (member.paid_until, "refunded")
    assert not is_open(purchase)


def test_yearly_plan_pays_for_the_year(member: Purchase, club: ProductConfiguration, sandbox: Any) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    change_plan(sandbox, member, yearly)
    purchase = deliver(sandbox, member)
    assert is_open(purchase, stripe_now(purchase) + timedelta(days=300))
    assert (purchase.price_id, purchase.suspended_by) == (yearly, "")


def test_shorter_plan_replaces_the_longer_period(
    club: ProductConfiguration, as_ada: Client, sandbox: Any
) -> None:
    """The newest paid invoice counts, not the one with the latest end."""
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    club.refresh_from_db()
    price = next(price for price in ProductConfiguration.objects.get().prices if price.id == yearly)
    purchase = deliver(sandbox, buy(as_ada, club, price))
    monthly = next(price.id for price in club.prices if price.id != yearly)
    # Without a credit for the year, the month is paid.
    change_plan(sandbox, purchase, monthly, proration_behavior="none")
    purchase = deliver(sandbox, purchase)
    month = find_invoices()[-1]
    assert month["amount_paid"] > 0
    assert purchase.paid_until == purchase.current_period_end == payments(purchase)[-1].period_end
    refund(sandbox, paid_charges()[-1])
    assert not is_open(deliver(sandbox, purchase))


@pytest.fixture
def yearly_member(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    """Return a purchase of the yearly plan, which was then changed to the monthly one, with a credit for the rest."""
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    prices = {price.id: price for price in ProductConfiguration.objects.get().prices}
    purchase = deliver(sandbox, buy(as_ada, club, prices.pop(yearly)))
    change_plan(sandbox, purchase, next(iter(prices)))
    return deliver(sandbox, purchase)


def test_shorter_plan_paid_by_credit_replaces_the_longer_period(
    yearly_member: Purchase, sandbox: Any
) -> None:
    _year, change = payments(yearly_member)
    assert (change.status, change.amount_paid, change.amount_total < 0) == ("paid", 0, True)
    assert yearly_member.paid_until == yearly_member.current_period_end == change.period_end
    purchase = renew(sandbox, yearly_member)  # paid from the balance
    assert (payments(purchase)[-1].amount_paid, purchase.paid_until) == (0, purchase.current_period_end)
    assert is_open(purchase)


def test_shorter_plan_paid_by_credit_ends_with_its_first_unpaid_period(
    yearly_member: Purchase, sandbox: Any, settings: Any
) -> None:
    customer = (storage.get(yearly_member.subscription_id) or {})["customer"]
    sandbox.client.v1.customers.update(customer, {"balance": 0})
    purchase = fail_renewal(sandbox, yearly_member)
    assert (purchase.status, purchase.paid_until) == ("past_due", yearly_member.paid_until)
    purchase = wait(sandbox, purchase, (settings.PAST_DUE_GRACE_DAYS + 1) * DAY)
    assert not is_open(purchase)


def test_refund_of_the_year_suspends_the_month_that_its_credit_pays(
    yearly_member: Purchase, sandbox: Any
) -> None:
    (charge,) = paid_charges()
    refund(sandbox, charge)
    purchase = deliver(sandbox, yearly_member)
    assert (purchase.suspended_by, is_open(purchase)) == ("refunded", False)


@pytest.mark.parametrize(
    ("reverse", "suspended_by"), [(refund_all, "refunded"), (lose_charge, "dispute_lost")]
)
def test_reversal_of_the_year_suspends_later_months_that_its_credit_pays(
    yearly_member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    purchase = renew(sandbox, yearly_member, periods=2)
    assert [payment.amount_paid for payment in payments(purchase)] == [9000, 0, 0, 0]
    reverse(sandbox, paid_charges()[0])
    purchase = deliver(sandbox, purchase)
    assert (purchase.suspended_by, is_open(purchase)) == (suspended_by, False)


def test_refund_of_the_year_leaves_a_month_open_that_was_partly_charged(
    yearly_member: Purchase, sandbox: Any
) -> None:
    customer = (storage.get(yearly_member.subscription_id) or {})["customer"]
    sandbox.client.v1.customers.update(customer, {"balance": -500})
    purchase = renew(sandbox, yearly_member)
    assert payments(purchase)[-1].amount_paid == 400
    refund(sandbox, paid_charges()[0])
    assert is_open(deliver(sandbox, purchase))


def test_shorter_plan_for_the_same_amount_replaces_the_longer_period(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    """The credit of the year pays exactly for the month: the invoice's total is 0."""
    yearly = add_price(sandbox.client, club.product_id, 900, interval="year")
    sync_catalogue()
    prices = {price.id: price for price in ProductConfiguration.objects.get().prices}
    purchase = deliver(sandbox, buy(as_ada, club, prices.pop(yearly)))
    change_plan(sandbox, purchase, next(iter(prices)))
    purchase = deliver(sandbox, purchase)
    assert payments(purchase)[-1].amount_total == 0
    assert purchase.paid_until == purchase.current_period_end == payments(purchase)[-1].period_end


def test_longer_plan_with_a_coupon_for_everything_gives_access_for_its_period(
    member: Purchase, club: ProductConfiguration, sandbox: Any
) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    coupon = sandbox.client.v1.coupons.create({"percent_off": 100, "duration": "forever"}).id
    sandbox.client.v1.subscriptions.update(member.subscription_id, {"discounts": [{"coupon": coupon}]})
    purchase = renew(sandbox, deliver(sandbox, member))
    change_plan(sandbox, purchase, yearly)
    purchase = deliver(sandbox, purchase)
    assert payments(purchase)[-1].amount_total == 0
    assert purchase.paid_until == purchase.current_period_end == payments(purchase)[-1].period_end
    assert is_open(purchase, stripe_now(purchase) + timedelta(days=300))


def test_longer_plan_can_be_paid_from_the_balance(
    member: Purchase, club: ProductConfiguration, sandbox: Any
) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    customer = (storage.get(member.subscription_id) or {})["customer"]
    sandbox.client.v1.customers.update(customer, {"balance": -20000})
    change_plan(sandbox, member, yearly)
    purchase = deliver(sandbox, member)
    assert payments(purchase)[-1].amount_paid == 0
    assert purchase.paid_until == purchase.current_period_end == payments(purchase)[-1].period_end


def test_manual_invoice_does_not_shorten_the_period(member: Purchase, sandbox: Any) -> None:
    """The lines of a manual invoice have the time of their creation as period."""
    made = bill_now(member, "manual")
    moment = {"start": made["created"], "end": made["created"]}
    lines = [row | {"period": moment} for row in made["lines"]["data"]]
    storage.update(made["id"], lines=made["lines"] | {"data": lines})
    purchase = deliver(sandbox, member)
    assert len(payments(purchase)) == 2
    assert (purchase.paid_until, is_open(purchase)) == (member.paid_until, True)


def test_older_invoice_that_is_paid_late_does_not_shorten_the_period(member: Purchase, sandbox: Any) -> None:
    sandbox.switches(after_retries="past_due")
    purchase = renew(sandbox, fail_renewal(sandbox, member))
    _first, missed, newest = payments(purchase)
    assert (missed.status, newest.status) == ("failed", "paid")
    customer = (storage.get(purchase.subscription_id) or {})["customer"]
    card = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    sandbox.client.v1.invoices.pay(missed.invoice_id, {"payment_method": card})
    purchase = deliver(sandbox, purchase)
    assert [row.status for row in payments(purchase)] == ["paid", "paid", "paid"]
    assert purchase.paid_until == newest.period_end


def test_extended_trial_gives_access_until_its_new_end(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = deliver(sandbox, buy(as_ada, letter))
    later = int(time.time()) + 60 * DAY
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"trial_end": later})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, purchase.trial_end) == ("trialing", datetime.fromtimestamp(later, UTC))
    assert is_open(purchase, stripe_now(purchase) + timedelta(days=50))
    assert not is_open(purchase, stripe_now(purchase) + timedelta(days=61))


def test_trial_given_to_a_paying_subscriber_gives_access(member: Purchase, sandbox: Any) -> None:
    """Operators give free months in Stripe's Dashboard in this way."""
    later = int(time.time()) + 90 * DAY
    sandbox.client.v1.subscriptions.update(member.subscription_id, {"trial_end": later})
    purchase = deliver(sandbox, member)
    assert is_open(purchase, stripe_now(purchase) + timedelta(days=80))


@REVERSALS
def test_trial_does_not_end_a_suspension(
    member: Purchase, sandbox: Any, reverse: Any, suspended_by: str
) -> None:
    reverse(sandbox, paid_charges()[-1])
    later = int(time.time()) + 90 * DAY
    sandbox.client.v1.subscriptions.update(member.subscription_id, {"trial_end": later})
    purchase = deliver(sandbox, member)
    assert (purchase.suspended_by, is_open(purchase)) == (suspended_by, False)


def test_extended_trial_and_its_failed_charge_give_no_access(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = deliver(sandbox, buy(as_ada, letter))
    later = int(time.time()) + 60 * DAY
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"trial_end": later})
    purchase = fail_renewal(sandbox, deliver(sandbox, purchase))
    assert (purchase.status, is_open(purchase)) == ("past_due", False)


@pytest.mark.parametrize("behavior", ["void", "mark_uncollectible", "keep_as_draft"])
def test_paused_collection_gives_no_second_grace(
    member: Purchase, sandbox: Any, settings: Any, behavior: Any
) -> None:
    """Access is bounded by the paid period and one grace, also if a payment fails long after it."""
    settings.PAST_DUE_GRACE_DAYS = 7
    subscriptions = sandbox.client.v1.subscriptions
    subscriptions.update(member.subscription_id, {"pause_collection": {"behavior": behavior}})
    purchase = renew(sandbox, member, periods=2)
    assert (purchase.status, purchase.paid_until, is_open(purchase)) == ("active", member.paid_until, False)
    subscriptions.update(member.subscription_id, {"pause_collection": ""})
    purchase = fail_renewal(sandbox, purchase)
    assert (purchase.status, is_open(purchase)) == ("past_due", False)


# --- several items and quantities --------------------------------------------------------------------------


def test_addon_before_the_plan_never_replaces_what_was_bought(
    member: Purchase, ada: User, club: ProductConfiguration, icons: ProductConfiguration, sandbox: Any
) -> None:
    put_addon_first(sandbox, member, icons.product_id)
    sync_catalogue()
    purchase = sync_purchase(member, "test")
    assert (purchase.product_id, purchase.price_id) == (club.product_id, member.price_id)
    assert (purchase.product_name, purchase.quantity) == (member.product_name, 1)
    assert owned(ada, club.product) == purchase
    assert owned(ada, icons.product) is None
    purchase = renew(sandbox, purchase)
    assert (purchase.product_id, purchase.quantity) == (club.product_id, 1)
    assert payments(purchase)[-1].amount_paid == 900 + 5 * 300
    assert is_open(purchase)
    assert owned(ada, icons.product) is None


def addon_line(line: Any, price: str, product_id: str) -> Any:
    """Return an invoice line like this one, for an add-on."""
    parent = line["parent"]["subscription_item_details"] | {"subscription_item": "si_addon"}
    return line | {
        "id": "il_addon",
        "parent": line["parent"] | {"subscription_item_details": parent},
        "pricing": {"price_details": {"price": price, "product": product_id}, "type": "price_details"},
    }


def test_unpaid_plan_does_not_use_the_year_of_its_addon(
    member: Purchase, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    """Items may have different periods. https://docs.stripe.com/billing/subscriptions/mixed-interval"""
    price = put_addon_first(sandbox, member, icons.product_id)
    (invoice,) = find_invoices()
    (line,) = invoice["lines"]["data"]
    year = line["period"] | {"end": line["period"]["end"] + 335 * DAY}
    addon = addon_line(line, price, icons.product_id) | {"period": year}
    storage.update(invoice["id"], lines=invoice["lines"] | {"data": [addon, line]})
    later = {"id": "in_addon", "created": invoice["created"] + 1, "billing_reason": "subscription_update"}
    storage.put(invoice | later | {"lines": invoice["lines"] | {"data": [addon]}})
    purchase = sync_purchase(member, "test")
    assert (purchase.paid_until, purchase.suspended_by) == (member.paid_until, "")
    assert [row.period_end == member.paid_until for row in payments(purchase)] == [True, False]
    purchase = fail_renewal(sandbox, purchase)
    assert (purchase.status, purchase.paid_until) == ("past_due", member.paid_until)
    assert is_open(purchase)
    purchase = wait(sandbox, purchase, (settings.PAST_DUE_GRACE_DAYS + 1) * DAY)
    assert not is_open(purchase)


def test_removed_addon_and_plan_change_behind_it_are_followed(
    member: Purchase, club: ProductConfiguration, icons: ProductConfiguration, sandbox: Any
) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    put_addon_first(sandbox, member, icons.product_id)
    sync_catalogue()
    subscription = storage.get(member.subscription_id) or {}
    addon, bought = subscription["items"]["data"]
    changed = bought | {"price": storage.get(yearly)}
    storage.update(member.subscription_id, items=subscription["items"] | {"data": [addon, changed]})
    purchase = sync_purchase(member, "test")
    assert (purchase.price_id, purchase.product_id) == (yearly, club.product_id)


@pytest.mark.parametrize("replaces_item", [False, True])
def test_former_plan_that_is_added_again_keeps_the_paid_period(
    member: Purchase, sandbox: Any, *, replaces_item: bool
) -> None:
    """The founder changes the plan in Stripe's Dashboard, and then adds the old one to the subscription."""
    studio = create_product(sandbox.client, "Studio", 2500, interval="month").prices[0].id
    subscriptions = sandbox.client.v1.subscriptions
    item = subscriptions.retrieve(member.subscription_id)["items"].data[0].id
    items: Any = [{"id": item, "price": studio}]
    if replaces_item:
        items = [{"id": item, "deleted": True}, {"price": studio}]
    subscriptions.update(member.subscription_id, {"items": items})
    purchase = deliver(sandbox, member)
    subscriptions.update(member.subscription_id, {"items": [{"price": member.price_id, "quantity": 2}]})
    purchase = deliver(sandbox, purchase)
    assert (purchase.price_id, purchase.item_count) == (studio, 2)
    assert (purchase.paid_until, is_open(purchase)) == (member.paid_until, True)
    assert is_open(renew(sandbox, purchase))


@pytest.mark.parametrize("quantity", [3, 1, 100])
def test_changed_quantity_keeps_access(member: Purchase, sandbox: Any, quantity: int) -> None:
    item = sandbox.client.v1.subscriptions.retrieve(member.subscription_id)["items"].data[0].id
    changes: Any = {"items": [{"id": item, "quantity": quantity}], "proration_behavior": "none"}
    sandbox.client.v1.subscriptions.update(member.subscription_id, changes)
    purchase = deliver(sandbox, member)
    assert (purchase.quantity, is_open(purchase)) == (quantity, True)
    purchase = renew(sandbox, purchase)
    assert (payments(purchase)[-1].amount_paid, is_open(purchase)) == (900 * quantity, True)


# --- has_access and purchases_with_access agree -------------------------------------------------------------

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
STEPS = [timedelta(0), timedelta(seconds=1), timedelta(hours=3), timedelta(days=7), timedelta(days=30)]
MOMENTS = sorted({NOW + sign * step + more for step in STEPS for sign in (-1, 1) for more in
                  (timedelta(0), timedelta(seconds=1), timedelta(seconds=-1))})  # fmt: skip
moments = st.none() | st.sampled_from(MOMENTS)
columns = st.fixed_dictionaries(
    {
        "status": st.sampled_from([*["trialing", "active", "past_due"] * 6, *Status.values]),
        "suspended_by": st.sampled_from([*[""] * 9, "refunded", "disputed", "dispute_lost"]),
        "paid_until": moments,
        "past_due_since": moments,
        "cancel_at": st.sampled_from([None] * 60 + MOMENTS),
        "current_period_end": moments,
        "trial_end": moments,
        "has_paid": st.booleans(),
        "livemode": st.sampled_from([*[False] * 9, True]),
        "is_recurring": st.booleans(),
    }
)


def past_due(unpaid_days: int, paid_days: int) -> dict[str, Any]:
    """Return columns of a payment that is overdue since so many days, and paid until so many days ago."""
    unpaid, paid = (NOW - timedelta(days=days) for days in (unpaid_days, paid_days))
    return {"status": "past_due", "past_due_since": unpaid, "paid_until": paid, "has_paid": True}


@given(st.lists(columns, min_size=40, max_size=40), st.sampled_from([0, 1, 7, 30]))
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example([past_due(0, 6), past_due(7, 0), past_due(0, 8), past_due(6, 7), past_due(6, 6)], 7)
@example([past_due(0, 0), past_due(1, 1)], 0)
def test_both_access_functions_agree(
    club: ProductConfiguration, settings: Any, rows: list[dict[str, Any]], grace_days: int
) -> None:
    settings.PAST_DUE_GRACE_DAYS = grace_days
    same: dict[str, Any] = {"product": club.product, "price": club.prices[0], "currency": "usd"}
    same["livemode"] = False
    purchases = [Purchase(**(same | row), order_number=f"W-{number}") for number, row in enumerate(rows)]
    Purchase.objects.all().delete()
    purchases = Purchase.objects.bulk_create(purchases)
    found = set(purchases_with_access(NOW).values_list("pk", flat=True))
    for purchase, row in zip(purchases, rows, strict=True):
        answer = has_access(purchase, NOW)
        assert (purchase.pk in found) == answer, row
        assert answer == expected_access(purchase, timedelta(days=grace_days)), row


def expected_access(purchase: Purchase, grace: timedelta) -> bool:
    """Return the access of the founder's rules, without using the store's functions."""
    if purchase.livemode or purchase.suspended_by or (purchase.cancel_at and purchase.cancel_at <= NOW):
        return False
    if purchase.status == "paid":
        return True
    if purchase.paid_until is None:
        return False
    grace = grace if purchase.has_paid else timedelta(0)
    match purchase.status:
        case "trialing" | "active":
            return purchase.paid_until + max(grace, timedelta(hours=3)) > NOW
        case "past_due":
            since = purchase.past_due_since
            is_in_grace = since is not None and min(since, purchase.paid_until) + grace > NOW
            return purchase.paid_until > NOW or is_in_grace
    return False


def test_renewal_after_many_changes_of_the_quantity_gives_access(member: Purchase, sandbox: Any) -> None:
    """The line of the plan comes after those of the changes, and an invoice has only its first ten lines."""
    item = sandbox.client.v1.subscriptions.retrieve(member.subscription_id)["items"].data[0].id
    purchase = wait(sandbox, member, 10 * DAY)
    for quantity in (2, 3, 4, 5, 6, 7, 8):
        purchase = wait(sandbox, purchase, HOUR)
        changes: Any = {"items": [{"id": item, "quantity": quantity}]}
        sandbox.client.v1.subscriptions.update(member.subscription_id, changes)
    purchase = renew(sandbox, deliver(sandbox, purchase))
    invoice = sandbox.client.v1.invoices.retrieve(payments(purchase)[-1].invoice_id)
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    assert purchase.paid_until == purchase.current_period_end == payments(purchase)[-1].period_end
    assert is_open(purchase)
    assert len(payments(purchase)[-1].description.splitlines()) == 8


def test_removed_monthly_addon_does_not_shorten_the_year_of_the_plan(
    member: Purchase, icons: ProductConfiguration, sandbox: Any
) -> None:
    """Items may have different periods. https://docs.stripe.com/billing/subscriptions/mixed-interval"""
    price = put_addon_first(sandbox, member, icons.product_id)
    (invoice,) = find_invoices()
    (line,) = invoice["lines"]["data"]
    year = line["period"] | {"end": line["period"]["end"] + 335 * DAY}
    addon = addon_line(line, price, icons.product_id)
    yearly = line | {"period": year}
    storage.update(invoice["id"], lines=invoice["lines"] | {"data": [yearly]})
    later = {"id": "in_addon", "created": invoice["created"] + 1, "billing_reason": "subscription_cycle"}
    storage.put(invoice | later | {"lines": invoice["lines"] | {"data": [addon]}})
    purchase = sync_purchase(member, "test")
    year_end = purchase.paid_until
    subscription = storage.get(member.subscription_id) or {}
    items = [row for row in subscription["items"]["data"] if row["id"] != "si_addon"]
    storage.update(member.subscription_id, items=subscription["items"] | {"data": items})
    purchase = sync_purchase(purchase, "test")
    assert purchase.paid_until == year_end


def test_charge_that_the_same_invoice_credits_gives_no_access(as_ada: Client, sandbox: Any) -> None:
    """More seats for the rest of the year are taken back, then a weekly plan is chosen: only a week is paid."""
    year = create_product(sandbox.client, "Yearly club", 9000, interval="year")
    weekly = add_price(sandbox.client, year.product_id, 300, interval="week")
    purchase = buy(as_ada, year)
    item = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)["items"].data[0].id
    for change in ({"quantity": 5}, {"quantity": 1}, {"price": weekly, "quantity": 1}):
        sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"items": [{"id": item, **change}]})
    purchase = sync_purchase(purchase, "test")
    assert purchase.paid_until
    assert purchase.paid_until < datetime.now(UTC) + timedelta(days=8)
