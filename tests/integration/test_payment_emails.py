"""E-mails follow what happened to payments: one for each payment, refund and dispute, exactly once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.models import Mail, Payment, ProductConfiguration, Purchase, WebhookEvent
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from stripe_sandbox import storage
from tests.factories import add_price, buy, create_product, pay, press_buy, sent_kinds, sent_to_buyers
from tests.stripe_actions import (
    DAY,
    bill_now,
    deliver,
    dispute,
    escalate,
    fail_refund,
    fail_renewal,
    find_invoices,
    is_open,
    lose,
    paid_charges,
    refund,
    renew,
    run_scheduled,
    win,
)

pytestmark = pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit
Kind = Mail.Kind


def about(kind: str) -> list[str]:
    """Return what the sent e-mails of a kind are about, in the order of sending."""
    rows = Mail.objects.filter(kind=kind).exclude(sent_at=None)
    return list(rows.order_by("pk").values_list("about", flat=True))


def bodies(kind: str) -> list[str]:
    """Return the texts of the sent e-mails of a kind."""
    pairs = zip(sent_kinds(), sent_to_buyers(), strict=True)
    return [str(message.body) for sent, message in pairs if sent == kind]


def send_again(sandbox: Any) -> None:
    """Deliver all events of the sandbox again as new events, newest first: repeated and reordered."""
    for event in reversed(sandbox.events()):
        if event["type"] in webhooks.HANDLERS:
            webhooks.receive(event | {"id": f"{event['id']}again"})


# --- receipts ---------------------------------------------------------------------------------------------


def test_each_later_payment_sends_a_receipt(member: Purchase, sandbox: Any) -> None:
    purchase = renew(sandbox, member, periods=3)
    assert sent_kinds() == [Kind.CONFIRMED, *[Kind.RECEIPT] * 3]
    assert set(about(Kind.RECEIPT)) == {row["id"] for row in find_invoices()[1:]}
    assert all("$9.00" in text for text in bodies(Kind.RECEIPT))
    rows = Payment.objects.filter(mails__kind=Kind.RECEIPT)
    assert {row.stripe_id for row in rows} == set(about(Kind.RECEIPT))
    assert purchase.status == "active"


def test_payment_after_a_decline_sends_one_receipt(member: Purchase, sandbox: Any) -> None:
    purchase = fail_renewal(sandbox, member)
    assert Kind.RECEIPT not in sent_kinds()
    customer = (storage.get(purchase.subscription_id) or {})["customer"]
    card = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    sandbox.client.v1.invoices.pay(find_invoices()[-1]["id"], {"payment_method": card})
    deliver(sandbox, purchase)
    assert sent_kinds() == [Kind.CONFIRMED, Kind.RENEWAL_FAILED, Kind.RECEIPT]


def test_extra_invoice_within_a_period_sends_a_receipt(member: Purchase, sandbox: Any) -> None:
    made = bill_now(member)
    deliver(sandbox, member)
    assert about(Kind.RECEIPT) == [made["id"]]


def test_trial_sends_a_receipt_at_its_first_charge(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, letter)))
    assert [kind for kind in sent_kinds() if kind != Kind.TRIAL_ENDING] == [Kind.CONFIRMED, Kind.RECEIPT]
    assert "$5.00" in bodies(Kind.RECEIPT)[0]
    assert about(Kind.RECEIPT) == [find_invoices()[-1]["id"]]
    assert purchase.status == "active"


def test_period_of_zero_sends_no_receipt(member: Purchase, sandbox: Any) -> None:
    (item,) = (storage.get(member.subscription_id) or {})["items"]["data"]
    free = add_price(sandbox.client, item["price"]["product"], 0, interval="month")
    changes: Any = {"items": [{"id": item["id"], "price": free}], "proration_behavior": "none"}
    sandbox.client.v1.subscriptions.update(member.subscription_id, changes)
    renew(sandbox, member)
    assert find_invoices()[-1]["amount_paid"] == 0
    assert Kind.RECEIPT not in sent_kinds()


def test_setting_turns_receipts_of_renewals_off(member: Purchase, sandbox: Any, settings: Any) -> None:
    settings.RENEWAL_RECEIPTS = False
    renew(sandbox, member)
    assert sent_kinds() == [Kind.CONFIRMED]


# --- refunds ----------------------------------------------------------------------------------------------


def test_each_partial_refund_sends_its_own_amount(paid: Purchase, sandbox: Any) -> None:
    (charge,) = paid_charges()
    refunds = []
    for amount, text in [(500, "$5.00"), (300, "$3.00"), (1100, "$11.00")]:
        refunds.append(refund(sandbox, charge, amount))
        deliver(sandbox, paid)
        assert text in bodies(Kind.REFUNDED)[-1]
    assert about(Kind.REFUNDED) == refunds
    assert sent_kinds() == [Kind.CONFIRMED, *[Kind.REFUNDED] * 3]


def test_two_refunds_between_two_syncs_send_two_emails(paid: Purchase, sandbox: Any) -> None:
    (charge,) = paid_charges()
    refunds = {refund(sandbox, charge, amount) for amount in (500, 300)}
    sync_purchase(paid, "test")
    assert set(about(Kind.REFUNDED)) == refunds
    texts = sorted(bodies(Kind.REFUNDED), key=lambda text: "$5.00" in text)
    assert ["$3.00" in texts[0], "$5.00" in texts[0], "$5.00" in texts[1]] == [True, False, True]
    deliver(sandbox, paid)
    assert len(bodies(Kind.REFUNDED)) == 2


def test_refund_of_an_earlier_period_sends_its_amount(member: Purchase, sandbox: Any) -> None:
    purchase = renew(sandbox, member, periods=2)
    made = refund(sandbox, paid_charges()[0], 250)
    purchase = deliver(sandbox, purchase)
    assert about(Kind.REFUNDED) == [made]
    assert "$2.50" in bodies(Kind.REFUNDED)[0]
    assert "$9.00" in bodies(Kind.REFUNDED)[0]  # the amount that was paid
    other = refund(sandbox, paid_charges()[1])
    deliver(sandbox, purchase)
    assert about(Kind.REFUNDED) == [made, other]
    assert Mail.objects.get(about=other).payment == Payment.objects.get(charge_id=paid_charges()[1]["id"])


def test_refund_after_the_end_of_a_subscription_sends_an_email(member: Purchase, sandbox: Any) -> None:
    sandbox.client.v1.subscriptions.cancel(member.subscription_id)
    purchase = deliver(sandbox, member)
    made = refund(sandbox, paid_charges()[0])
    deliver(sandbox, purchase)
    assert about(Kind.REFUNDED) == [made]
    assert sent_kinds() == [Kind.CONFIRMED, Kind.ENDED, Kind.REFUNDED]


def test_failed_refund_restores_access_and_sends_one_email(paid: Purchase, sandbox: Any) -> None:
    failing = fail_refund(paid_charges()[0], 1900)
    deliver(sandbox, paid)
    run_scheduled(failing)
    purchase = deliver(sandbox, paid)
    send_again(sandbox)
    assert is_open(purchase)
    assert sent_kinds() == [Kind.CONFIRMED, Kind.REFUNDED, Kind.RESTORED]


def test_refund_that_replaces_a_failed_one_between_two_syncs_sends_an_email(
    paid: Purchase, sandbox: Any
) -> None:
    failing = fail_refund(paid_charges()[-1], 500)
    deliver(sandbox, paid)
    sandbox.switches(drop=["*"])
    run_scheduled(failing)
    repeated = refund(sandbox, paid_charges()[-1], 500)
    sync_purchase(paid, "test")
    sync_purchase(paid, "test")
    assert about(Kind.REFUNDED) == [failing, repeated]


def test_purchase_that_was_refunded_before_its_first_sync_sends_both_emails(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    pay(press_buy(as_ada, icons))
    made = refund(sandbox, paid_charges()[0])
    purchase = deliver(sandbox, Purchase.objects.get())
    assert not is_open(purchase)
    assert sorted(sent_kinds()) == [Kind.RECEIPT, Kind.REFUNDED]  # not "you can open it at any time"
    assert about(Kind.REFUNDED) == [made]


# --- disputes ---------------------------------------------------------------------------------------------


def test_won_dispute_sends_two_emails(paid: Purchase, sandbox: Any) -> None:
    opened = dispute(paid_charges()[0])
    deliver(sandbox, paid)
    assert about(Kind.DISPUTED) == [opened]
    assert "$19.00" in bodies(Kind.DISPUTED)[0]
    sandbox.client.v1.disputes.update(opened, {"evidence": {"uncategorized_text": "x"}, "submit": True})
    deliver(sandbox, paid)  # the dispute is under_review
    win(opened)
    deliver(sandbox, paid)
    send_again(sandbox)
    assert sent_kinds() == [Kind.CONFIRMED, Kind.DISPUTED, Kind.RESTORED]


def test_lost_dispute_sends_no_second_dispute_email(paid: Purchase, sandbox: Any, settings: Any) -> None:
    settings.CANCEL_AFTER_LOST_DISPUTE = False
    opened = dispute(paid_charges()[0])
    deliver(sandbox, paid)
    lose(opened)
    deliver(sandbox, paid)
    send_again(sandbox)
    assert sent_kinds() == [Kind.CONFIRMED, Kind.DISPUTED]


def test_lost_dispute_cancels_the_subscription_and_sends_an_email(member: Purchase, sandbox: Any) -> None:
    lose(dispute(paid_charges()[0]))
    purchase = deliver(sandbox, member)
    assert purchase.status == "canceled"
    assert sent_kinds() == [Kind.CONFIRMED, Kind.DISPUTED, Kind.ENDED]


@pytest.mark.parametrize("end", [win, lose])
def test_dispute_of_an_earlier_period_sends_one_email_and_restores_nothing(
    member: Purchase, sandbox: Any, end: Any
) -> None:
    purchase = renew(sandbox, member)
    opened = dispute(paid_charges()[0])
    deliver(sandbox, purchase)
    end(opened)
    deliver(sandbox, purchase)
    send_again(sandbox)
    assert sent_kinds() == [Kind.CONFIRMED, Kind.RECEIPT, Kind.DISPUTED]
    assert about(Kind.DISPUTED) == [opened]


def test_dispute_that_was_opened_and_lost_between_syncs_sends_an_email(paid: Purchase, sandbox: Any) -> None:
    opened = dispute(paid_charges()[0])
    lose(opened)
    sync_purchase(paid, "test")
    assert about(Kind.DISPUTED) == [opened]


def test_second_dispute_sends_an_email_too(paid: Purchase, sandbox: Any) -> None:
    first = dispute(paid_charges()[0])
    deliver(sandbox, paid)
    win(first)
    deliver(sandbox, paid)
    second = dispute(paid_charges()[0])
    deliver(sandbox, paid)
    assert about(Kind.DISPUTED) == [first, second]
    assert sent_kinds() == [Kind.CONFIRMED, Kind.DISPUTED, Kind.RESTORED, Kind.DISPUTED]


def test_inquiry_sends_an_email_once_it_is_a_dispute(paid: Purchase, sandbox: Any) -> None:
    opened = dispute(paid_charges()[0], "dispute_inquiry")
    deliver(sandbox, paid)
    assert sent_kinds() == [Kind.CONFIRMED]
    escalate(opened)
    deliver(sandbox, paid)
    assert about(Kind.DISPUTED) == [opened]


def test_refund_and_dispute_of_two_periods_send_both_emails(member: Purchase, sandbox: Any) -> None:
    purchase = renew(sandbox, member, periods=2)
    refunded, disputed = refund(sandbox, paid_charges()[0]), dispute(paid_charges()[1])
    sync_purchase(purchase, "test")
    assert (about(Kind.REFUNDED), about(Kind.DISPUTED)) == ([refunded], [disputed])


def test_renewal_after_a_dispute_restores_access_once(member: Purchase, sandbox: Any) -> None:
    dispute(paid_charges()[0])
    purchase = deliver(sandbox, member)
    purchase = renew(sandbox, purchase)
    send_again(sandbox)
    assert is_open(purchase)
    assert sorted(sent_kinds()) == sorted([Kind.CONFIRMED, Kind.DISPUTED, Kind.RECEIPT, Kind.RESTORED])


# --- exactly once -----------------------------------------------------------------------------------------


def history(sandbox: Any, purchase: Purchase) -> Purchase:
    """Renewals, refunds and disputes of several periods."""
    purchase = renew(sandbox, purchase, periods=2)
    refund(sandbox, paid_charges()[0], 100)
    refund(sandbox, paid_charges()[0], 200)
    win(dispute(paid_charges()[2]))
    refund(sandbox, paid_charges()[1])
    return purchase


def test_duplicate_and_reordered_events_send_nothing_twice(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    sandbox.switches(duplicate=True, reorder=True)
    purchase = deliver(sandbox, history(sandbox, deliver(sandbox, buy(as_ada, club))))
    expected = {Kind.CONFIRMED: 1, Kind.RECEIPT: 2, Kind.REFUNDED: 3}
    once = [kind for kind in sent_kinds() if kind in expected]
    assert {kind: once.count(kind) for kind in expected} == expected
    before = sent_kinds()
    send_again(sandbox)
    sync_purchase(purchase, "test")
    reconcile()
    assert sent_kinds() == before


def test_rebuilt_payments_send_nothing(member: Purchase, sandbox: Any) -> None:
    purchase = deliver(sandbox, history(sandbox, member))
    before = sent_kinds()
    Payment.objects.all().delete()
    sync_purchase(purchase, "test")
    assert sent_kinds() == before
    Payment.objects.all().delete()
    reconcile()
    send_again(sandbox)
    assert (sent_kinds(), Payment.objects.count()) == (before, 3)


def test_payments_of_a_migrated_shop_send_nothing(member: Purchase, sandbox: Any) -> None:
    """After the migration, the payments are copied for the first time. No e-mails about them exist."""
    purchase = deliver(sandbox, history(sandbox, member))
    shift_to_the_past(400 * DAY)
    Payment.objects.all().delete()
    Mail.objects.all().delete()
    mail.outbox.clear()
    bought_at = timezone.now() - timedelta(days=500)
    Purchase.objects.update(payments_synced_at=None, created_at=bought_at)
    WebhookEvent.objects.all().delete()
    reconcile()
    sync_purchase(purchase, "test")
    assert Payment.objects.count() == 3
    assert sent_kinds() == []


def test_status_that_returns_to_an_old_value_sends_nothing(member: Purchase, sandbox: Any) -> None:
    sandbox.client.v1.subscriptions.update(member.subscription_id, {"cancel_at_period_end": True})
    deliver(sandbox, member)
    sandbox.client.v1.subscriptions.update(member.subscription_id, {"cancel_at_period_end": False})
    deliver(sandbox, member)
    sandbox.client.v1.subscriptions.pause(member.subscription_id, {"type": "subscription"})
    deliver(sandbox, member)
    sandbox.client.v1.subscriptions.resume(
        member.subscription_id, {"billing_cycle_anchor": {"type": "unchanged"}}
    )
    deliver(sandbox, member)
    assert sent_kinds().count(Kind.CONFIRMED) == 1


# --- to whom ----------------------------------------------------------------------------------------------


def test_emails_go_to_the_current_address_of_the_account(member: Purchase, ada: User, sandbox: Any) -> None:
    ada.email = "ada@new.example"
    ada.save()
    purchase = renew(sandbox, member)
    refund(sandbox, paid_charges()[0], 100)
    dispute(paid_charges()[1])
    deliver(sandbox, purchase)
    addresses = [message.to for message in sent_to_buyers()]
    assert addresses == [["ada@example.com"], *[["ada@new.example"]] * 3]


def test_emails_after_account_deletion_go_to_the_buyers_address(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    ada.delete()
    refund(sandbox, paid_charges()[0])
    deliver(sandbox, purchase)
    assert [message.to for message in sent_to_buyers()][1:] == [["ada@example.com"]]


def test_emails_about_payments_name_the_order(member: Purchase, sandbox: Any) -> None:
    purchase = renew(sandbox, member)
    refund(sandbox, paid_charges()[0], 100)
    deliver(sandbox, purchase)
    for message in sent_to_buyers():
        assert message.extra_headers["X-Order"] == purchase.order_number
        assert not re.search(r"%\(|\bNone\b", message.subject + str(message.body))


def shift_to_the_past(seconds: int) -> None:
    """Move the times of all invoices, charges, refunds and disputes at Stripe into the past."""
    for kind in ("invoice", "charge", "payment_intent", "refund", "dispute"):
        for obj in storage.find(kind):
            changes: dict[str, Any] = {"created": obj["created"] - seconds}
            if kind == "invoice":
                times = obj["status_transitions"]
                moved = {name: at - seconds if at else None for name, at in times.items()}
                changes["status_transitions"] = moved
            storage.update(obj["id"], **changes)
