"""Signing, retries and switches of webhooks, in-process and over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import stripe
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from stripe_sandbox import delivery, scheduler, storage
from stripe_sandbox.resources import webhook_endpoints

MINUTE, DAY = 60, 24 * 3600
SECRET = "whsec_of_the_store"


class Receiver:
    """A webhook endpoint that verifies signatures, stores events and responds with set statuses."""

    def __init__(self, secret: str) -> None:
        self.secret, self.status = secret, 200
        self.events: list[stripe.Event] = []
        self.signatures: list[str] = []

    def receive(self, payload: bytes, signature: str) -> int:
        assert getattr(storage._local, "connection", None) is None, "a storage transaction is open"
        self.events.append(stripe.Webhook.construct_event(payload, signature, self.secret))
        self.signatures.append(signature)
        return self.status

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


current: Receiver


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("received", status=current.receive(request.body, request.headers["Stripe-Signature"]))


urlpatterns = [path("webhooks/stripe/", receive)]


@pytest.fixture
def store(sandbox: Any, settings: Any) -> Receiver:
    """Replace the store's endpoint by a Receiver."""
    global current
    settings.ROOT_URLCONF = __name__
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    current = Receiver(SECRET)
    return current


@pytest.fixture
def http_endpoint(sandbox: Any) -> Iterator[Receiver]:
    """Run an HTTP server that is registered for product events."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.receive(body, self.headers["Stripe-Signature"]))
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/hooks"
    created = sandbox.client.v1.webhook_endpoints.create(
        {"url": url, "enabled_events": ["product.created", "product.updated", "price.created"]}
    )
    receiver.secret = created.secret
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


def state(sandbox: Any) -> list[tuple[str, int, int | None]]:
    return [(row["state"], row["attempts"], row["status"]) for row in sandbox.attempts()]


def test_store_receives_signed_events(sandbox: Any, store: Receiver) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"})
    assert sandbox.events()[0]["pending_webhooks"] == 1
    assert sandbox.deliver() == 1
    (event,) = store.events
    assert (event.type, event.data.object.id, event.object) == ("customer.created", customer.id, "event")
    assert event.api_version == stripe.api_version
    assert event.request.id == customer.last_response.request_id
    assert sandbox.events()[0]["pending_webhooks"] == 0
    assert state(sandbox) == [("delivered", 1, 200)]
    assert sandbox.deliver(after=DAY) == 0


@pytest.mark.parametrize("status", [302, 400, 500])
def test_other_status_than_2xx_is_retried_with_a_new_signature(
    sandbox: Any, store: Receiver, status: int
) -> None:
    store.status = status
    sandbox.client.v1.customers.create({})
    assert (sandbox.deliver(), sandbox.deliver()) == (1, 0)
    assert sandbox.events()[0]["pending_webhooks"] == 1
    assert [event.id for event in sandbox.client.v1.events.list({"delivery_success": False})] == [
        store.events[0].id
    ]
    store.status = 200
    assert sandbox.deliver(after=2) == 1
    assert state(sandbox) == [("delivered", 2, 200)]
    assert store.events[0].id == store.events[1].id
    assert store.signatures[0] != store.signatures[1]


def test_delivery_fails_after_all_retries_and_can_be_resent(sandbox: Any, store: Receiver) -> None:
    store.status = 500
    sandbox.client.v1.customers.create({})
    later = 0.0
    for pause in (0, *delivery.RETRY_SECONDS):
        later += pause + 1
        assert sandbox.deliver(after=later) == 1
    assert state(sandbox) == [("failed", 9, 500)]
    assert sandbox.deliver(after=later + DAY) == 0
    store.status = 200
    delivery.resend(store.events[0].id, delivery.STORE_ENDPOINT_ID)
    sandbox.deliver()
    assert sandbox.events()[0]["pending_webhooks"] == 0


def test_http_endpoint_receives_enabled_events(
    sandbox: Any, store: Receiver, http_endpoint: Receiver
) -> None:
    sandbox.product()
    sandbox.client.v1.customers.create({})
    assert [event["pending_webhooks"] for event in sandbox.events()] == [2, 2, 1]
    sandbox.deliver()
    assert sorted(http_endpoint.types) == ["price.created", "product.created"]
    assert sorted(store.types) == ["customer.created", "price.created", "product.created"]


def test_unreachable_server_is_retried(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["customer.created"]})
    sandbox.switches(drop=[])
    v1.webhook_endpoints.update(delivery.STORE_ENDPOINT_ID, {"disabled": True})
    v1.customers.create({})
    assert sandbox.deliver() == 1
    (attempt,) = sandbox.attempts()
    assert (attempt["state"], attempt["status"]) == ("pending", None)
    assert "refused" in attempt["error"]


def test_disabled_and_deleted_endpoints_receive_nothing(sandbox: Any, http_endpoint: Receiver) -> None:
    v1 = sandbox.client.v1
    endpoint = next(found for found in v1.webhook_endpoints.list() if found.id != delivery.STORE_ENDPOINT_ID)
    v1.webhook_endpoints.update(delivery.STORE_ENDPOINT_ID, {"disabled": True})
    sandbox.product()
    v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    sandbox.deliver()
    assert {row["state"] for row in sandbox.attempts()} == {"failed"}
    v1.webhook_endpoints.delete(endpoint.id)
    sandbox.product()
    assert sandbox.deliver() == 0
    assert http_endpoint.events == []


def test_secret_is_returned_at_creation_only(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    created = v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]})
    assert created.secret.startswith("whsec_")
    assert "secret" not in v1.webhook_endpoints.retrieve(created.id)


def test_rolled_back_events_are_not_sent(sandbox: Any, store: Receiver) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.client.v1.customers.create({"expand": ["name"]})
    assert sandbox.deliver() == 0
    assert sandbox.attempts() == []


# --- switches ---------------------------------------------------------------------------------------------


def test_delayed_webhook_is_sent_later(sandbox: Any, store: Receiver) -> None:
    sandbox.switches(delay_seconds=3)
    sandbox.client.v1.customers.create({})
    assert (sandbox.deliver(), sandbox.deliver(after=2)) == (0, 0)
    assert sandbox.deliver(after=4) == 1


def test_duplicated_webhook_is_sent_twice(sandbox: Any, store: Receiver) -> None:
    sandbox.switches(duplicate=True)
    sandbox.client.v1.customers.create({})
    assert sandbox.deliver() == 2
    assert store.events[0].id == store.events[1].id
    assert sandbox.events()[0]["pending_webhooks"] == 0


def test_reordered_webhooks_are_sent_newest_first(sandbox: Any, store: Receiver) -> None:
    sandbox.switches(reorder=True)
    customer = sandbox.client.v1.customers.create({})
    sandbox.client.v1.customers.delete(customer.id)
    assert sandbox.deliver() == 0
    sandbox.deliver(after=2)
    assert store.types == ["customer.deleted", "customer.created"]


def test_dropped_webhook_is_not_sent(sandbox: Any, store: Receiver) -> None:
    sandbox.switches(drop=["product.*"])
    sandbox.product()
    assert sandbox.deliver(after=DAY) == 1
    assert store.types == ["price.created"]
    assert [row["state"] for row in sandbox.attempts()] == ["delivered", "dropped"]
    assert sandbox.events("product.created")[0]["pending_webhooks"] == 1


def test_failed_attempts_do_not_reach_the_store(sandbox: Any, store: Receiver) -> None:
    sandbox.switches(fail_next_n=2)
    sandbox.client.v1.customers.create({})
    assert [sandbox.deliver(after=later) for later in (0, 5, 10)] == [1, 1, 1]
    assert len(store.events) == 1
    assert state(sandbox) == [("delivered", 3, 200)]


def test_unknown_switch_is_an_error(sandbox: Any) -> None:
    with pytest.raises(TypeError):
        sandbox.switches(dorp=["*"])


# --- delivery thread---------------------------------------------------------------------------------------


def test_thread_delivers_and_wait_for_returns(
    sandbox: Any, store: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "thread"
    sandbox.client.v1.customers.create({})
    event = sandbox.events()[0]["id"]
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            delivery.queued.wait(0.05)
            delivery.queued.clear()
            scheduler.run_once()

    assert delivery.wait_for(event, 0.1) is False
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert delivery.wait_for(event, 10) is True
    finally:
        stop.set()
        thread.join()


def test_wait_for_returns_without_pending_delivery(sandbox: Any, store: Receiver, settings: Any) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "thread"
    sandbox.switches(drop=["*"])
    sandbox.client.v1.customers.create({})
    assert delivery.wait_for(sandbox.events()[0]["id"], 60) is False


def test_slow_endpoint_delays_no_other(
    sandbox: Any, store: Receiver, http_endpoint: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "thread"
    release, receive = threading.Event(), http_endpoint.receive

    def receive_slowly(body: bytes, signature: str) -> int:
        release.wait(10)
        return receive(body, signature)

    monkeypatch.setattr(http_endpoint, "receive", receive_slowly)
    sandbox.product()
    events = [event["id"] for event in sandbox.events("product.created")]
    try:
        scheduler.run_once()
        deadline = time.monotonic() + 5
        while not {event.id for event in store.events}.issuperset(events) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert {event.id for event in store.events}.issuperset(events)
        assert http_endpoint.events == []
        assert delivery.wait_for(events[0], 0.1) is False  # the slow endpoint listens, too
    finally:
        release.set()
    assert all(delivery.wait_for(event["id"], 10) for event in sandbox.events())
    assert http_endpoint.events


def test_two_workers_never_send_the_same_delivery(sandbox: Any, store: Receiver) -> None:
    for _ in range(20):
        sandbox.client.v1.customers.create({})
    workers = [threading.Thread(target=sandbox.deliver) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({event.id for event in store.events}) == len(store.events) == 20


def test_payload_equals_the_event_in_the_api(sandbox: Any, http_endpoint: Receiver) -> None:
    product = sandbox.product()
    sandbox.client.v1.products.update(product.id, {"name": "New"})
    sandbox.deliver()
    sent = next(event for event in http_endpoint.events if event.type == "product.updated")
    shown = sandbox.client.v1.events.retrieve(sent.id)
    assert json.loads(str(sent))["data"] == json.loads(str(shown))["data"]
    assert sent.data.previous_attributes.name == "Icon set"
    assert webhook_endpoints.STORE_ENDPOINT_ID == delivery.STORE_ENDPOINT_ID
