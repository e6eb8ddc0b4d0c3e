"""Each payment of a purchase is a row with the amounts, times, method and links at Stripe."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Payment, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from stripe_sandbox import ibans, scheduled_actions, storage
from tests.factories import DECLINED, add_price, buy, create_product, pay, press_buy, url_path
from tests.stripe_actions import (
    DAY,
    HOUR,
    bill_now,
    change_plan,
    deliver,
    dispute,
    fail_refund,
    fail_renewal,
    find_invoices,
    lose,
    paid_charges,
    payments,
    refund,
    renew,
    run_scheduled,
    split_invoice,
    wait,
    win,
)

pytestmark = pytest.mark.django_db
IBAN_PAID, IBAN_REFUSED = (account.number for account in ibans.TABLE[:2])


def at(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def invoice(row: Payment) -> dict[str, Any]:
    return storage.get(row.invoice_id) or {}


# --- one-time purchases -----------------------------------------------------------------------------------


def test_one_time_purchase_has_one_payment(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    (row,) = payments(purchase)
    (charge,) = paid_charges()
    assert (row.stripe_id, row.payment_intent_id) == (charge["payment_intent"], charge["payment_intent"])
    assert (row.charge_id, row.invoice_id) == (charge["id"], "")
    assert (row.status, row.reason, row.currency) == ("paid", "", "usd")
    assert (row.amount_total, row.amount_subtotal, row.amount_paid) == (1900, 1900, 1900)
    assert (row.amount_tax, row.amount_discount, row.amount_refunded) == (0, 0, 0)
    assert (row.presentment_amount, row.presentment_currency) == (0, "")
    assert row.payment_method == "Visa •••• 4242"
    assert (row.failure_code, row.dispute_status, row.dispute_due_by) == ("", "", None)
    assert (row.period_start, row.period_end) == (None, None)
    assert row.receipt_url == charge["receipt_url"] != ""
    assert (row.invoice_url, row.invoice_pdf, row.invoice_number) == ("", "", "")
    intent = storage.get(charge["payment_intent"]) or {}
    assert (row.created_at, row.paid_at) == (at(intent["created"]), at(charge["created"]))


def test_free_product_has_no_payment(as_ada: Client, sandbox: Any) -> None:
    free = create_product(sandbox.client, "Sampler", 0)
    purchase = deliver(sandbox, buy(as_ada, free))
    assert purchase.status == Status.PAID
    assert payments(sync_purchase(purchase, "again")) == []


@pytest.mark.parametrize("status", ["open", "expired"])
def test_unpaid_checkout_has_no_payment(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, status: str
) -> None:
    page = press_buy(as_ada, icons)
    pay(page, DECLINED)
    purchase = Purchase.objects.get()
    if status == "expired":
        sandbox.client.v1.checkout.sessions.expire(str(purchase.session_id))
    purchase = sync_purchase(deliver(sandbox, purchase), "test")
    assert (purchase.status, payments(purchase)) == (status, [])


def test_declined_card_before_the_payment_leaves_one_paid_row(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    page = press_buy(as_ada, icons)
    pay(page, DECLINED)
    pay(page)
    (row,) = payments(deliver(sandbox, Purchase.objects.get()))
    (charge,) = paid_charges()
    assert (row.status, row.failure_code, row.charge_id) == ("paid", "", charge["id"])


def test_tax_and_discount_are_stored(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_AUTOMATIC_TAX = settings.CHECKOUT_PROMOTION_CODES = True
    create_code(sandbox, "LESS20", percent_off=20)
    purchase = deliver(sandbox, buy_with_code(as_ada, icons, "LESS20"))
    (row,) = payments(purchase)
    (charge,) = paid_charges()
    assert (row.amount_subtotal, row.amount_discount) == (1900, 380)
    assert row.amount_tax > 0
    assert row.amount_total == row.amount_paid == charge["amount"] == 1520 + row.amount_tax


def test_presentment_amount_is_stored(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    (charge,) = paid_charges()
    details = {"presentment_amount": 1805, "presentment_currency": "eur"}
    storage.update(charge["id"], presentment_details=details)
    (row,) = payments(sync_purchase(purchase, "test"))
    assert (row.presentment_amount, row.presentment_currency) == (1805, "eur")
    assert (row.amount_paid, row.currency) == (1900, "usd")


def test_invoice_of_a_one_time_purchase_is_the_key(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_INVOICES = True
    (row,) = payments(deliver(sandbox, buy(as_ada, icons)))
    (made,) = find_invoices()
    (charge,) = paid_charges()
    assert (row.stripe_id, row.invoice_id) == (made["id"], made["id"])
    assert (row.payment_intent_id, row.charge_id) == (charge["payment_intent"], charge["id"])
    assert (row.invoice_number, row.invoice_url) == (made["number"], made["hosted_invoice_url"])
    assert row.invoice_pdf == (made["invoice_pdf"] or "")
    assert (row.status, row.amount_paid, row.reason) == ("paid", 1900, "")


def test_invoice_created_after_the_payment_belongs_to_the_same_row(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_INVOICES = True
    purchase = buy(as_ada, icons)
    (made,) = find_invoices()
    Purchase.objects.filter(pk=purchase.pk).update(payments_synced_at=None)
    purchase.payments.all().delete()
    storage.update(str(purchase.session_id), invoice=None)
    (before,) = payments(sync_purchase(purchase, "test"))
    assert before.stripe_id == before.payment_intent_id != ""
    storage.update(str(purchase.session_id), invoice=made["id"])
    (after,) = payments(sync_purchase(purchase, "test"))
    assert (after.pk, after.stripe_id, after.invoice_id) == (before.pk, made["id"], made["id"])


@pytest.mark.parametrize(("iban", "end"), [(IBAN_PAID, "paid"), (IBAN_REFUSED, "failed")])
def test_bank_debit_is_processing_then_paid_or_failed(
    as_ada: Client, sandbox: Any, iban: str, end: str
) -> None:
    product = create_euro_product(sandbox)
    purchase = deliver(sandbox, pay_by_debit(as_ada, product, iban))
    (row,) = payments(purchase)
    assert (row.status, row.amount_total, row.amount_paid, row.paid_at) == ("processing", 2400, 0, None)
    scheduled_actions.run_due(time.time() + 10**6)
    (after,) = payments(deliver(sandbox, purchase))
    assert (after.pk, after.status) == (row.pk, end)
    assert after.amount_paid == (2400 if end == "paid" else 0)
    assert bool(after.failure_code) == (end == "failed")


# --- subscriptions ----------------------------------------------------------------------------------------


def test_each_period_has_a_payment(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=3)
    rows = payments(purchase)
    invoices, charges = find_invoices(), paid_charges()
    assert [row.stripe_id for row in rows] == [row["id"] for row in invoices]
    assert [row.invoice_id for row in rows] == [row["id"] for row in invoices]
    assert [row.charge_id for row in rows] == [row["id"] for row in charges]
    assert [row.payment_intent_id for row in rows] == [row["payment_intent"] for row in charges]
    assert [row.reason for row in rows] == ["subscription_create", *["subscription_cycle"] * 3]
    assert {(row.status, row.amount_total, row.amount_paid) for row in rows} == {("paid", 900, 900)}
    assert {row.payment_method for row in rows} == {"Visa •••• 4242"}
    for row in rows:
        made, (line,) = invoice(row), invoice(row)["lines"]["data"]
        assert (row.period_start, row.period_end) == (at(line["period"]["start"]), at(line["period"]["end"]))
        assert row.created_at == at(made["created"])
        assert row.paid_at == at(made["status_transitions"]["paid_at"])
        assert (row.invoice_number, row.invoice_url) == (made["number"], made["hosted_invoice_url"] or "")
        assert row.receipt_url == (storage.get(row.charge_id) or {})["receipt_url"]
    for earlier, later in pairwise(rows):
        assert earlier.period_end == later.period_start
    assert purchase.paid_until == rows[-1].period_end


def test_more_payments_than_one_page_at_stripe(as_ada: Client, sandbox: Any) -> None:
    daily = create_product(sandbox.client, "Daily", 100, interval="day")
    purchase = deliver(sandbox, buy(as_ada, daily))
    sandbox.switches(drop=["*"])
    wait(sandbox, purchase, 104 * DAY + HOUR * 2)
    rows = payments(sync_purchase(purchase, "test"))
    assert [row.charge_id for row in rows] == [row["id"] for row in paid_charges()]
    assert len(rows) == 105


def test_draft_invoice_has_no_row(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    assert purchase.current_period_end is not None
    end = int(purchase.current_period_end.timestamp())
    purchase = wait(sandbox, purchase, end - int(time.time()) + 60)
    assert [row["status"] for row in find_invoices()] == ["paid", "draft"]
    assert len(payments(sync_purchase(purchase, "test"))) == 1


def test_failed_renewal_is_one_row_that_is_paid_later(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = fail_renewal(sandbox, deliver(sandbox, buy(as_ada, club)))
    _first, failed = payments(purchase)
    assert (failed.status, failed.failure_code) == ("failed", "generic_decline")
    assert (failed.amount_total, failed.amount_paid, failed.paid_at) == (900, 0, None)
    purchase = wait(sandbox, purchase, 4 * DAY)  # Stripe repeats the attempt, which fails again
    _first, again = payments(purchase)
    assert (again.pk, again.status) == (failed.pk, "failed")
    sandbox.client.v1.invoices.pay(failed.invoice_id, {"payment_method": new_card(sandbox, purchase)})
    _first, paid = payments(deliver(sandbox, purchase))
    assert (paid.pk, paid.status, paid.amount_paid, paid.failure_code) == (failed.pk, "paid", 900, "")
    assert paid.charge_id == paid_charges()[-1]["id"]
    assert paid.paid_at == at(invoice(paid)["status_transitions"]["paid_at"])


def test_renewal_that_needs_authentication_is_not_paid(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    card = new_card(sandbox, purchase, "pm_card_authenticationRequired")
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"default_payment_method": card})
    _first, row = payments(renew(sandbox, purchase))
    assert row.status in ("open", "failed")
    assert (row.amount_paid, row.paid_at) == (0, None)


@pytest.mark.parametrize(("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible")])
def test_void_and_uncollectible_invoices_are_unpaid_rows(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, behavior: Any, status: str
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    pause: Any = {"pause_collection": {"behavior": behavior}}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, pause)
    purchase = renew(sandbox, purchase)
    first, row = payments(purchase)
    assert (row.status, row.amount_total, row.amount_paid, row.paid_at) == (status, 900, 0, None)
    assert purchase.paid_until == first.period_end


def test_trial_is_a_row_of_zero_and_the_first_charge_another(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = deliver(sandbox, buy(as_ada, letter))
    (trial,) = payments(purchase)
    assert (trial.status, trial.amount_total, trial.amount_paid) == ("paid", 0, 0)
    assert (trial.stripe_id, trial.payment_intent_id, trial.charge_id) == (trial.invoice_id, "", "")
    assert trial.period_end == purchase.trial_end == purchase.paid_until
    assert not purchase.has_paid
    purchase = renew(sandbox, purchase)
    _trial, first = payments(purchase)
    assert (first.status, first.amount_paid, first.reason) == ("paid", 500, "subscription_cycle")
    assert first.period_start == trial.period_end
    assert (purchase.has_paid, purchase.paid_until) == (True, first.period_end)


def test_fully_discounted_period_is_a_row_of_zero(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    create_code(sandbox, "FREE1", percent_off=100, duration="once")
    purchase = deliver(sandbox, buy_with_code(as_ada, club, "FREE1"))
    (free,) = payments(purchase)
    assert (free.status, free.amount_subtotal, free.amount_discount) == ("paid", 900, 900)
    assert (free.amount_total, free.amount_paid, purchase.has_paid) == (0, 0, False)
    assert purchase.paid_until == free.period_end
    _free, paid = payments(renew(sandbox, purchase))
    assert (paid.amount_paid, paid.amount_discount) == (900, 0)


def test_tax_and_discount_of_each_period_are_stored(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = settings.CHECKOUT_AUTOMATIC_TAX = True
    create_code(sandbox, "HALF", percent_off=50, duration="forever")
    purchase = renew(sandbox, deliver(sandbox, buy_with_code(as_ada, club, "HALF")))
    rows, charges = payments(purchase), paid_charges()
    assert len(rows) == 2
    for row, charge in zip(rows, charges, strict=True):
        assert (row.amount_subtotal, row.amount_discount) == (900, 450)
        assert row.amount_tax > 0
        assert row.amount_total == row.amount_paid == charge["amount"] == 450 + row.amount_tax


def test_plan_change_has_its_own_payment(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    purchase = deliver(sandbox, buy(as_ada, club))
    change_plan(sandbox, purchase, yearly)
    purchase = deliver(sandbox, purchase)
    _first, change = payments(purchase)
    made = find_invoices()[-1]
    assert (change.stripe_id, change.reason, change.status) == (made["id"], "subscription_update", "paid")
    assert change.amount_paid == made["amount_paid"] > 0
    assert purchase.paid_until == change.period_end == purchase.current_period_end


def test_extra_invoice_within_a_period_has_its_own_payment(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    made = bill_now(purchase)
    first, extra = payments(deliver(sandbox, purchase))
    assert (extra.stripe_id, extra.reason, extra.amount_paid) == (made["id"], "subscription_update", 900)
    assert extra.period_end == first.period_end


def test_quantity_is_in_the_amount(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    item = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)["items"].data[0].id
    changes: Any = {"items": [{"id": item, "quantity": 3}], "proration_behavior": "none"}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, changes)
    purchase = renew(sandbox, purchase)
    assert (payments(purchase)[-1].amount_paid, purchase.quantity) == (2700, 3)


# --- several payments of one invoice ----------------------------------------------------------------------


def test_invoice_payments_of_every_type_add_up_in_one_row(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    invoice_id = find_invoices()[-1]["id"]
    parts = [("payment_intent", 400), ("payment_record", 200), ("charge", 300)]
    by_intent, by_charge = split_invoice(invoice_id, parts)
    purchase = sync_purchase(purchase, "test")
    row = Payment.objects.get(stripe_id=invoice_id)
    assert len(payments(purchase)) == 2
    assert (row.amount_total, row.amount_paid) == (900, 900)
    assert row.payment_intent_id == (storage.get(by_intent) or {})["payment_intent"]
    assert row.charge_id in (by_intent, by_charge)
    for charge_id in (by_intent, by_charge):
        refund(sandbox, storage.get(charge_id) or {}, 100)
    purchase = sync_purchase(purchase, "test")
    row.refresh_from_db()
    assert (row.amount_refunded, purchase.amount_refunded) == (200, 200)
    dispute(storage.get(by_charge) or {})
    purchase = sync_purchase(purchase, "test")
    row.refresh_from_db()
    assert (row.dispute_status, purchase.suspended_by) == ("needs_response", "disputed")


def test_refund_of_one_of_two_charges_is_partial(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    invoice_id = find_invoices()[-1]["id"]
    first, second = split_invoice(invoice_id, [("payment_intent", 400), ("payment_intent", 500)])
    refund(sandbox, storage.get(first) or {})
    purchase = sync_purchase(purchase, "test")
    assert (purchase.suspended_by, purchase.amount_refunded) == ("", 400)
    refund(sandbox, storage.get(second) or {})
    purchase = sync_purchase(purchase, "test")
    assert (purchase.suspended_by, purchase.amount_refunded) == ("refunded", 900)


def test_invoice_paid_outside_stripe_is_paid(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    invoice_id = find_invoices()[-1]["id"]
    assert split_invoice(invoice_id, [("payment_record", 900)]) == []
    (row,) = payments(sync_purchase(purchase, "test"))
    assert (row.status, row.amount_paid, row.payment_intent_id, row.charge_id) == ("paid", 900, "", "")


def test_failed_invoice_paid_out_of_band_is_paid(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = fail_renewal(sandbox, deliver(sandbox, buy(as_ada, club)))
    invoice_id = find_invoices()[-1]["id"]
    sandbox.client.v1.invoices.pay(invoice_id, {"paid_out_of_band": True})
    purchase = deliver(sandbox, purchase)
    row = payments(purchase)[-1]
    assert (row.stripe_id, row.status, row.amount_total, row.amount_paid) == (invoice_id, "paid", 900, 900)
    assert row.paid_at == at(invoice(row)["status_transitions"]["paid_at"])
    assert (row.payment_intent_id, row.charge_id, row.payment_method, row.failure_code) == ("", "", "", "")
    assert (purchase.status, purchase.paid_until) == (Status.ACTIVE, row.period_end)


def test_invoice_paid_by_a_record_and_a_card_adds_up(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = fail_renewal(sandbox, deliver(sandbox, buy(as_ada, club)))
    invoice_id = find_invoices()[-1]["id"]
    pay_outside_stripe(sandbox, invoice_id, 300)
    row = payments(sync_purchase(purchase, "test"))[-1]
    assert (row.status, row.amount_total, row.amount_paid) == ("failed", 900, 300)
    sandbox.client.v1.invoices.pay(invoice_id, {"payment_method": new_card(sandbox, purchase)})
    purchase = deliver(sandbox, purchase)
    row = payments(purchase)[-1]
    charge = paid_charges()[-1]
    assert (row.status, row.amount_paid, charge["amount"]) == ("paid", 900, 600)
    assert (row.charge_id, row.payment_intent_id) == (charge["id"], charge["payment_intent"])
    refund(sandbox, charge)
    purchase = deliver(sandbox, purchase)
    assert (purchase.amount_refunded, purchase.suspended_by) == (600, "")


def test_invoice_paid_by_a_record_alone_is_paid(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = fail_renewal(sandbox, deliver(sandbox, buy(as_ada, club)))
    pay_outside_stripe(sandbox, find_invoices()[-1]["id"], 900)
    purchase = deliver(sandbox, purchase)
    row = payments(purchase)[-1]
    assert (row.status, row.amount_paid, row.charge_id, row.payment_intent_id) == ("paid", 900, "", "")
    assert (purchase.status, purchase.paid_until) == (Status.ACTIVE, row.period_end)


# --- refunds and disputes ---------------------------------------------------------------------------------


def test_refunds_of_each_period_are_on_its_row(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=2)
    first, second, third = paid_charges()
    refund(sandbox, first)
    refund(sandbox, second, 100)
    refund(sandbox, second, 250)
    refund(sandbox, third, 50)
    purchase = deliver(sandbox, purchase)
    assert [row.amount_refunded for row in payments(purchase)] == [900, 350, 50]
    assert purchase.amount_refunded == 50  # the refund of the current period


def test_failed_refund_is_not_counted(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    (charge,) = paid_charges()
    refund(sandbox, charge, 100)
    failing = fail_refund(charge, 300)
    (row,) = payments(deliver(sandbox, purchase))
    assert row.amount_refunded == 400
    run_scheduled(failing)
    (row,) = payments(deliver(sandbox, purchase))
    assert row.amount_refunded == 100


def test_more_refunds_than_one_page_at_stripe(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    (charge,) = paid_charges()
    for _ in range(13):
        refund(sandbox, charge, 10)
    (row,) = payments(deliver(sandbox, purchase))
    assert row.amount_refunded == 130


@pytest.mark.parametrize(("end", "status"), [(win, "won"), (lose, "lost")])
@pytest.mark.parametrize("period", [0, 1])
def test_dispute_and_its_deadline_are_on_the_row_of_its_period(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, end: Any, status: str, period: int
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    opened = dispute(paid_charges()[period])
    due_by = (storage.get(opened) or {})["evidence_details"]["due_by"]
    rows = payments(deliver(sandbox, purchase))
    assert (rows[period].dispute_status, rows[period].dispute_due_by) == ("needs_response", at(due_by))
    assert (rows[1 - period].dispute_status, rows[1 - period].dispute_due_by) == ("", None)
    end(opened)
    rows = payments(deliver(sandbox, purchase))
    assert [row.dispute_status for row in rows] == [status if at == period else "" for at in (0, 1)]


def test_rows_never_change_without_a_change_at_stripe(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=2)
    refund(sandbox, paid_charges()[0], 100)
    purchase = deliver(sandbox, purchase)
    before = list(Payment.objects.order_by("pk").values())
    again = sync_purchase(purchase, "again")
    assert again.version == purchase.version
    assert list(Payment.objects.order_by("pk").values()) == before


# --- helpers ----------------------------------------------------------------------------------------------


def create_code(sandbox: Any, code: str, **coupon: Any) -> None:
    made = sandbox.client.v1.coupons.create(coupon)
    promotion: Any = {"type": "coupon", "coupon": made.id}
    sandbox.client.v1.promotion_codes.create({"promotion": promotion, "code": code})


def buy_with_code(client: Client, product: ProductConfiguration, code: str) -> Purchase:
    page = press_buy(client, product)
    Client().post(url_path(page), {"promotionCode": code, "act": "apply"})
    client.get(url_path(pay(page)))
    return Purchase.objects.latest("id")


def create_euro_product(sandbox: Any) -> ProductConfiguration:
    product = sandbox.client.v1.products.create({"name": "Postcards"})
    sandbox.client.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": 2400})
    sync_catalogue()
    return ProductConfiguration.objects.get(product_id=product.id)


def pay_by_debit(client: Client, product: ProductConfiguration, iban: str) -> Purchase:
    form = {
        "email": "ada@example.com",
        "paymentMethod": "sepa_debit",
        "iban": iban,
        "billingName": "Ada Lovelace",
        "billingCountry": "AT",
    }
    back = Client().post(url_path(press_buy(client, product)), form)
    client.get(url_path(back["Location"]))
    return Purchase.objects.get()


def pay_outside_stripe(sandbox: Any, invoice_id: str, amount: int) -> None:
    moment = int(time.time())
    record = sandbox.client.v1.payment_records.report_payment(
        {
            "amount_requested": {"currency": "usd", "value": amount},
            "initiated_at": moment,
            "outcome": "guaranteed",
            "guaranteed": {"guaranteed_at": moment},
            "payment_method_details": {"type": "custom", "custom": {"display_name": "Bank transfer"}},
        }
    )
    sandbox.client.v1.invoices.attach_payment(invoice_id, {"payment_record": record.id})


def new_card(sandbox: Any, purchase: Purchase, token: str = "pm_card_visa") -> str:
    customer = (storage.get(purchase.subscription_id) or {})["customer"]
    return str(sandbox.client.v1.payment_methods.attach(token, {"customer": customer}).id)
