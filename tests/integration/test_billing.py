"""Whether a subscription will be charged again is derived from its status, not from its payments."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
import stripe
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, ProductConfiguration, Purchase, StripeCustomer, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations import alerts
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.messages.billing_notes import billing_note
from apps.ecommerce.purchases.messages.values import message_values
from apps.users import personal_data
from apps.users.models import User
from stripe_sandbox import storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.resources import disputes
from tests.concurrency import run_at_once
from tests.factories import add_price, buy, create_product, pay, press_buy, signed_in
from tests.stripe_actions import deliver

pytestmark = pytest.mark.django_db
HOUR, DAY = 3600, 86400


def refund(sandbox: Any, purchase: Purchase) -> None:
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})


def dispute(sandbox: Any, purchase: Purchase, end: str = "") -> None:
    charge = storage.find("charge", ("payment_intent", "=", purchase.payment_intent_id))[0]
    with storage.transaction():
        disputes.open_dispute(charge, "dispute_fraudulent")
    if end:
        opened = storage.find("dispute", ("charge", "=", charge["id"]))[0]
        with storage.transaction():
            disputes.settle(opened, end)


def lose_dispute(sandbox: Any, purchase: Purchase) -> None:
    dispute(sandbox, purchase, "lost")


def running_subscriptions() -> list[Any]:
    return [
        row for row in storage.find("subscription") if row["status"] not in ("canceled", "incomplete_expired")
    ]


def page_of(client: Client, purchase: Purchase) -> str:
    return client.get(purchase.get_absolute_url()).content.decode()


@pytest.fixture(params=[refund, dispute, lose_dispute])
def suspended(request: Any, as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    """A subscription whose payment was taken back."""
    purchase = deliver(sandbox, buy(as_ada, club))
    request.param(sandbox, purchase)
    return deliver(sandbox, purchase)


def test_suspended_subscription_can_be_managed_and_blocks_sale_and_deletion(
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
    assert len(running_subscriptions()) == 1
    assert as_ada.post(f"/purchases/order/{purchase.public_id}/manage/").status_code == 302
    assert personal_data.delete_account(ada) != []
    assert User.objects.filter(pk=ada.pk).exists()


def test_buyer_cancels_a_subscription_with_a_schedule(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    """The founder has scheduled another price in the Dashboard. Stripe refuses `cancel_at_period_end` then."""
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.client.v1.subscription_schedules.create({"from_subscription": purchase.subscription_id})
    as_ada.post(f"/purchases/order/{purchase.public_id}/cancel/")
    subscription = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)
    assert (subscription.cancel_at_period_end, subscription.schedule) == (True, None)
    purchase.refresh_from_db()
    assert not purchase.will_be_charged_again


def test_canceled_subscription_is_sold_again_after_a_refund(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    refund(sandbox, purchase)
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert "Manage subscription" not in page_of(as_ada, purchase)
    assert buy(as_ada, club).status == Status.ACTIVE
    assert len(running_subscriptions()) == 1


def test_buy_button_reads_a_missed_cancellation_from_stripe(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    assert "/stripe-sandbox/checkout/" in press_buy(as_ada, club)


@pytest.mark.parametrize("when", ["period end", "in 60 days"])
def test_deletion_is_blocked_only_if_another_charge_comes_before_the_end(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any, when: str
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    later = int(timezone.now().timestamp()) + 60 * DAY
    change: Any = {"cancel_at_period_end": True} if when == "period end" else {"cancel_at": later}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, change)
    reasons = personal_data.delete_account(ada)  # no event was delivered: the state is read from Stripe
    assert bool(reasons) == (when == "in 60 days")


def test_page_of_suspended_ending_subscription_says_no_more_charges(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    page = page_of(as_ada, purchase)
    assert message_values(purchase)["cancel_at"] in page
    assert "Manage subscription" in page


@pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit
def test_refund_email_of_running_subscription_names_the_next_payment(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    sent = [message for message in mail.outbox if "refund" in message.subject.lower()]
    assert len(sent) == 1
    assert message_values(purchase)["period_end"] in str(sent[0].body)


def test_every_status_that_is_not_ended_counts_as_running() -> None:
    for status in ("past_due", "unpaid", "paused", "incomplete", "trialing", "a status of 2031"):
        purchase = Purchase(subscription_id="sub_1", subscription_status=status, suspended_by="refunded")
        assert purchase.has_running_subscription, status
        assert purchase.will_be_charged_again, status


def test_ended_subscriptions_are_not_running() -> None:
    for status in ("canceled", "incomplete_expired", "missing"):
        purchase = Purchase(subscription_id="sub_1", subscription_status=status, status=Status.ACTIVE)
        assert not purchase.has_running_subscription, status
        assert not purchase.will_be_charged_again, status


def test_queryset_and_property_agree_on_what_is_charged_again(club: ProductConfiguration) -> None:
    now = timezone.now()
    statuses = ["", "active", "trialing", "past_due", "paused", "canceled", "missing", "new"]
    rows = Purchase.objects.bulk_create(
        Purchase(
            product=club.product,
            price=club.prices[0],
            livemode=False,
            order_number=f"W-{number}",
            subscription_id=f"sub_{number}",
            subscription_status=status,
            current_period_end=now if has_period else None,
            cancel_at=None if ends is None else now + timedelta(days=ends),
        )
        for number, (status, ends, has_period) in enumerate(
            product(statuses, [None, -1, 0, 1], [True, False])
        )
    )
    charged_again = {row.subscription_id for row in rows if row.will_be_charged_again}
    assert (
        set(Purchase.objects.to_be_charged_again().values_list("subscription_id", flat=True)) == charged_again
    )
    assert 0 < len(charged_again) < len(rows)


def test_paused_subscription_blocks_a_second_sale(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.client.v1.subscriptions.pause(purchase.subscription_id, {"type": "subscription"})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, owned(ada, club.product)) == (Status.PAUSED, None)
    once = add_price(sandbox.client, club.product_id, 90000)
    sync_catalogue()
    for price in (purchase.price_id, once):  # the recurring and the one-time price
        response = as_ada.post("/store/maker-club/buy/", {"price": price})
        assert response["Location"] == purchase.get_absolute_url()
    assert len(running_subscriptions()) == 1


# --- renewals of suspended subscriptions -------------------------------------------------------------------------


def test_renewal_restores_access_only_after_its_invoice_is_paid(
    ada: User, club: ProductConfiguration, sandbox: Any, suspended: Purchase
) -> None:
    purchase = suspended
    assert suspended.current_period_end is not None
    ends_in = int((suspended.current_period_end - timezone.now()).total_seconds())
    panel_actions.advance(purchase.subscription_id, ends_in + 60)  # the invoice is a draft for an hour
    draft = deliver(sandbox, purchase)
    assert draft.current_period_start == suspended.current_period_end
    assert (draft.status, draft.suspended_by) == (Status.ACTIVE, suspended.suspended_by)
    assert owned(ada, club.product) is None
    panel_actions.advance(purchase.subscription_id, 2 * HOUR)
    renewed = deliver(sandbox, purchase)
    assert (renewed.status, renewed.suspended_by) == (Status.ACTIVE, "")
    assert owned(ada, club.product)


def test_failed_renewal_of_refunded_subscription_grants_no_access(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    refund(sandbox, purchase)
    purchase = deliver(sandbox, purchase)
    panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert purchase.subscription_status == "past_due"  # within the days of grace
    assert owned(ada, club.product) is None
    assert "Manage subscription" in page_of(as_ada, purchase)


def test_page_of_suspended_subscription_shows_an_overdue_payment(
    as_ada: Client, sandbox: Any, suspended: Purchase
) -> None:
    panel_actions.fail_next_renewal(suspended.subscription_id)
    panel_actions.advance_to_renewal(suspended.subscription_id)
    purchase = deliver(sandbox, suspended)
    assert (purchase.status, purchase.subscription_status) == (Status.PAST_DUE, "past_due")
    assert purchase.suspended_by == suspended.suspended_by
    # Stripe retries the payment within days: https://docs.stripe.com/billing/revenue-recovery/smart-retries
    page = page_of(as_ada, purchase)
    assert escape(billing_note(purchase)) in page
    without_payments = re.sub(r'<section class="payments".*?</section>', "", page, flags=re.DOTALL)
    assert without_payments != page  # the list of payments names the period that is not paid
    assert message_values(purchase)["period_end"] not in without_payments


def test_plan_change_without_charge_grants_no_access_after_a_refund(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
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
    """The event names a payment of the previous period, when the store already has the renewal's invoice."""
    purchase = deliver(sandbox, buy(as_ada, club))
    panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert purchase.status == Status.PAST_DUE
    first = storage.find("charge", ("status", "=", "succeeded"))[-1]
    sandbox.client.v1.refunds.create({"charge": first["id"]})
    refunded = deliver(sandbox, purchase)
    assert (refunded.status, refunded.suspended_by) == (Status.PAST_DUE, Suspension.REFUNDED)
    assert owned(ada, club.product) is None


@pytest.mark.parametrize("by", ["event", "reconcile"])
def test_refund_of_an_unknown_renewal_payment_finds_its_purchase(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any, by: str
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
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
    refunded = Purchase.objects.get()
    assert (refunded.status, refunded.suspended_by) == (Status.ACTIVE, Suspension.REFUNDED)
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


def test_database_refuses_a_second_purchase_with_the_same_subscription(
    as_ada: Client, club: ProductConfiguration
) -> None:
    purchase = buy(as_ada, club)
    purchase.pk, purchase.public_id, purchase.session_id, purchase.order_number = None, uuid4(), None, ""
    with pytest.raises(IntegrityError), transaction.atomic():
        purchase.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_concurrent_monthly_and_yearly_checkouts_leave_one_open_session(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    prices = list(Price.objects.filter(product=club.product))

    def press(price: Price) -> int:
        return signed_in(ada).post("/store/maker-club/buy/", {"price": price.id}).status_code

    assert run_at_once(partial(press, price) for price in prices * 2) == [303] * 4
    payable = [row for row in storage.find("checkout.session") if row["status"] == "open"]
    assert len(payable) <= 1
    assert Purchase.objects.filter(status=Status.OPEN).count() <= 1


# --- subscriptions created in Stripe's Dashboard -----------------------------------------------------------


def create_in_dashboard(sandbox: Any, user: User, price_id: str) -> stripe.Subscription:
    customer = StripeCustomer.objects.get(user=user).id
    method = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    return sandbox.client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price_id}], "default_payment_method": method.id}
    )


@pytest.mark.parametrize("by", ["event", "reconcile", "buy button"])
def test_dashboard_subscription_is_shown_and_blocks_a_second_sale(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any, by: str
) -> None:
    buy(as_ada, icons)  # so that Stripe has a customer
    deliver(sandbox, Purchase.objects.get())
    if by != "event":
        sandbox.switches(drop=["*"])
    made = create_in_dashboard(sandbox, ada, club.prices[0].id)
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
    assert len(running_subscriptions()) == 1
    sandbox.client.v1.subscriptions.cancel(made.id)
    reconcile()
    purchase.refresh_from_db()
    assert purchase.status == Status.CANCELED


def test_second_dashboard_subscription_is_reported_to_buyer_and_founder(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    first = deliver(sandbox, buy(as_ada, club))
    assert alerts.send_alerts() == []
    second = create_in_dashboard(sandbox, ada, club.prices[0].id)
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


def test_two_subscriptions_are_reported_unless_one_ends_before_the_next_charge(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    first = deliver(sandbox, buy(as_ada, club))
    second = create_in_dashboard(sandbox, ada, club.prices[0].id)
    deliver(sandbox, first)
    as_ada.post(f"/purchases/order/{first.public_id}/cancel/")  # ends with the paid period
    deliver(sandbox, first)
    assert alerts.send_alerts() == []
    assert "message--warning" not in as_ada.get("/purchases/").content.decode()
    later = int(timezone.now().timestamp()) + 90 * DAY  # after two charges
    sandbox.client.v1.subscriptions.update(second.id, {"cancel_at": later})
    sandbox.client.v1.subscriptions.update(first.subscription_id, {"cancel_at_period_end": False})
    deliver(sandbox, first)
    assert len(alerts.send_alerts()) == 1
    assert "message--warning" in as_ada.get("/purchases/").content.decode()


def test_subscription_resumed_after_account_deletion_sends_an_alert(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    as_ada.post(f"/purchases/order/{purchase.public_id}/cancel/")
    assert personal_data.delete_account(ada) == []
    deliver(sandbox, purchase)
    assert alerts.send_alerts() == []
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    deliver(sandbox, purchase)
    (alert,) = alerts.send_alerts()
    assert str(purchase.subscription_id) in alert
    assert purchase.subscription_id in alert


def test_subscription_of_an_unknown_customer_or_product_is_ignored(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, club)
    sandbox.switches(drop=["product.*", "price.*"])
    foreign = sandbox.client.v1.products.create({"name": "Consulting"})
    price = add_price(sandbox.client, foreign.id, 100, interval="month")  # the price was never synced
    create_in_dashboard(sandbox, ada, price)
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
    purchase = deliver(sandbox, buy(as_ada, club))
    charged = StripeCustomer.objects.get(user=ada).id
    another = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    StripeCustomer.objects.filter(user=ada).update(id=another)
    response = as_ada.post(f"/purchases/order/{purchase.public_id}/manage/")
    (session,) = storage.find("billing_portal.session")
    assert session["customer"] == charged
    assert session["url"] == response["Location"]


# --- account deletion with open payments --------------------------------------------------------------------


def test_account_deletion_expires_an_open_checkout(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    page = press_buy(as_ada, icons)
    as_ada.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    response = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"}, follow=True)
    assert response.redirect_chain[0] == ("/", 302)
    assert not User.objects.filter(pk=ada.pk).exists()
    pay(page)  # the page may still be open
    assert storage.find("charge") == []
    assert [row["status"] for row in storage.find("checkout.session")] == ["expired"]
    assert Purchase.objects.get().status == Status.EXPIRED


def test_processing_bank_debit_blocks_account_deletion(as_ada: Client, ada: User, sandbox: Any) -> None:
    debit = create_product(sandbox.client, "Quiet Hours", 4900)
    purchase = buy(as_ada, debit)
    storage.update(purchase.session_id, payment_status="unpaid")
    storage.update(purchase.payment_intent_id, status="processing")
    Purchase.objects.update(status=Status.PROCESSING, paid_at=None)
    as_ada.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    response = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"})
    assert "Quiet Hours" in response.content.decode()
    assert User.objects.filter(pk=ada.pk).exists()
    storage.update(purchase.session_id, payment_status="paid")
    storage.update(purchase.payment_intent_id, status="succeeded")
    assert personal_data.delete_account(ada) != []  # the payment arrived since the last response to the buyer
    assert personal_data.delete_account(ada) == []
    assert Purchase.objects.get().status == Status.PAID


def test_test_purchases_do_not_block_account_deletion_in_live_mode(
    as_ada: Client, ada: User, club: ProductConfiguration, settings: Any
) -> None:
    """In live mode, the shop neither shows nor cancels the subscriptions with which it was tested."""
    buy(as_ada, club)
    Purchase.objects.create_for(ada, club.prices[0], "test", status=Status.PROCESSING)
    settings.STRIPE_SECRET_KEY = "sk_live_for_real"
    assert personal_data.delete_account(ada) == []


def test_real_subscription_blocks_account_deletion_in_test_mode(
    as_ada: Client, ada: User, club: ProductConfiguration
) -> None:
    buy(as_ada, club)
    Purchase.objects.update(livemode=True)
    assert personal_data.delete_account(ada) != []


def test_account_deletion_is_stopped_by_a_new_payment(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    pay(press_buy(as_ada, icons))  # without an event and without a return to the shop
    (reason,) = personal_data.delete_account(ada)
    assert icons.product.name in reason
    assert Purchase.objects.get().status == Status.PAID
    assert Purchase.objects.get().user == ada


def test_account_is_not_deleted_while_stripe_is_unreachable(
    as_ada: Client, ada: User, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_buy(as_ada, icons)

    def fail(*args: object, **kwargs: object) -> None:
        raise stripe.APIConnectionError("unreachable")

    monkeypatch.setattr("stripe_sandbox.transport.InProcessClient.request", fail)
    assert len(personal_data.delete_account(ada)) == 1
    assert User.objects.filter(pk=ada.pk).exists()


def test_checkout_opened_while_the_account_is_deleted_stops_the_deletion(
    as_ada: Client, ada: User, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_checkout(user: User) -> None:
        press_buy(as_ada, icons)

    preparations = [*personal_data.deletion_preparations, open_checkout]
    monkeypatch.setattr(personal_data, "deletion_preparations", preparations)
    assert len(personal_data.delete_account(ada)) == 1
    assert User.objects.filter(pk=ada.pk).exists()


# --- cancel button ----------------------------------------------------------------------------------------


def cancel(client: Client, purchase: Purchase) -> Any:
    return client.post(f"/purchases/order/{purchase.public_id}/cancel/", follow=True)


def test_cancel_button_keeps_the_paid_period(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    page = cancel(as_ada, purchase).content.decode()
    assert 'data-state="ending"' in page
    assert f"/{purchase.public_id}/cancel/" not in page  # there is nothing left to cancel
    assert (storage.get(purchase.subscription_id) or {})["cancel_at_period_end"] is True
    assert owned(ada, club.product)


def test_cancel_button_ends_a_refunded_subscription_at_once(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    refund(sandbox, purchase)
    deliver(sandbox, purchase)
    assert 'data-state="canceled"' in cancel(as_ada, purchase).content.decode()
    assert running_subscriptions() == []


def test_cancel_button_stops_the_retries_of_an_overdue_subscription(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert purchase.subscription_status == "past_due"
    cancel(as_ada, purchase)
    assert running_subscriptions() == []
    charges = len(storage.find("charge"))
    panel_actions.advance(purchase.subscription_id, 28 * DAY)
    assert len(storage.find("charge")) == charges


def test_cancel_url_accepts_only_a_post_of_the_buyer(
    as_ada: Client, as_bob: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    url = f"/purchases/order/{purchase.public_id}/cancel/"
    assert as_bob.post(url).status_code == 404
    assert as_ada.get(url).status_code == 405
    assert Client().post(url)["Location"].startswith("/accounts/login/")
    assert len(running_subscriptions()) == 1
    assert Purchase.objects.get().cancel_at is None


def test_cancel_button_shows_an_error_while_stripe_is_unreachable(
    as_ada: Client, club: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = buy(as_ada, club)

    def fail(*args: object, **kwargs: object) -> None:
        raise stripe.APIConnectionError("unreachable")

    monkeypatch.setattr("stripe_sandbox.transport.InProcessClient.request", fail)
    assert "message--error" in cancel(as_ada, purchase).content.decode()


# --- changes without an event ------------------------------------------------------------------------------


def test_dashboard_subscription_with_an_unknown_price_blocks_a_second_sale(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    sandbox.switches(drop=["*"])
    price = add_price(sandbox.client, club.product_id, 500, interval="month")
    made = create_in_dashboard(sandbox, ada, price)
    sandbox.client.v1.prices.update(price, {"active": False})
    press = as_ada.post("/store/maker-club/buy/", {"price": club.prices[0].id})
    assert "/stripe-sandbox/" not in press["Location"]
    purchase = Purchase.objects.get(subscription_id=made.id)
    assert "Manage subscription" in page_of(as_ada, purchase)
    assert not Price.objects.get(id=price).active


def test_unknown_running_subscription_blocks_account_deletion(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    sandbox.switches(drop=["*"])
    create_in_dashboard(sandbox, ada, club.prices[0].id)
    (reason,) = personal_data.delete_account(ada)
    assert club.product.name in reason
    assert User.objects.filter(pk=ada.pk).exists()


def test_plan_changed_to_another_product_without_an_event_blocks_a_second_sale(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    letter = create_product(sandbox.client, "Letter", 500, interval="month")
    sandbox.switches(drop=["*"])
    (item,) = (storage.get(purchase.subscription_id) or {})["items"]["data"]
    change: Any = {"items": [{"id": item["id"], "price": letter.prices[0].id}]}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, change)
    press = as_ada.post("/store/letter/buy/", {"price": letter.prices[0].id})
    assert "/stripe-sandbox/" not in press["Location"]
    assert len(running_subscriptions()) == 1


def test_cancel_button_works_after_a_missed_resumption(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    cancel(as_ada, purchase)
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    cancel(as_ada, purchase)
    assert (storage.get(purchase.subscription_id) or {})["cancel_at_period_end"] is True


def test_operator_cannot_delete_a_user_with_an_open_checkout(
    as_ada: Client, ada: User, olive: User, icons: ProductConfiguration
) -> None:
    press_buy(as_ada, icons)
    StripeCustomer.objects.all().delete()  # the admin also refuses to delete users with a customer
    operator = Client()
    operator.force_login(olive)
    operator.post(f"/admin/users/user/{ada.pk}/delete/", {"post": "yes"})
    assert User.objects.filter(pk=ada.pk).exists()


# --- a secret key of another Stripe account-------------------------------------------------------------------
# A subscription can always be retrieved with a key of the same account and mode, even after it ended. With other keys
# the response is 404 resource_missing: https://docs.stripe.com/api/subscriptions/retrieve and https://docs.stripe.com/error-codes


def move_to_another_account(purchase: Purchase) -> list[tuple[Any, Any]]:
    """Delete the purchase's objects from the sandbox, as if the key were another account's, and return them."""
    customer = (storage.get(purchase.subscription_id) or {})["customer"]
    deleted = [
        (storage.get(pk), storage.get_hidden(pk))
        for pk in (purchase.session_id, purchase.subscription_id, customer)
        if pk
    ]
    for row, _hidden in deleted:
        storage.delete(row["id"])  # type: ignore[index]
    return deleted


def test_subscription_of_another_account_has_no_buttons_and_allows_deletion(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    move_to_another_account(purchase)
    as_ada.post(f"/purchases/order/{purchase.public_id}/cancel/")
    purchase.refresh_from_db()
    assert not purchase.has_running_subscription
    assert purchase.cancel_at == purchase.current_period_end
    assert owned(ada, club.product)  # until the paid period ends
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
    purchase = deliver(sandbox, buy(as_ada, club))
    Purchase.objects.update(status=status, subscription_status=status)
    move_to_another_account(purchase)
    assert (
        'data-state="canceled"' in as_ada.get(f"{purchase.get_absolute_url()}?from=portal").content.decode()
    )


def test_access_to_subscription_of_another_account_ends_at_cancel_at(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    move_to_another_account(purchase)
    sync_purchase(purchase, "test")
    Purchase.objects.update(cancel_at=timezone.now(), synced_at=None)
    assert 'data-state="canceled"' in page_of(as_ada, purchase)
    assert owned(ada, club.product) is None


def test_ended_subscription_of_another_account_is_unchanged(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    move_to_another_account(purchase)
    assert sync_purchase(purchase, "test").version == purchase.version
    assert purchase.subscription_status == "canceled"


def test_subscription_is_restored_after_the_key_is_corrected(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    deleted = move_to_another_account(purchase)
    assert not sync_purchase(purchase, "test").has_running_subscription
    for row, hidden in deleted:
        storage.put(row, hidden=hidden)
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.subscription_status, purchase.cancel_at) == (
        Status.ACTIVE,
        "active",
        None,
    )
    assert purchase.will_be_charged_again


def test_subscription_is_synced_without_its_checkout_session(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
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
def test_other_stripe_errors_end_no_subscription(
    as_ada: Client,
    ada: User,
    club: ProductConfiguration,
    sandbox: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: stripe.StripeError,
) -> None:
    def refuse(*args: Any, **params: Any) -> None:
        raise error

    purchase = deliver(sandbox, buy(as_ada, club))
    monkeypatch.setattr(stripe.StripeClient, "raw_request", refuse)
    with pytest.raises(stripe.StripeError):
        sync_purchase(purchase, "test")
    assert personal_data.delete_account(ada) != []
    purchase.refresh_from_db()
    assert purchase.will_be_charged_again
