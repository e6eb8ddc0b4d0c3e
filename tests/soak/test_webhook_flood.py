"""More webhooks than the server can process: each is processed or retried, none is lost.

`make test` sends 20 a second for three seconds; `make drill-faults` 500 a second for a minute (RATE=…, SECONDS=…).
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

import pytest
import stripe

from stripe_sandbox import storage

from .conftest import start_shop
from .drill import Buyer, Server

RATE = int(os.environ.get("RATE") or 20)
SECONDS = int(os.environ.get("SECONDS") or 3)
CONNECTIONS = 16
PURCHASES = 5  # purchases whose webhooks have not been sent
PURCHASE_EVENT_INTERVAL = 5  # the events in between are about other objects of the account
SECRET = "whsec_flood"
MAX_ROUNDS = 20  # Stripe retries for three days


class Flood:
    """Send events on schedule, without waiting for earlier responses, as Stripe does."""

    def __init__(self, server: Server, sessions: list[Any]) -> None:
        self.server, self.refused_events = server, SimpleQueue[bytes]()
        self.events = [_event(number, sessions) for number in range(RATE * SECONDS)]
        self.waits: list[float] = []  # seconds from the scheduled time to the 2xx
        self.refused = 0

    def run(self) -> float:
        """Send all events; return the seconds until the last response."""
        due: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        self.started = time.monotonic()
        for number, body in enumerate(self.events):
            due.put((self.started + number / RATE, body))
        with ThreadPoolExecutor(CONNECTIONS) as senders:
            for sender in [senders.submit(self._send_all, due) for _ in range(CONNECTIONS)]:
                sender.result()
        return time.monotonic() - self.started

    def resend(self) -> int:
        """Resend events without a 2xx until all have one; return the number of rounds."""
        for rounds in range(MAX_ROUNDS):
            if self.refused_events.empty():
                return rounds
            due: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
            while not self.refused_events.empty():
                due.put((time.monotonic(), self.refused_events.get()))
            self._send_all(due)
        raise AssertionError("some events are still refused")

    def report(self, seconds: float, rounds: int) -> str:
        waits = sorted(self.waits)
        return (
            f"\n{RATE}/s for {SECONDS} s offered: {len(self.events)} events, {len(self.events) / seconds:.0f}/s "
            f"processed, {self.refused} refused and resent in {rounds} rounds; from due to 200: "
            f"median {median(waits):.3f} s, 99 % {quantiles(waits, n=100)[98]:.3f} s, longest {waits[-1]:.3f} s"
        )

    def _send_all(self, due: SimpleQueue[tuple[float, bytes]]) -> None:
        connection, pause = self._connect(), threading.Event()
        while True:
            try:
                at, body = due.get_nowait()
            except Empty:
                break
            pause.wait(max(at - time.monotonic(), 0))
            try:
                status = self._post(connection, body)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection, status = self._connect(), 0
            if status == 200:
                self.waits.append(time.monotonic() - at)
            else:
                self.refused += 1
                self.refused_events.put(body)
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.server.address.removeprefix("http://"), timeout=30)

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> int:
        signature = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, int(time.time()))
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        connection.request("POST", "/webhooks/stripe/", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def _event(number: int, sessions: list[Any]) -> bytes:
    is_purchase = number % PURCHASE_EVENT_INTERVAL == 0
    data_object = (
        sessions[number // PURCHASE_EVENT_INTERVAL % len(sessions)]
        if is_purchase
        else {"id": f"pi_{number}", "object": "payment_intent"}
    )
    kind = "checkout.session.completed" if is_purchase else "payment_intent.succeeded"
    event = {"id": f"evt_{uuid4().hex}", "object": "event", "type": kind, "created": int(time.time())}
    return json.dumps({**event, "data": {"object": data_object}}).encode()


@pytest.mark.timeout(600 + 20 * SECONDS)
def test_flood_loses_no_event(database: tuple[str, Any], tmp_path: Path, sandbox: Any, settings: Any) -> None:
    more = {"STRIPE_WEBHOOK_SECRET": SECRET, "WEB_WORKERS": "2", "WEB_THREADS": "4"}
    with Server(tmp_path, database[0], **more) as server:
        offer = server.run_command("setup", str(PURCHASES))
        start_shop(server, sandbox)
        known = len(sandbox.attempts())
        sandbox.switches(drop=["*"])
        for cookie in offer["cookies"]:
            buyer = Buyer(server, cookie, offer["slug"], offer["price"], pays=True)
            buyer.pay(buyer.press_buy().headers["Location"].removeprefix(server.address))
        flood = Flood(
            server, [row for row in storage.find("checkout.session") if row["status"] == "complete"]
        )
        seconds = flood.run()
        rounds = flood.resend()
        print(flood.report(seconds, rounds))
        server.kill()
        found = server.run_command("check")
        assert found["faults"] == []
        assert found["events"] == [known + len(flood.events), 0]  # all are stored and processed
        assert (len(found["paid"]), found["repaired"]) == (PURCHASES, 0)
