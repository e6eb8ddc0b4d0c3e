"""The threads that send webhooks and renew subscriptions end with the test that started them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from test_webhooks import Receiver, http_endpoint  # noqa: F401 (a fixture)

from stripe_sandbox import scheduler, storage
from stripe_sandbox.testing import Sandbox


def find_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("stripe-sandbox")]


@pytest.fixture
def running(sandbox: Sandbox, settings: Any) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "thread"
    Client().get("/stripe-sandbox/")
    assert find_threads() == ["stripe-sandbox-scheduler"]


def test_manual_delivery_stops_the_thread(running: None, settings: Any) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "manual"
    assert find_threads() == []


def test_next_request_starts_it_again(running: None) -> None:
    scheduler.stop()
    assert find_threads() == []
    Client().get("/stripe-sandbox/")
    assert find_threads() == ["stripe-sandbox-scheduler"]


def test_no_thread_works_on_another_file(running: None, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    with override_settings(STRIPE_SANDBOX_DB=other):
        time.sleep(scheduler.INTERVAL_SECONDS * 2)
        assert find_threads() == []
        assert not other.exists()


def test_stop_waits_for_a_webhook_that_is_being_sent(
    running: None,
    sandbox: Sandbox,
    settings: Any,
    http_endpoint: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received, answered = threading.Event(), http_endpoint.receive

    def receive_slowly(body: bytes, signature: str) -> int:
        received.set()
        time.sleep(0.3)
        return answered(body, signature)

    monkeypatch.setattr(http_endpoint, "receive", receive_slowly)
    sandbox.product()
    assert received.wait(10)
    settings.STRIPE_SANDBOX_DELIVERY = "manual"
    assert find_threads() == []
    assert storage.query("SELECT 1 FROM deliveries WHERE state = 'sending'") == []
