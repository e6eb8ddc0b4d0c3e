"""Webhooks, the return page and the status poll, in any order, repeated or missing."""

from __future__ import annotations

import json
import time
from typing import Any
from unittest.mock import patch

import pytest
import stripe
from django.test import Client
from django.utils.translation import get_language, override

from apps.ecommerce.models import ProductConfiguration, Purchase, StatusChange, WebhookEvent
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from stripe_sandbox.billing import panel_actions
from tests.concurrency import run_at_once
from tests.factories import buy, create_product, pay, press_buy, url_path
from tests.signed_events import SECRET, deliver, events
from tests.stripe_actions import deliver_all

pytestmark = pytest.mark.django_db


def paid_session(client: Client, product: ProductConfiguration) -> tuple[Purchase, str]:
    """Pay on the hosted page without webhooks; return the purchase and the return URL."""
    back = pay(press_buy(client, product))
    purchase = Purchase.objects.get()
    assert purchase.status == Status.OPEN
    return purchase, url_path(back)


def test_return_page_shows_paid_without_webhook(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase, back = paid_session(as_ada, icons)
    page = as_ada.get(back)
    assert 'data-state="paid"' in page.content.decode()
    assert not WebhookEvent.objects.exists()
    purchase.refresh_from_db()
    assert purchase.status == Status.PAID


def test_poll_shows_paid_without_webhook_or_return(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase, _back = paid_session(as_ada, icons)
    fragment = as_ada.get(f"/purchases/order/{purchase.public_id}/status/").content.decode()
    assert 'data-state="paid"' in fragment
    assert "every 1s" not in fragment  # polling ends with a final status
    assert "hx-swap-oob" in fragment  # the rest of the order page is in the fragment
    assert "Visa •••• 4242" in fragment


def test_webhook_completes_the_purchase_without_return(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase, _back = paid_session(as_ada, icons)
    (event,) = events(sandbox, "checkout.session.completed")
    assert deliver(event).status_code == 200
    assert owned(ada, icons.product) == purchase
    change = StatusChange.objects.get(to_status=Status.PAID)
    assert change.cause == f"checkout.session.completed {event['id']}"


def test_duplicate_event_changes_the_purchase_once(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    paid_session(as_ada, icons)
    (event,) = events(sandbox, "checkout.session.completed")
    assert [deliver(event).status_code for _ in range(3)] == [200, 200, 200]
    assert StatusChange.objects.filter(to_status=Status.PAID).count() == 1
    record = WebhookEvent.objects.get(id=event["id"])
    assert record.attempts == 1
    assert record.processed_at is not None


def test_event_after_the_return_changes_nothing(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    (event,) = events(sandbox, "checkout.session.completed")
    assert deliver(event).status_code == 200
    assert Purchase.objects.get().version == purchase.version
    assert StatusChange.objects.count() == 2


def test_event_before_the_return_completes_the_purchase(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    _purchase, back = paid_session(as_ada, icons)
    (event,) = events(sandbox, "checkout.session.completed")
    deliver(event)
    assert 'data-state="paid"' in as_ada.get(back).content.decode()
    assert StatusChange.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_event_return_and_poll_change_the_purchase_once(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    _purchase, back = paid_session(as_ada, icons)
    (completed,) = events(sandbox, "checkout.session.completed")
    duplicate = {**completed, "id": "evt_duplicate"}
    cookies = as_ada.cookies

    def open_return_page() -> int:
        client = Client()
        client.cookies = cookies
        return client.get(back).status_code

    jobs = (
        [lambda: deliver(completed).status_code] * 2
        + [lambda: deliver(duplicate).status_code] * 2
        + [open_return_page] * 2
    )
    assert run_at_once(jobs) == [200] * 6
    assert Purchase.objects.get().status == Status.PAID
    assert list(StatusChange.objects.values_list("to_status", flat=True)) == [Status.OPEN, Status.PAID]
    assert WebhookEvent.objects.filter(processed_at=None).count() == 0


def test_older_fetch_never_overwrites_a_newer_one(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that was overtaken during its fetch must fetch again."""
    from apps.ecommerce.purchases import fulfilment

    url = press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    fetch, fetched = fulfilment.fetch_or_none, []

    def slow(*args: Any, **params: Any) -> Any:
        session = fetch(*args, **params)
        fetched.append(session["status"] if session else None)
        if len(fetched) == 1:  # the buyer pays and the webhook is processed before this response arrives
            pay(url)
            sync_purchase(purchase, "the other one")
        return session

    monkeypatch.setattr(fulfilment, "fetch_or_none", slow)
    assert sync_purchase(purchase, "the slow one").status == Status.PAID
    assert fetched == ["open", "complete", "complete"]
    assert StatusChange.objects.get(to_status=Status.PAID).cause == "the other one"


def test_unpaid_session_grants_no_access(as_ada: Client, ada: User, icons: ProductConfiguration) -> None:
    press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    page = as_ada.get(f"/store/checkout/return/?session_id={purchase.session_id}")
    assert 'data-state="confirming"' in page.content.decode()
    assert "hx-trigger" in page.content.decode()
    assert owned(ada, icons.product) is None


def test_other_users_get_404_for_a_purchase(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    purchase, back = paid_session(as_ada, icons)
    order = f"/purchases/order/{purchase.public_id}/"
    for path in (order, f"{order}status/"):
        assert as_bob.get(path).status_code == 404
    assert "does not belong to bob@example.com" in as_bob.get(back, follow=True).content.decode()
    for path in (back, order, f"{order}status/"):
        assert Client().get(path).status_code == 302
    assert Purchase.objects.get().status == Status.OPEN  # Bob's request changed nothing
    assert b"Icon set" not in as_bob.get("/purchases/").content


@pytest.mark.parametrize(
    "session_id", ["", "cs_test_nobody", "{CHECKOUT_SESSION_ID}", "cs_test_%00", "x" * 2000]
)
def test_return_with_unknown_session_is_404(as_ada: Client, session_id: str, sandbox: Any) -> None:
    assert as_ada.get("/store/checkout/return/", {"session_id": session_id}).status_code == 404


def test_session_of_another_shop_is_ignored(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """Two shops on one Stripe account receive each other's events."""
    press_buy(as_ada, icons)
    session = sandbox.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": icons.prices[0].id, "quantity": 1}],
            "success_url": "https://other.example/thanks",
            "client_reference_id": "order-77",
        }
    )
    pay(session.url)
    (event,) = events(sandbox, "checkout.session.completed")
    assert deliver(event).status_code == 200
    assert Purchase.objects.get().status == Status.OPEN
    assert as_ada.get(f"/store/checkout/return/?session_id={session.id}").status_code == 404


def test_session_not_recorded_because_of_a_crash_is_adopted(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase, _back = paid_session(as_ada, icons)
    Purchase.objects.update(session_id=None)
    (event,) = events(sandbox, "checkout.session.completed")
    deliver(event)
    assert Purchase.objects.get().status == Status.PAID
    assert Purchase.objects.get().session_id == purchase.session_id


EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "who.knows",
    "created": 1,
    "data": {"object": {"id": "x_1"}},
}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "missing"),
        ("nonsense", "malformed"),
        ("t=1,v1=00", "old and wrong"),
        ("t={now},v1=00", "wrong"),
        ("t={now},v0=00", "another scheme"),
    ],
)
def test_unsigned_event_is_refused(db: None, header: str, reason: str) -> None:
    response = Client().post(
        "/webhooks/stripe/",
        json.dumps(EVENT),
        content_type="application/json",
        headers={"stripe-signature": header.format(now=int(time.time()))} if header else {},
    )
    assert response.status_code == 400, reason
    assert not WebhookEvent.objects.exists()


def test_invalid_signature_is_refused(db: None) -> None:
    assert deliver(EVENT, at=int(time.time()) - 301).status_code == 400
    assert deliver(EVENT, secret="whsec_of_another_endpoint").status_code == 400
    good = stripe.WebhookSignature.generate_signature_header(json.dumps(EVENT), SECRET)
    assert deliver({**EVENT, "type": "checkout.session.completed"}, header=good).status_code == 400
    assert not WebhookEvent.objects.exists()


def test_rolled_secret_is_accepted_while_stripe_signs_with_both(db: None) -> None:
    body, now = json.dumps(EVENT), int(time.time())
    old, new = (
        stripe.WebhookSignature.generate_signature_header(body, secret, now).split("v1=")[1]
        for secret in ("whsec_the_one_before", SECRET)
    )
    assert deliver(EVENT, header=f"t={now},v1={old},v1={new}").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"object": "v2.core.event"}', b"{}"])
def test_signed_body_without_an_event_is_refused(db: None, body: bytes) -> None:
    assert deliver(body).status_code == 400


def test_webhook_without_secret_is_404(db: None, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert deliver(EVENT, secret="").status_code == 404
    assert deliver(EVENT, secret="anything").status_code == 404


def test_webhook_accepts_post_only(db: None) -> None:
    assert Client().get("/webhooks/stripe/").status_code == 405


def test_unknown_event_type_is_recorded_and_answered(db: None) -> None:
    assert deliver(EVENT).status_code == 200
    assert WebhookEvent.objects.get().processed_at is not None


def test_webhook_starts_no_session_and_sends_security_headers(db: None) -> None:
    response = deliver(EVENT)
    assert not response.cookies
    assert {"Content-Security-Policy", "X-Request-ID", "X-Robots-Tag"} <= response.headers.keys()


def test_event_is_handled_in_the_shops_language(icons: ProductConfiguration, sandbox: Any) -> None:
    """The thread's previous request may have activated another language."""
    languages: list[str | None] = []
    with (
        patch(
            "apps.ecommerce.catalogue.sync.refresh_rows",
            lambda _rows, _report: languages.append(get_language()) or [],
        ),
        override("de"),
    ):
        sandbox.client.v1.products.update(icons.product_id, {"name": "Renamed"})
        (event,) = events(sandbox, "product.updated")
        assert deliver(event).status_code == 200
    assert set(languages) == {"en"}


def test_handler_crash_is_500_and_the_next_delivery_succeeds(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any, disconnect_stripe: Any
) -> None:
    paid_session(as_ada, icons)
    (event,) = events(sandbox, "checkout.session.completed")
    before = settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE
    disconnect_stripe()
    assert deliver(event).status_code == 500
    record = WebhookEvent.objects.get(id=event["id"])
    assert "APIConnectionError" in record.error
    assert record.processed_at is None
    settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE = before
    assert deliver(event).status_code == 200
    record.refresh_from_db()
    assert (record.attempts, record.error) == (2, "")
    assert Purchase.objects.get().status == Status.PAID


def test_return_page_says_confirming_when_stripe_is_unavailable(
    as_ada: Client, icons: ProductConfiguration, disconnect_stripe: Any
) -> None:
    _purchase, back = paid_session(as_ada, icons)
    disconnect_stripe()
    page = as_ada.get(back)
    assert page.status_code == 200
    assert 'data-state="confirming"' in page.content.decode()


def test_open_checkout_starts_again_after_a_change_of_stripe_account(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    url = press_buy(as_ada, icons)
    Purchase.objects.update(session_id="cs_test_from_the_old_account")
    assert press_buy(as_ada, icons) != url
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [Status.EXPIRED, Status.OPEN]


def test_paid_purchase_stays_paid_after_a_change_of_stripe_account(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    Purchase.objects.update(session_id="cs_test_from_the_old_account")
    assert sync_purchase(purchase, "test").status == Status.PAID
    assert owned(ada, icons.product)


def test_ten_polling_tabs_send_one_stripe_request(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.ecommerce.purchases import fulfilment

    press_buy(as_ada, icons)
    monkeypatch.setattr("apps.ecommerce.views.purchases.MIN_INTERVAL_SECONDS", 60)
    calls, fetch = [], fulfilment.fetch_or_none

    def count(*args: Any, **params: Any) -> Any:
        calls.append(args)
        return fetch(*args, **params)

    monkeypatch.setattr(fulfilment, "fetch_or_none", count)
    purchase = Purchase.objects.get()
    for _ in range(10):
        as_ada.get(f"/purchases/order/{purchase.public_id}/status/")
    assert len(calls) == 1


def test_test_mode_purchase_grants_no_access_in_live_mode(
    as_ada: Client, ada: User, icons: ProductConfiguration, settings: Any
) -> None:
    buy(as_ada, icons)
    assert owned(ada, icons.product)
    settings.STRIPE_SECRET_KEY = "sk_live_for_real"
    assert owned(ada, icons.product) is None
    assert as_ada.get("/purchases/icon-set/").status_code == 302


def test_each_subscription_event_finds_its_purchase(as_ada: Client, sandbox: Any) -> None:
    club = create_product(sandbox.client, "Maker club", 900, interval="month")
    purchase = buy(as_ada, club)
    all_events = [e.to_dict(for_json=True) for e in sandbox.client.v1.events.list({"limit": 100})]
    assert {"customer.subscription.created", "invoice.paid"} <= {event["type"] for event in all_events}
    for event in all_events:
        assert deliver(event).status_code == 200, event["type"]
    assert Purchase.objects.get().version == purchase.version


def test_invoice_event_of_an_older_api_version_finds_its_subscription(member: Purchase, sandbox: Any) -> None:
    """The account's version decides about the events of `stripe listen`, and of endpoints without one of their own.

    https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects
    """
    sandbox.switches(drop=["*"])
    panel_actions.advance_to_renewal(member.subscription_id)
    deliver_all(sandbox)
    (renewal,) = [
        event
        for event in events(sandbox, "invoice.paid")
        if event["data"]["object"]["billing_reason"] == "subscription_cycle"
    ]
    invoice = renewal["data"]["object"]
    invoice["subscription"] = invoice.pop("parent")["subscription_details"]["subscription"]
    assert deliver({**renewal, "api_version": "2024-06-20"}).status_code == 200
    before = member.paid_until
    member.refresh_from_db()
    assert before
    assert member.paid_until
    assert member.paid_until > before
    assert member.payments.count() == 2
