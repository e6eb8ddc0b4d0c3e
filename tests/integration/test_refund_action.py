"""An operator refunds a payment: never too much, never twice, and refused with a message."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.back_office.actions.refund_texts import suspends
from apps.ecommerce.back_office.actions.refunds import refundable_payments
from apps.ecommerce.back_office.audit import perform
from apps.ecommerce.catalogue.amounts import format_amount
from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import OperatorAction, ProductConfiguration, Purchase, Suspension
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from stripe_sandbox import storage
from stripe_sandbox.resources import refunds as stripe_refunds
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, create_product, signed_in
from tests.operator_actions import action_url, confirm, hidden_fields
from tests.stripe_actions import (
    change_plan,
    deliver,
    dispute,
    fail_refund,
    paid_charges,
    refund,
    renew,
    run_scheduled,
)

pytestmark = pytest.mark.django_db


def refunds() -> list[dict[str, Any]]:
    """Return all refunds at Stripe, oldest first."""
    return storage.find("refund")[::-1]


def press_refund(operator: Client, purchase: Purchase, amount: str = "", **fields: str) -> Any:
    payment = purchase.payments.first()
    assert payment
    given = {"payment": payment.stripe_id, "amount": amount, "reason": "requested_by_customer", **fields}
    return confirm(operator, action_url(purchase, "refund"), **given)


def order_url(purchase: Purchase) -> str:
    return reverse("admin:ecommerce_purchase_change", args=[purchase.pk])


def texts(operator: Client, purchase: Purchase) -> str:
    """Return what the page says that asks to confirm."""
    return " ".join(operator.get(action_url(purchase, "refund")).context["consequences"])


def test_full_refund_ends_access_and_is_emailed(as_olive: Client, purchase: Purchase) -> None:
    assert "ends the buyer's access" in texts(as_olive, purchase)
    assert press_refund(as_olive, purchase, "19", reason="duplicate").status_code == 302
    (made,) = refunds()
    assert (made["amount"], made["reason"]) == (1900, "duplicate")
    purchase.refresh_from_db()
    assert (purchase.suspended_by, purchase.amount_refunded) == (Suspension.REFUNDED, 1900)
    assert not has_access(purchase)
    assert {mail.kind for mail in purchase.mails.all()} == {"confirmed", "refunded"}
    last = purchase.changes.last()
    assert last
    assert last.cause == "refunded by olive@example.com"
    entry = OperatorAction.objects.get()
    assert (entry.outcome, entry.details["amount"]) == ("done", 1900)
    assert action_url(purchase, "refund") not in as_olive.get(order_url(purchase)).content.decode()
    assert press_again(as_olive, purchase).status_code == 302
    assert len(refunds()) == 1


def press_again(operator: Client, purchase: Purchase) -> Any:
    return operator.post(action_url(purchase, "refund"), {"amount": "1"})


def test_partial_refunds_add_up_to_the_payment(as_olive: Client, purchase: Purchase) -> None:
    press_refund(as_olive, purchase, "5,50")
    purchase.refresh_from_db()
    assert (purchase.amount_refunded, has_access(purchase)) == (550, True)
    assert "At most $13.50" in press_refund(as_olive, purchase, "13.51").content.decode()
    press_refund(as_olive, purchase, "13.50")
    assert [row["amount"] for row in refunds()] == [550, 1350]
    purchase.refresh_from_db()
    assert not has_access(purchase)


@pytest.mark.parametrize(
    ("currency", "paid", "typed", "wanted"),
    [
        ("jpy", 1900, "700", 700),
        ("jpy", 1900, "700.5", None),
        ("jpy", 1900, "1901", None),
        ("kwd", 19000, "5.25", 5250),
        ("kwd", 19000, "5.255", None),
        ("isk", 190000, "500", 50000),
        ("isk", 190000, "500.50", None),
        ("usd", 1900, "7", 700),
        ("usd", 1900, "7.005", None),
        ("usd", 1900, "0", None),
        ("usd", 1900, "-1", None),
        ("usd", 1900, "nineteen", None),
        ("usd", 1900, "", None),
    ],
)
def test_amount_is_read_in_major_units_of_the_currency(
    as_ada: Client, as_olive: Client, sandbox: Any, currency: str, paid: int, typed: str, wanted: int | None
) -> None:
    product = sandbox.product("Icons", paid, currency)
    sync_product(product.id)
    purchase = buy(as_ada, ProductConfiguration.objects.get(product=product.id))
    response = press_refund(as_olive, purchase, typed)
    assert [row["amount"] for row in refunds()] == ([] if wanted is None else [wanted])
    assert response.status_code == (200 if wanted is None else 302)
    assert (wanted is None) == ("errorlist" in response.content.decode())


def test_form_that_is_sent_twice_refunds_once(as_olive: Client, purchase: Purchase) -> None:
    url = action_url(purchase, "refund")
    fields = hidden_fields(as_olive.get(url).content.decode())
    fields |= {"payment": purchase.payments.get().stripe_id, "amount": "5", "reason": "duplicate"}
    answers = [as_olive.post(url, fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert [row["amount"] for row in refunds()] == [500]
    assert OperatorAction.objects.count() == 1
    page = as_olive.get(order_url(purchase)).content.decode()
    assert page.count("$5.00 was refunded.") >= 2


def test_second_press_waits_for_the_first(as_olive: Client, olive: User, purchase: Purchase) -> None:
    url = action_url(purchase, "refund")
    fields = hidden_fields(as_olive.get(url).content.decode())
    form = {"payment": purchase.payments.get().stripe_id, "amount": "5", "reason": "duplicate"}
    OperatorAction.objects.create(
        token=fields["token"], operator=olive, action="refund", purchase=purchase, subject=purchase.order_number,
        details={**form, "amount": 500}, started_at=timezone.now(),
    )  # fmt: skip
    page = as_olive.post(url, {**fields, **form}, follow=True).content.decode()
    assert "already being done" in page
    assert refunds() == []


def lose_answer(monkeypatch: pytest.MonkeyPatch, path: str, times: int = 1) -> list[str]:
    """Let Stripe process these POST requests while its answer is lost. Return a list of their idempotency keys."""
    send, keys = InProcessClient.request, []

    def request(client: Any, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        answer = send(client, method, url, headers, post_data, **more)
        if method.upper() == "POST" and url.endswith(path):
            keys.append(headers["Idempotency-Key"])
            if len(keys) <= times:
                raise stripe.APIConnectionError("Connection reset", should_retry=False)
        return answer

    monkeypatch.setattr(InProcessClient, "request", request)
    return keys


@pytest.mark.parametrize("amount", ["5", "19"])
@pytest.mark.parametrize("event_arrives", [False, True])
def test_retry_after_a_lost_answer_refunds_once(
    as_olive: Client,
    purchase: Purchase,
    sandbox: Any,
    monkeypatch: pytest.MonkeyPatch,
    amount: str,
    event_arrives: bool,
) -> None:
    keys = lose_answer(monkeypatch, "/v1/refunds")
    page = press_refund(as_olive, purchase, amount)
    assert "did not answer" in page.content.decode()
    assert keys == [f"operator-{OperatorAction.objects.get().token}-refund"]
    assert OperatorAction.objects.get().outcome == "interrupted"
    if event_arrives:
        deliver(sandbox, purchase)
    url = action_url(purchase, "refund")
    fields = hidden_fields(page.content.decode())
    fields |= {"payment": purchase.payments.get().stripe_id, "amount": amount}
    fields |= {"reason": "requested_by_customer"}
    assert as_olive.post(url, fields).status_code == 302
    assert len(refunds()) == 1
    entry = OperatorAction.objects.get()
    assert (entry.outcome, entry.details["amount"]) == ("done", int(amount) * 100)
    purchase.refresh_from_db()
    assert purchase.amount_refunded == int(amount) * 100


def test_other_amount_after_a_lost_answer_is_refused(
    as_olive: Client, purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answer(monkeypatch, "/v1/refunds")
    page = press_refund(as_olive, purchase, "5")
    fields = {"payment": purchase.payments.get().stripe_id, "reason": "duplicate"}
    fields |= hidden_fields(page.content.decode())
    page = as_olive.post(action_url(purchase, "refund"), fields | {"amount": "6"})
    assert "with other values" in page.content.decode()
    assert len(refunds()) == 1
    # The page now asks for a new action, but the store finds the refund that it does not know yet.
    fields |= hidden_fields(page.content.decode())
    page = as_olive.post(action_url(purchase, "refund"), fields | {"amount": "6"})
    assert "$5.00 of this payment has been refunded" in page.content.decode()
    assert len(refunds()) == 1


def test_server_error_of_stripe_keeps_the_token(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    sandbox.switches(api_status=500, api_times=9, api_path="POST /v1/refunds")
    url = action_url(purchase, "refund")
    before = hidden_fields(as_olive.get(url).content.decode())
    fields = {"payment": purchase.payments.get().stripe_id, "amount": "5", "reason": "duplicate"}
    page = as_olive.post(url, before | fields)
    assert "did not answer" in page.content.decode()
    assert hidden_fields(page.content.decode())["token"] == before["token"]
    sandbox.switches(api_times=0)
    assert as_olive.post(url, before | fields).status_code == 302
    assert len(refunds()) == 1


def test_refund_that_was_made_in_the_dashboard_is_noticed(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    """The event about the refund has not arrived."""
    refund(sandbox, paid_charges()[0], 500)
    page = press_refund(as_olive, purchase, "5")
    assert "$5.00 of this payment has been refunded" in page.content.decode()
    assert len(refunds()) == 1
    purchase.refresh_from_db()
    assert purchase.amount_refunded == 500
    assert press_refund(as_olive, purchase, "5").status_code == 302
    assert len(refunds()) == 2


def test_refund_of_everything_in_the_dashboard_is_noticed(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    refund(sandbox, paid_charges()[0])
    response = press_refund(as_olive, purchase, "19")
    assert response.status_code == 302
    assert "$19.00 of this payment has been refunded" in as_olive.get(response["Location"]).content.decode()
    assert OperatorAction.objects.get().outcome == "failed"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("charge_already_refunded", "already been refunded"),
        ("charge_disputed", "opened a dispute"),
        ("balance_insufficient", "balance at Stripe is too low"),
        ("something_new", "Stripe refused: As Stripe says it."),
    ],
)
def test_refusal_of_stripe_has_a_message_of_the_shop(
    as_olive: Client, purchase: Purchase, sandbox: Any, code: str, words: str
) -> None:
    message = "As Stripe says it."
    sandbox.switches(
        api_status=400, api_code=code, api_message=message, api_times=1, api_path="POST /v1/refunds"
    )
    page = press_refund(as_olive, purchase, "19").content.decode()
    assert words in page.replace("&#x27;", "'")
    assert (OperatorAction.objects.get().outcome, refunds()) == ("failed", [])
    assert press_refund(as_olive, purchase, "19").status_code == 302


def test_dispute_that_the_store_does_not_know_is_noticed(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    dispute(paid_charges()[0])
    response = press_refund(as_olive, purchase, "19")
    assert "opened a dispute" in as_olive.get(response["Location"]).content.decode()
    purchase.refresh_from_db()
    assert purchase.suspended_by == Suspension.DISPUTED  # the refusal made the store look


def test_disputed_payment_is_not_offered_but_an_inquiry_is(
    as_olive: Client, as_ada: Client, purchase: Purchase, icons: ProductConfiguration, sandbox: Any
) -> None:
    dispute(paid_charges()[0], "dispute_inquiry")
    deliver(sandbox, purchase)
    assert as_olive.get(action_url(purchase, "refund")).status_code == 200
    other = buy(signed_in(User.objects.create_user("carol@example.com", "x")), icons)
    dispute(paid_charges()[-1])
    deliver(sandbox, other)
    assert as_olive.get(action_url(other, "refund")).status_code == 302


def test_refund_without_balance_waits(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    sandbox.switches(low_balance=True)
    response = press_refund(as_olive, purchase, "19")
    assert "balance at Stripe is too low" in as_olive.get(response["Location"]).content.decode()
    assert OperatorAction.objects.get().outcome == "done"
    assert len(refunds()) == 1


def test_refund_that_the_bank_has_refused_is_not_reported_as_done(
    as_olive: Client, purchase: Purchase, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answer(monkeypatch, "/v1/refunds")
    page = press_refund(as_olive, purchase, "19")
    stripe_refunds.fail(refunds()[0]["id"])
    fields = {"payment": purchase.payments.get().stripe_id, "amount": "19"}
    fields |= {"reason": "requested_by_customer", **hidden_fields(page.content.decode())}
    page = as_olive.post(action_url(purchase, "refund"), fields)
    assert "The refund failed: the card has expired or was canceled" in page.content.decode()
    purchase.refresh_from_db()
    assert has_access(purchase)
    assert OperatorAction.objects.get().outcome == "failed"


def test_failed_refund_can_be_refunded_again(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    fail_refund(paid_charges()[0], 1900)
    deliver(sandbox, purchase)
    run_scheduled(refunds()[0]["id"])
    deliver(sandbox, purchase)
    assert press_refund(as_olive, purchase, "19").status_code == 302
    assert len(refunds()) == 2


def test_unreachable_stripe_changes_nothing(
    as_olive: Client, purchase: Purchase, disconnect_stripe: Any
) -> None:
    disconnect_stripe()
    page = press_refund(as_olive, purchase, "19")
    assert "did not answer" in page.content.decode()
    purchase.refresh_from_db()
    assert (purchase.amount_refunded, refunds()) == (0, [])


def test_refund_counts_as_done_if_only_the_sync_after_it_fails(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    sandbox.switches(api_status=500, api_times=99, api_path="/v1/checkout/sessions/*")
    response = press_refund(as_olive, purchase, "19")
    assert response.status_code == 302
    assert "as soon as Stripe responds again" in as_olive.get(response["Location"]).content.decode()
    assert OperatorAction.objects.get().outcome == "done"


def test_each_payment_of_a_subscription_can_be_chosen(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, buy(as_ada, club))
    newest, first = purchase.payments.all()
    assert "pauses the buyer's access" in texts(as_olive, purchase)
    assert "does not end the subscription. Stripe charges $9.00 on" in texts(as_olive, purchase)
    press_refund(as_olive, purchase, payment=first.stripe_id)  # empty: the rest of the payment
    (made,) = refunds()
    assert (made["amount"], made["payment_intent"]) == (900, first.payment_intent_id)
    purchase.refresh_from_db()
    assert (purchase.suspended_by, purchase.has_running_subscription) == ("", True)
    press_refund(as_olive, purchase, "9", payment=newest.stripe_id)
    purchase.refresh_from_db()
    assert (purchase.suspended_by, purchase.has_running_subscription) == (Suspension.REFUNDED, True)


def test_form_that_refunds_one_of_two_payments_is_sent_twice(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    """After the first press, the payment can no longer be chosen."""
    purchase = renew(sandbox, buy(as_ada, club))
    url = action_url(purchase, "refund")
    first = purchase.payments.last()
    assert first
    fields = {"payment": first.stripe_id, "amount": "9", "reason": "duplicate"}
    fields |= hidden_fields(as_olive.get(url).content.decode())
    assert [as_olive.post(url, fields).status_code for _ in range(2)] == [302, 302]
    assert len(refunds()) == 1


def test_subscription_is_canceled_together_with_the_refund(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    press_refund(as_olive, purchase, "9", cancel="on")
    purchase.refresh_from_db()
    assert (purchase.subscription_status, purchase.amount_refunded) == ("canceled", 900)
    assert "canceled" in OperatorAction.objects.get().message


def test_refund_stays_done_if_the_subscription_cannot_be_canceled(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    path = f"DELETE /v1/subscriptions/{purchase.subscription_id}"
    sandbox.switches(api_status=400, api_code="x", api_message="Not now.", api_times=1, api_path=path)
    assert press_refund(as_olive, purchase, "9", cancel="on").status_code == 302
    entry = OperatorAction.objects.get()
    assert (entry.outcome, len(refunds())) == ("done", 1)
    assert "could not be canceled: Not now." in entry.message


def test_refund_cancels_only_with_the_permission_to_cancel(
    bob: User, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    bob.is_staff = True
    bob.save()
    names = ["view_purchase", "refund_purchase"]
    bob.user_permissions.set(Permission.objects.filter(codename__in=names))
    press_refund(signed_in(bob), purchase, "9", cancel="on")
    purchase.refresh_from_db()
    assert (purchase.amount_refunded, purchase.has_running_subscription) == (900, True)


def test_cancel_after_refund_is_announced(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CANCEL_AFTER_REFUND = True
    assert "CANCEL_AFTER_REFUND" in texts(as_olive, buy(as_ada, club))


def test_prediction_of_access_is_what_happens(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    """A change to a dearer plan is one more payment for the same period."""
    purchase = buy(as_ada, club)
    larger = create_product(sandbox.client, "Large club", 2900, interval="month")
    change_plan(sandbox, purchase, larger.prices[0].id, proration_behavior="always_invoice")
    purchase = deliver(sandbox, purchase)
    offered = refundable_payments(purchase)
    assert len(offered) == 2
    for payment in offered:
        expected = suspends(purchase, payment)
        left = format_amount(payment.amount_after_refunds, "usd")
        press_refund(as_olive, purchase, left, payment=payment.stripe_id)
        purchase.refresh_from_db()
        assert bool(purchase.suspended_by) == expected
        purchase = Purchase.objects.get(pk=purchase.pk)


def test_payment_outside_stripe_cannot_be_refunded(as_olive: Client, purchase: Purchase) -> None:
    purchase.payments.update(payment_intent_id="", charge_id="")
    assert as_olive.get(action_url(purchase, "refund")).status_code == 302


def test_payment_of_another_order_cannot_be_chosen(
    as_olive: Client, as_bob: Client, purchase: Purchase, icons: ProductConfiguration
) -> None:
    other = buy(as_bob, icons).payments.get().stripe_id
    assert press_refund(as_olive, purchase, "19", payment=other).status_code == 200
    assert refunds() == []
    assert sync_purchase(purchase, "test").amount_refunded == 0


def test_refused_form_that_is_sent_again_refunds_nothing(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    url = action_url(purchase, "refund")
    fields = hidden_fields(as_olive.get(url).content.decode())
    form = {"payment": purchase.payments.get().stripe_id, "amount": "5", "reason": "duplicate", **fields}
    refund(sandbox, paid_charges()[0], 500)  # a refund in Stripe's Dashboard
    assert "has been refunded" in as_olive.post(url, form).content.decode()
    assert "has changed" in as_olive.post(url, form).content.decode()  # the button is pressed twice
    assert len(refunds()) == 1


def test_operators_who_confirm_at_the_same_moment_refund_once(
    as_olive: Client, purchase: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perform_after_another(*args: Any, **kwargs: Any) -> OperatorAction:
        monkeypatch.undo()
        assert press_refund(as_olive, purchase, "5").status_code == 302
        return perform(*args, **kwargs)

    monkeypatch.setattr("apps.ecommerce.admin.action_page.perform", perform_after_another)
    assert "has changed" in press_refund(as_olive, purchase, "5").content.decode()
    assert [row["amount"] for row in refunds()] == [500]
