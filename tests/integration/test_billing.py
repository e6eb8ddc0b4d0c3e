"""Future charges are derived from the subscription's status, not from its payments."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import stripe
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, ProductConfiguration, Purchase, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations import alerts
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.billing_notes import billing_note
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.status_messages import message_values
from apps.users import personal_data
from apps.users.models import User
from stripe_sandbox import storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.resources import disputes
from tests.factories import add_price, bought, pay, press_buy, stock

pytestmark = pytest.mark.django_db(transaction=True)
HOUR, DAY = 3600, 86400


def deliver(sandbox: Any, purchase: Purchase) -> Purchase:
    while sandbox.deliver(after=10):
        pass
    return Purchase.objects.get(pk=purchase.pk)


def refund(sandbox: Any, purchase: Purchase) -> None:
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})


def dispute(sandbox: Any, purchase: Purchase, end: str = "") -> None:
    charge = storage.find("charge", ("payment_intent", "=", purchase.payment_intent_id))[0]
    with storage.transaction():
        disputes.open_dispute(charge, "dispute_fraudulent")
    if end:
        made = storage.find("dispute", ("charge", "=", charge["id"]))[0]
        with storage.transaction():
            disputes.settle(made, end)


def lose_dispute(sandbox: Any, purchase: Purchase) -> None:
    dispute(sandbox, purchase, "lost")


def running_at_stripe() -> list[Any]:
    return [
        row for row in storage.find("subscription") if row["status"] not in ("canceled", "incomplete_expired")
    ]


def page_of(client: Client, purchase: Purchase) -> str:
    return client.get(purchase.get_absolute_url()).content.decode()


@pytest.fixture(params=[refund, dispute, lose_dispute])
def suspended(request: Any, as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    """A subscription whose payment was taken back."""
    purchase = deliver(sandbox, bought(as_ada, club))
    request.param(sandbox, purchase)
    return deliver(sandbox, purchase)


def test_suspended_subscription_can_be_managed_and_is_not_sold_again(
    as_ada: Client, ada: User, club: ProductConfiguration, suspended: Purchase
) -> None:
    purchase = suspended
    assert owned(ada, club.product) is None
    assert (purchase.subscription_status, purchase.will_be_charged_again) == ("active", True)

    page = page_of(as_ada, purchase)
    assert "Manage subscription" in page
    assert message_values(purchase)["period_end"] in page
    assert "Subscribe again" not in page
    assert "Manage subscription" in as_ada.get("/purchases/").content.decode()
    assert 'name="price"' not in as_ada.get("/store/maker-club/").content.decode()

    response = as_ada.post("/store/maker-club/buy/", {"price": purchase.price_id})
    assert response["Location"] == purchase.get_absolute_url()
    assert len(running_at_stripe()) == 1
    assert as_ada.post(f"/purchases/order/{purchase.public_id}/manage/").status_code == 302


def test_account_with_suspended_subscription_is_not_deleted(ada: User, suspended: Purchase) -> None:
    assert personal_data.delete_account(ada) != []
    assert User.objects.filter(pk=ada.pk).exists()


def test_canceled_subscription_is_sold_again_after_a_refund(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    refund(sandbox, purchase)
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert "Manage subscription" not in page_of(as_ada, purchase)
    assert bought(as_ada, club).status == Status.ACTIVE
    assert len(running_at_stripe()) == 1


def test_end_of_subscription_whose_event_is_late_is_asked_for_before_refusing(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    assert "/stripe-sandbox/checkout/" in press_buy(as_ada, club)


@pytest.mark.parametrize("when", ["period end", "in 60 days"])
def test_deletion_asks_whether_a_cancellation_comes_before_the_next_charge(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any, when: str
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    later = int(timezone.now().timestamp()) + 60 * DAY
    change: Any = {"cancel_at_period_end": True} if when == "period end" else {"cancel_at": later}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, change)
    reasons = personal_data.delete_account(ada)  # no event was delivered: Stripe is asked
    assert bool(reasons) == (when == "in 60 days")


def test_suspended_subscription_that_ends_says_that_nothing_more_is_charged(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    page = page_of(as_ada, purchase)
    assert message_values(purchase)["cancel_at"] in page
    assert "Manage subscription" in page


def test_refund_mail_of_running_subscription_names_the_next_charge(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    sent = [message for message in mail.outbox if "refund" in message.subject.lower()]
    assert len(sent) == 1
    assert message_values(purchase)["period_end"] in str(sent[0].body)


@pytest.mark.parametrize(
    "status", ["past_due", "unpaid", "paused", "incomplete", "trialing", "a status of 2031"]
)
def test_every_status_that_is_not_ended_counts_as_running(status: str) -> None:
    purchase = Purchase(subscription_id="sub_1", subscription_status=status, status=Status.REFUNDED)
    assert purchase.has_running_subscription
    assert purchase.will_be_charged_again


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired", "missing"])
def test_ended_subscriptions_are_not_running(status: str) -> None:
    purchase = Purchase(subscription_id="sub_1", subscription_status=status, status=Status.ACTIVE)
    assert not purchase.has_running_subscription
    assert not purchase.will_be_charged_again


@pytest.mark.parametrize(
    "status", ["", "active", "trialing", "past_due", "paused", "canceled", "missing", "new"]
)
@pytest.mark.parametrize("ends", [None, -1, 0, 1])
@pytest.mark.parametrize("has_period", [True, False])
def test_queryset_and_property_agree_on_what_is_charged_again(
    club: ProductConfiguration, status: str, ends: int | None, has_period: bool
) -> None:
    now = timezone.now()
    row = Purchase.objects.create(
        product=club.product,
        price=club.prices[0],
        livemode=False,
        subscription_id="sub_1",
        subscription_status=status,
        current_period_end=now if has_period else None,
        cancel_at=None if ends is None else now + timedelta(days=ends),
    )
    assert Purchase.objects.to_be_charged_again().exists() == row.will_be_charged_again


def test_stalled_subscriptions_are_not_sold_a_second_time(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    sandbox.client.v1.subscriptions.pause(purchase.subscription_id, {"type": "subscription"})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, owned(ada, club.product)) == (Status.PAUSED, None)
    once = add_price(sandbox.client, club.product_id, 90000)
    sync_catalogue()
    for price in (purchase.price_id, once):  # nor for good, while the subscription goes on
        response = as_ada.post("/store/maker-club/buy/", {"price": price})
        assert response["Location"] == purchase.get_absolute_url()
    assert len(running_at_stripe()) == 1


# --- renewals of what is suspended -------------------------------------------------------------------------


def test_renewal_opens_suspended_subscription_only_when_its_invoice_is_paid(
    ada: User, club: ProductConfiguration, sandbox: Any, suspended: Purchase
) -> None:
    purchase = suspended
    assert suspended.current_period_end is not None
    ends_in = int((suspended.current_period_end - timezone.now()).total_seconds())
    panel_actions.advance(purchase.subscription_id, ends_in + 60)  # the invoice is a draft for an hour
    draft = deliver(sandbox, purchase)
    assert draft.current_period_start == suspended.current_period_end
    assert draft.status == suspended.status
    assert owned(ada, club.product) is None
    panel_actions.advance(purchase.subscription_id, 2 * HOUR)
    assert deliver(sandbox, purchase).status == Status.ACTIVE
    assert owned(ada, club.product)


def test_failed_renewal_of_refunded_subscription_stays_closed(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert purchase.subscription_status == "past_due"  # within the days of grace
    assert owned(ada, club.product) is None
    assert "Manage subscription" in page_of(as_ada, purchase)


def test_failed_renewal_of_suspended_subscription_is_not_called_due_next_month(
    as_ada: Client, sandbox: Any, suspended: Purchase
) -> None:
    panel_actions.fail_next_renewal(suspended.subscription_id)
    panel_actions.advance_to_renewal(suspended.subscription_id)
    purchase = deliver(sandbox, suspended)
    assert (purchase.status, purchase.subscription_status) == (suspended.status, "past_due")
    # Stripe tries it again within days: https://docs.stripe.com/billing/revenue-recovery/smart-retries
    page = page_of(as_ada, purchase)
    assert escape(billing_note(purchase)) in page
    assert message_values(purchase)["period_end"] not in page


def test_change_of_plan_over_nothing_does_not_open_refunded_subscription(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    subscription = storage.get(purchase.subscription_id) or {}
    invoice = storage.get(subscription["latest_invoice"]) or {}
    free = storage.put(
        invoice
        | {
            "id": "in_free",
            "billing_reason": "subscription_update",
            "amount_due": 0,
            "amount_paid": 0,
            "total": 0,
            "created": invoice["created"] + 1,
        }
    )
    storage.update(purchase.subscription_id, latest_invoice=free["id"])
    response = as_ada.get(f"{purchase.get_absolute_url()}?from=portal")
    assert 'data-state="refunded_running"' in response.content.decode()
    assert owned(ada, club.product) is None


def test_refund_of_the_paid_period_is_found_while_the_next_invoice_is_open(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    """The event names the payment of the period before, and the store has seen the renewal's invoice already."""
    purchase = deliver(sandbox, bought(as_ada, club))
    panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert purchase.status == Status.PAST_DUE
    first = storage.find("charge", ("status", "=", "succeeded"))[-1]
    sandbox.client.v1.refunds.create({"charge": first["id"]})
    assert deliver(sandbox, purchase).status == Status.REFUNDED
    assert owned(ada, club.product) is None


@pytest.mark.parametrize("by", ["event", "reconcile"])
def test_refund_of_a_payment_that_the_store_has_not_seen_finds_its_purchase(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any, by: str
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    known = purchase.payment_intent_id
    sandbox.switches(drop=["*"])
    panel_actions.advance_to_renewal(purchase.subscription_id)
    deliver(sandbox, purchase)
    newest = storage.find("charge", ("status", "=", "succeeded"))[0]
    assert newest["payment_intent"] != known
    sandbox.switches(drop=[] if by == "event" else ["*"])
    sandbox.client.v1.refunds.create({"charge": newest["id"]})
    deliver(sandbox, purchase)
    if by == "reconcile":
        reconcile()
    assert Purchase.objects.get().status == Status.REFUNDED
    assert owned(ada, club.product) is None


# --- one open recurring checkout per buyer and product -----------------------------------------------------


def test_database_refuses_a_second_open_subscription_checkout(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    press_buy(as_ada, club)
    first = Purchase.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Purchase.objects.create(
            user=ada,
            email=ada.email,
            product=club.product,
            price_id=yearly,
            is_recurring=True,
            livemode=False,
        )
    assert first.is_recurring


def test_database_refuses_two_purchases_of_one_subscription(
    as_ada: Client, club: ProductConfiguration
) -> None:
    purchase = bought(as_ada, club)
    purchase.pk, purchase.public_id, purchase.session_id = None, uuid4(), None
    with pytest.raises(IntegrityError), transaction.atomic():
        purchase.save(force_insert=True)


def test_monthly_and_yearly_pressed_at_once_leave_one_page(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    prices = list(Price.objects.filter(product=club.product))
    start, pages = threading.Barrier(4), []

    def press(price: Price) -> None:
        client = Client()
        client.force_login(ada)
        start.wait()
        try:
            pages.append(client.post("/store/maker-club/buy/", {"price": price.id})["Location"])
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=[prices[number % 2]]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 4
    payable = [row for row in storage.find("checkout.session") if row["status"] == "open"]
    assert len(payable) <= 1
    assert Purchase.objects.filter(status=Status.OPEN).count() <= 1


# --- subscriptions that the store has not sold -------------------------------------------------------------


def made_in_dashboard(sandbox: Any, user: User, price_id: str) -> stripe.Subscription:
    customer = StripeCustomer.objects.get(user=user).id
    method = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    return sandbox.client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price_id}], "default_payment_method": method.id}
    )


@pytest.mark.parametrize("by", ["event", "reconcile", "buy button"])
def test_subscription_made_in_dashboard_is_shown_and_blocks_a_second_sale(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any, by: str
) -> None:
    bought(as_ada, icons)  # so that Stripe has a customer
    deliver(sandbox, Purchase.objects.get())
    if by != "event":
        sandbox.switches(drop=["*"])
    made = made_in_dashboard(sandbox, ada, club.prices[0].id)
    deliver(sandbox, Purchase.objects.first())  # type: ignore[arg-type]
    if by == "reconcile":
        reconcile()
    response = as_ada.post("/store/maker-club/buy/", {"price": club.prices[0].id})
    assert "/stripe-sandbox/" not in response["Location"]
    purchase = Purchase.objects.get(subscription_id=made.id)
    assert (purchase.user, purchase.status) == (ada, Status.ACTIVE)
    page = page_of(as_ada, purchase)
    assert "Manage subscription" in page
    portal = as_ada.post(f"/purchases/order/{purchase.public_id}/manage/")
    assert "/stripe-sandbox/portal/" in portal["Location"]
    assert len(running_at_stripe()) == 1
    sandbox.client.v1.subscriptions.cancel(made.id)
    reconcile()
    purchase.refresh_from_db()
    assert purchase.status == Status.CANCELED


def test_second_subscription_made_in_dashboard_is_shown_to_buyer_and_founder(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    first = deliver(sandbox, bought(as_ada, club))
    assert alerts.send_alerts() == []
    second = made_in_dashboard(sandbox, ada, club.prices[0].id)
    deliver(sandbox, first)
    assert Purchase.objects.count() == 2
    assert "message--warning" in as_ada.get("/purchases/").content.decode()
    (alert,) = alerts.send_alerts()
    assert "two subscriptions" in alert
    assert "ada@example.com" in alert
    sandbox.client.v1.subscriptions.cancel(second.id)
    deliver(sandbox, first)
    assert alerts.send_alerts() == []
    assert "message--warning" not in as_ada.get("/purchases/").content.decode()


def test_buyer_with_two_subscriptions_is_charged_twice_until_one_will_end(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    first = deliver(sandbox, bought(as_ada, club))
    second = made_in_dashboard(sandbox, ada, club.prices[0].id)
    deliver(sandbox, first)
    as_ada.post(f"/purchases/order/{first.public_id}/cancel/")  # at the end of the period
    deliver(sandbox, first)
    assert alerts.send_alerts() == []
    assert "message--warning" not in as_ada.get("/purchases/").content.decode()
    later = int(timezone.now().timestamp()) + 90 * DAY  # after two more charges
    sandbox.client.v1.subscriptions.update(second.id, {"cancel_at": later})
    sandbox.client.v1.subscriptions.update(first.subscription_id, {"cancel_at_period_end": False})
    deliver(sandbox, first)
    assert len(alerts.send_alerts()) == 1
    assert "message--warning" in as_ada.get("/purchases/").content.decode()


def test_subscription_resumed_after_its_account_was_deleted_is_told_to_the_founder(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    as_ada.post(f"/purchases/order/{purchase.public_id}/cancel/")
    assert personal_data.delete_account(ada) == []
    deliver(sandbox, purchase)
    assert alerts.send_alerts() == []
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    deliver(sandbox, purchase)
    (alert,) = alerts.send_alerts()
    assert "deleted accounts" in alert
    assert purchase.subscription_id in alert


def test_subscription_of_a_stranger_or_to_a_foreign_product_is_left_alone(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    bought(as_ada, club)
    sandbox.switches(drop=["product.*", "price.*"])
    foreign = sandbox.client.v1.products.create({"name": "Consulting"})
    price = add_price(sandbox.client, foreign.id, 100, interval="month")  # never synced
    made_in_dashboard(sandbox, ada, price)
    stranger = sandbox.client.v1.customers.create({"email": "eve@example.com"})
    method = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": stranger.id})
    sandbox.client.v1.subscriptions.create(
        {
            "customer": stranger.id,
            "items": [{"price": club.prices[0].id}],
            "default_payment_method": method.id,
        }
    )
    deliver(sandbox, Purchase.objects.get())
    reconcile()
    assert Purchase.objects.count() == 1


def test_portal_opens_for_the_customer_that_is_charged(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    charged = StripeCustomer.objects.get(user=ada).id
    another = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    StripeCustomer.objects.filter(user=ada).update(id=another)
    response = as_ada.post(f"/purchases/order/{purchase.public_id}/manage/")
    (session,) = storage.find("billing_portal.session")
    assert session["customer"] == charged
    assert session["url"] == response["Location"]


# --- account deletion with money on its way ----------------------------------------------------------------


def test_deletion_expires_an_open_payment_page(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    page = press_buy(as_ada, icons)
    as_ada.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    response = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"}, follow=True)
    assert "Your account is deleted" in response.content.decode()
    assert not User.objects.filter(pk=ada.pk).exists()
    pay(page)  # the page may still be open
    assert storage.find("charge") == []
    assert [row["status"] for row in storage.find("checkout.session")] == ["expired"]
    assert Purchase.objects.get().status == Status.EXPIRED


def test_deletion_waits_for_a_bank_debit(as_ada: Client, ada: User, sandbox: Any) -> None:
    debit = stock(sandbox.client, "Quiet Hours", 4900)
    purchase = bought(as_ada, debit)
    storage.update(purchase.session_id, payment_status="unpaid")
    storage.update(purchase.payment_intent_id, status="processing")
    Purchase.objects.update(status=Status.PROCESSING, paid_at=None)
    as_ada.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    response = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"})
    assert "Quiet Hours" in response.content.decode()
    assert User.objects.filter(pk=ada.pk).exists()
    storage.update(purchase.session_id, payment_status="paid")
    storage.update(purchase.payment_intent_id, status="succeeded")
    assert personal_data.delete_account(ada) != []  # it has just arrived, and nobody has told the buyer
    assert personal_data.delete_account(ada) == []
    assert Purchase.objects.get().status == Status.PAID


def test_deletion_tells_of_a_page_that_was_just_paid(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    pay(press_buy(as_ada, icons))  # no event, and the buyer has not come back
    (reason,) = personal_data.delete_account(ada)
    assert icons.product.name in reason
    assert Purchase.objects.get().status == Status.PAID
    assert Purchase.objects.get().user == ada


def test_deletion_without_stripe_leaves_everything(
    as_ada: Client, ada: User, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_buy(as_ada, icons)

    def away(*args: object, **kwargs: object) -> None:
        raise stripe.APIConnectionError("away")

    monkeypatch.setattr("stripe_sandbox.transport.InProcessClient.request", away)
    assert len(personal_data.delete_account(ada)) == 1
    assert User.objects.filter(pk=ada.pk).exists()


def test_checkout_opened_while_the_account_is_deleted_stops_the_deletion(
    as_ada: Client, ada: User, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_one(user: User) -> None:
        press_buy(as_ada, icons)

    preparations = [*personal_data.deletion_preparations, open_one]
    monkeypatch.setattr(personal_data, "deletion_preparations", preparations)
    assert len(personal_data.delete_account(ada)) == 1
    assert User.objects.filter(pk=ada.pk).exists()


# --- canceling without Stripe's portal ---------------------------------------------------------------------


def cancel(client: Client, purchase: Purchase) -> Any:
    return client.post(f"/purchases/order/{purchase.public_id}/cancel/", follow=True)


def test_cancel_button_keeps_the_paid_period(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = bought(as_ada, club)
    page = cancel(as_ada, purchase).content.decode()
    assert 'data-state="ending"' in page
    assert f"/{purchase.public_id}/cancel/" not in page  # there is nothing left to cancel
    assert (storage.get(purchase.subscription_id) or {})["cancel_at_period_end"] is True
    assert owned(ada, club.product)


def test_cancel_button_ends_a_refunded_subscription_at_once(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    refund(sandbox, purchase)
    deliver(sandbox, purchase)
    assert 'data-state="canceled"' in cancel(as_ada, purchase).content.decode()
    assert running_at_stripe() == []


def test_cancel_button_stops_the_retries_of_an_overdue_subscription(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert purchase.subscription_status == "past_due"
    cancel(as_ada, purchase)
    assert running_at_stripe() == []
    charges = len(storage.find("charge"))
    panel_actions.advance(purchase.subscription_id, 28 * DAY)
    assert len(storage.find("charge")) == charges


def test_cancel_button_needs_its_buyer_and_a_post(
    as_ada: Client, as_bob: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = bought(as_ada, club)
    address = f"/purchases/order/{purchase.public_id}/cancel/"
    assert as_bob.post(address).status_code == 404
    assert as_ada.get(address).status_code == 405
    assert Client().post(address)["Location"].startswith("/accounts/login/")
    assert len(running_at_stripe()) == 1
    assert Purchase.objects.get().cancel_at is None


def test_cancel_button_says_so_when_stripe_is_away(
    as_ada: Client, club: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = bought(as_ada, club)

    def away(*args: object, **kwargs: object) -> None:
        raise stripe.APIConnectionError("away")

    monkeypatch.setattr("stripe_sandbox.transport.InProcessClient.request", away)
    assert "message--error" in cancel(as_ada, purchase).content.decode()


# --- what the store has not heard of -----------------------------------------------------------------------


def test_dashboard_subscription_at_a_price_that_was_never_on_sale_blocks_a_second_sale(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any
) -> None:
    bought(as_ada, icons)
    sandbox.switches(drop=["*"])
    price = add_price(sandbox.client, club.product_id, 500, interval="month")
    made = made_in_dashboard(sandbox, ada, price)
    sandbox.client.v1.prices.update(price, {"active": False})
    press = as_ada.post("/store/maker-club/buy/", {"price": club.prices[0].id})
    assert "/stripe-sandbox/" not in press["Location"]
    purchase = Purchase.objects.get(subscription_id=made.id)
    assert "Manage subscription" in page_of(as_ada, purchase)
    assert not Price.objects.get(id=price).active


def test_deletion_asks_stripe_for_subscriptions_that_the_store_does_not_know(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any
) -> None:
    bought(as_ada, icons)
    sandbox.switches(drop=["*"])
    made_in_dashboard(sandbox, ada, club.prices[0].id)
    (reason,) = personal_data.delete_account(ada)
    assert club.product.name in reason
    assert User.objects.filter(pk=ada.pk).exists()


def test_plan_changed_to_another_product_without_an_event_blocks_a_second_sale(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = bought(as_ada, club)
    letter = stock(sandbox.client, "Letter", 500, interval="month")
    sandbox.switches(drop=["*"])
    (item,) = (storage.get(purchase.subscription_id) or {})["items"]["data"]
    change: Any = {"items": [{"id": item["id"], "price": letter.prices[0].id}]}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, change)
    press = as_ada.post("/store/letter/buy/", {"price": letter.prices[0].id})
    assert "/stripe-sandbox/" not in press["Location"]
    assert len(running_at_stripe()) == 1


def test_cancel_button_works_after_a_resumption_that_the_store_has_not_heard_of(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = bought(as_ada, club)
    cancel(as_ada, purchase)
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    cancel(as_ada, purchase)
    assert (storage.get(purchase.subscription_id) or {})["cancel_at_period_end"] is True


def test_operator_can_not_delete_somebody_who_is_charged_or_about_to_pay(
    as_ada: Client, ada: User, olive: User, icons: ProductConfiguration
) -> None:
    press_buy(as_ada, icons)
    StripeCustomer.objects.all().delete()  # the admin refuses to delete these, too
    operator = Client()
    operator.force_login(olive)
    operator.post(f"/admin/users/user/{ada.pk}/delete/", {"post": "yes"})
    assert User.objects.filter(pk=ada.pk).exists()


# --- the key of another Stripe account ----------------------------------------------------------------------
# In its own account and mode a subscription can be retrieved for ever, also after its end. Elsewhere the answer is
# 404 resource_missing: https://docs.stripe.com/api/subscriptions/retrieve and https://docs.stripe.com/error-codes


def move_to_another_account(purchase: Purchase) -> list[tuple[Any, Any]]:
    """From now on the key is one of an account that has the same catalogue, but not these objects. Gives them."""
    customer = (storage.get(purchase.subscription_id) or {})["customer"]
    kept = [
        (storage.get(pk), storage.get_hidden(pk))
        for pk in (purchase.session_id, purchase.subscription_id, customer)
        if pk
    ]
    for known, _hidden in kept:
        storage.delete(known["id"])  # type: ignore[index]
    return kept


def test_subscription_of_another_account_offers_no_button_that_fails_and_blocks_no_deletion(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    move_to_another_account(purchase)
    as_ada.post(f"/purchases/order/{purchase.public_id}/cancel/")
    purchase.refresh_from_db()
    assert not purchase.has_running_subscription
    assert purchase.cancel_at == purchase.current_period_end
    assert owned(ada, club.product)  # what was paid for stays open until its end
    page = page_of(as_ada, purchase)
    assert "Manage subscription" not in page
    assert "Cancel subscription" not in page
    assert personal_data.delete_account(ada) == []


def test_suspended_subscription_of_another_account_can_be_sold_again(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, suspended: Purchase
) -> None:
    move_to_another_account(suspended)
    assert "/stripe-sandbox/checkout/" in press_buy(as_ada, club)
    suspended.refresh_from_db()
    assert not suspended.has_running_subscription
    assert "Manage subscription" not in page_of(as_ada, suspended)


@pytest.mark.parametrize("status", ["past_due", "unpaid", "paused", "incomplete"])
def test_overdue_subscription_of_another_account_has_ended(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, status: str
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    Purchase.objects.update(status=status, subscription_status=status)
    move_to_another_account(purchase)
    assert (
        'data-state="canceled"' in as_ada.get(f"{purchase.get_absolute_url()}?from=portal").content.decode()
    )


def test_access_to_subscription_of_another_account_ends_with_the_paid_period(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    move_to_another_account(purchase)
    sync_purchase(purchase, "test")
    Purchase.objects.update(cancel_at=timezone.now(), synced_at=None)
    assert 'data-state="canceled"' in page_of(as_ada, purchase)
    assert owned(ada, club.product) is None


def test_ended_subscription_of_another_account_stays_as_it_was(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    move_to_another_account(purchase)
    assert sync_purchase(purchase, "test").version == purchase.version
    assert purchase.subscription_status == "canceled"


def test_subscription_is_as_before_when_the_right_key_is_back(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    kept = move_to_another_account(purchase)
    assert not sync_purchase(purchase, "test").has_running_subscription
    for known, hidden in kept:
        storage.put(known, hidden=hidden)
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.subscription_status, purchase.cancel_at) == (
        Status.ACTIVE,
        "active",
        None,
    )
    assert purchase.will_be_charged_again


def test_subscription_whose_session_is_not_found_is_asked_for_itself(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, bought(as_ada, club))
    storage.delete(str(purchase.session_id))
    assert sync_purchase(purchase, "test").will_be_charged_again
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase.refresh_from_db()
    assert sync_purchase(purchase, "test").status == Status.CANCELED


@pytest.mark.parametrize(
    "error",
    [
        stripe.PermissionError("The provided key does not have the required permissions.", http_status=403),
        stripe.AuthenticationError("Expired API Key provided.", http_status=401),
        stripe.InvalidRequestError("Received unknown parameter: expand", "expand", "parameter_unknown"),
        stripe.APIConnectionError("Could not connect."),
    ],
)
def test_any_other_answer_of_stripe_ends_no_subscription(
    as_ada: Client,
    ada: User,
    club: ProductConfiguration,
    sandbox: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: stripe.StripeError,
) -> None:
    def refuse(*args: Any, **params: Any) -> None:
        raise error

    purchase = deliver(sandbox, bought(as_ada, club))
    monkeypatch.setattr(stripe.StripeClient, "raw_request", refuse)
    with pytest.raises(stripe.StripeError):
        sync_purchase(purchase, "test")
    assert personal_data.delete_account(ada) != []
    purchase.refresh_from_db()
    assert purchase.will_be_charged_again
