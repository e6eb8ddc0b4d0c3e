"""`stripe-sandbox serve` over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

PACKAGE = Path(__file__).parents[1]
SECRET = "whsec_of_the_test"
NODE_SDK = "23.1.0"


class WebhookServer:
    """A webhook endpoint that verifies and stores events in order of arrival."""

    def __init__(self) -> None:
        self.events: list[stripe.Event] = []
        webhook_server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Stripe-Signature"]
                webhook_server.events.append(stripe.Webhook.construct_event(body, signature, SECRET))  # type: ignore[no-untyped-call]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def wait(self, condition: Callable[[list[str]], bool]) -> list[str]:
        deadline = time.monotonic() + 20
        while not condition(self.types()):
            assert time.monotonic() < deadline, self.types()
            time.sleep(0.05)
        return self.types()


class Server:
    """A running `stripe-sandbox serve`."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.v1 = stripe.StripeClient(
            "sk_test_any", base_addresses={"api": self.url}, max_network_retries=0
        ).v1

    def control(self, path: str, **params: Any) -> Any:
        response = requests.post(f"{self.url}/control/{path}", json=params, timeout=20)
        return response.json() if response.ok else response.status_code


@contextmanager
def serve(python: str, folder: Path, *options: str) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [python, "-m", "stripe_sandbox.server.cli", "serve", "--port", str(port), *options]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTHON"))}
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while "Control panel" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Server(port)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def webhook_server() -> Iterator[WebhookServer]:
    webhook_server = WebhookServer()
    yield webhook_server
    webhook_server.server.shutdown()
    webhook_server.server.server_close()


@pytest.fixture(scope="module")
def running(webhook_server: WebhookServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("serve")
    options = [
        "--webhook",
        webhook_server.url,
        "--secret",
        SECRET,
        "--database",
        str(folder / "file.sqlite3"),
    ]
    with serve(sys.executable, folder, *options) as server:
        yield server


@pytest.fixture
def server(running: Server, webhook_server: WebhookServer) -> Server:
    running.control("webhooks", delay_seconds=0, duplicate=False, reorder=False, drop=[], fail_next_n=0)
    assert running.control("reset") == {}
    webhook_server.events.clear()
    return running


def subscribe(server: Server) -> stripe.Subscription:
    customer = server.v1.customers.create({"email": "ada@example.com"})
    method = server.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    server.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    product = server.v1.products.create(
        {
            "name": "Club",
            "default_price_data": {"currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}},
        }
    )
    price = product.default_price
    return server.v1.subscriptions.create({"customer": customer.id, "items": [{"price": str(price)}]})


def charge(server: Server) -> stripe.Charge:
    subscribe(server)
    return server.v1.charges.list().data[0]


def test_endpoint_receives_signed_events(server: Server, webhook_server: WebhookServer) -> None:
    server.v1.products.create({"name": "Icons"})
    assert webhook_server.wait(lambda types: "product.created" in types) == ["product.created"]


def test_events_are_dropped_delayed_duplicated_and_delivered(
    server: Server, webhook_server: WebhookServer
) -> None:
    assert server.control("webhooks", drop=["product.*"], duplicate=True)["drop"] == ["product.*"]
    server.v1.products.create({"name": "Icons"})
    server.v1.customers.create({})
    assert webhook_server.wait(lambda types: len(types) == 2) == ["customer.created"] * 2
    server.control("webhooks", drop=[], duplicate=False, delay_seconds=600)
    server.v1.customers.create({})
    assert server.control("webhooks/deliver") == {"attempts": 1}
    dropped = next(event for event in server.v1.events.list().data if event.type == "product.created")
    assert server.control("webhooks/deliver", event=dropped.id) == {"attempts": 1}
    assert webhook_server.types() == ["customer.created"] * 3 + ["product.created"]


def test_control_api_refunds_and_disputes(server: Server) -> None:
    paid = charge(server)
    assert server.control(f"objects/{paid.id}/refund", amount=200)["amount_refunded"] == 200
    assert server.control(f"objects/{paid.id}/dispute", choice="dispute_fraudulent")["disputed"] is True
    dispute = server.v1.disputes.list().data[0]
    assert server.control(f"objects/{dispute.id}/lose")["status"] == "lost"
    assert server.control(f"objects/{dispute.id}/win") == 409


def test_control_api_refunds_an_old_invoice(server: Server) -> None:
    subscription = subscribe(server)
    first = str(subscription.latest_invoice)
    server.control(f"objects/{subscription.id}/renew")
    deadline = time.monotonic() + 20
    while len(server.v1.charges.list().data) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.control(f"objects/{first}/refund", amount=200)
    server.control(f"objects/{first}/refund_pending", amount=300)
    old = server.v1.charges.list({"expand": ["data.refunds"]}).data[1]
    assert old.refunds
    assert (old.amount_refunded, [refund.amount for refund in old.refunds.data]) == (500, [300, 200])
    assert server.control(f"objects/{old.refunds.data[0].id}/fail")["status"] == "failed"
    server.control(f"objects/{first}/dispute", choice="dispute_not_received")
    (dispute,) = server.v1.disputes.list().data
    assert (dispute.charge, dispute.amount) == (old.id, 700)


def test_control_api_advances_time_and_fails_renewal(server: Server) -> None:
    subscription = subscribe(server)
    assert requests.get(f"{server.url}/control/objects/{subscription.id}", timeout=20).json() == {
        "actions": ["renew", "fail_renewal", "cancel", "days"]
    }
    assert server.control(f"objects/{subscription.id}/days", days=32)["status"] == "active"
    server.control(f"objects/{subscription.id}/fail_renewal")
    server.control(f"objects/{subscription.id}/renew")
    deadline = time.monotonic() + 20
    while server.v1.subscriptions.retrieve(subscription.id).status != "past_due":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_api_faults_can_be_simulated(server: Server) -> None:
    server.control("api", api_status=429, api_times=1)
    with pytest.raises(stripe.RateLimitError):
        server.v1.products.list()
    server.control("api", api_status=500, api_times=1)
    with pytest.raises(stripe.APIError):
        server.v1.products.list()
    server.control("api", api_delay_seconds=0.5)
    started = time.monotonic()
    assert server.v1.products.list().data == []
    assert time.monotonic() - started >= 0.5
    server.control("api", api_delay_seconds=0)


def test_any_api_error_can_be_simulated(server: Server) -> None:
    fault = {"api_status": 400, "api_code": "email_invalid", "api_message": "Invalid email address: x"}
    server.control("api", api_times=1, api_path="GET /v1/products", **fault)
    with pytest.raises(stripe.InvalidRequestError, match="Invalid email address: x") as caught:
        server.v1.products.list()
    assert caught.value.code == "email_invalid"


def test_account_can_be_restricted(server: Server) -> None:
    server.control("account", cannot_charge=True, missing_permissions=["product_read"])
    assert server.v1.accounts.retrieve_current().charges_enabled is False
    with pytest.raises(stripe.PermissionError):
        server.v1.products.list()
    server.control("account", cannot_charge=False, missing_permissions=[])
    assert server.v1.products.list().data == []


def test_control_api_sets_the_currency_of_buyers(server: Server) -> None:
    assert server.control("checkout", presentment_currency="eur") == {"presentment_currency": "eur"}
    price = str(
        server.v1.products.create(
            {"name": "Icons", "default_price_data": {"currency": "usd", "unit_amount": 900}}
        ).default_price
    )
    session = server.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "https://shop.example",
        }
    )
    assert session.adaptive_pricing
    assert session.adaptive_pricing.enabled


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("api", {"api_status": 200, "api_times": 1}, 400),
        ("api", {"status": 500}, 400),
        ("account", {"missing_permissions": ["everything"]}, 400),
        ("checkout", {"presentment_currency": "euro"}, 400),
        ("webhooks", {"drop": "*"}, 400),
        ("webhooks", {"delay_seconds": -1}, 400),
        ("webhooks/deliver", {"event": "evt_nothing"}, 404),
        ("objects/ch_nothing/refund", {}, 404),
        ("reset", {"really": True}, 400),
    ],
)
def test_invalid_control_requests_are_rejected(
    server: Server, path: str, params: dict[str, Any], status: int
) -> None:
    assert server.control(path, **params) == status


def test_browser_forms_cannot_use_control_api(server: Server) -> None:
    url = f"{server.url}/control/reset"
    assert requests.post(url, data={}, timeout=20).status_code == 415
    assert requests.get(url, timeout=20).status_code == 405


def test_hosted_pages_and_their_files_are_served(server: Server) -> None:
    panel = requests.get(server.url, timeout=20)
    assert "Control panel" in panel.text
    assert requests.get(f"{server.url}/static/stripe_sandbox/panel.css", timeout=20).ok


def test_live_key_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stripe_sandbox.server.cli", "serve", "--port", "1"]
    environ = {**os.environ, "STRIPE_SECRET_KEY": "sk_live_abc"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "live key" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not shutil.which("npm") and not os.environ.get("CI"), reason="needs Node with npm, which CI has"
)
def test_python_and_node_sdks_work_with_an_installed_package(tmp_path: Path) -> None:
    environment, scripts = tmp_path / "environment", tmp_path / "node"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, PACKAGE], check=True)
    scripts.mkdir()
    shutil.copy(Path(__file__).parent / "clients" / "node_client.js", scripts)
    npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", f"stripe@{NODE_SDK}"]
    subprocess.run(npm, cwd=scripts, check=True)
    with serve(python, tmp_path) as server:
        node = ["node", "node_client.js", str(server.port)]
        done = subprocess.run(node, cwd=scripts, capture_output=True, text=True, check=False, timeout=100)
        assert server.v1.products.search({"query": "name:'Größe & 100 %'"}).data
    _, *calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert [call for call in calls if call["error"]] == []
    assert done.returncode == 0, done.stderr
    assert len(calls) > 20
