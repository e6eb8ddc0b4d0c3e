"""Webhooks: delivered after the commit, tried again until the endpoint answers 2xx.

The store's own endpoint is called in-process, any other over HTTP. https://docs.stripe.com/webhooks
"""

import sqlite3
import threading
import time

from django.conf import settings

from . import conf, sender, storage, switches

RETRY_SECONDS = (1, 2, 5, 15, 60, 300, 900, 3600)
"""Seconds before each next attempt. Stripe's are hours; nobody waits for those at a desk."""
OWN_ENDPOINT = "we_1SandboxStore"
"""The webhook endpoint that stands for the store itself."""
_LEASE_SECONDS = 60  # seconds after which another process may take over a delivery whose process died
queued = threading.Event()
"""Set when a webhook has been queued."""


def queue(event_id: str, endpoint_id: str, due: float, state: str = "pending") -> None:
    """Have the event sent to the endpoint at `due` (Unix seconds), once the current transaction is committed."""
    storage.query(
        "INSERT INTO deliveries (event, endpoint, due, state) VALUES (?, ?, ?, ?)",
        event_id,
        endpoint_id,
        due,
        state,
    )
    storage.after_commit(queued.set)


def resend(event_id: str, endpoint_id: str) -> None:
    """Send an event once more, now, whatever happened to it before."""
    queue(event_id, endpoint_id, time.time())


def deliver_pending(resend_event: str = "") -> int:
    """Make one attempt for each delivery that waits, even if it is due later, and return their number.

    With `resend_event`, the event with this id is sent once more to every endpoint.
    """
    now = time.time()
    with storage.transaction():  # so that the scheduler's thread takes none of them
        if resend_event:
            for endpoint in storage.find("webhook_endpoint"):
                resend(resend_event, endpoint["id"])
        rows = storage.query(
            "UPDATE deliveries SET state = 'sending', due = ? +"
            " (SELECT COUNT(*) FROM deliveries WHERE state = 'pending') * ? WHERE state = 'pending' RETURNING *",
            now + _LEASE_SECONDS, sender.TIMEOUT_SECONDS,
        )  # fmt: skip
    for row in sorted(rows, key=lambda row: row["id"], reverse=switches.current().reorder):
        _attempt(row, now)
    return len(rows)


def deliver_due(now: float | None = None) -> int:
    """Attempt each delivery that is due at `now` (Unix seconds, default the clock), and return their number."""
    now, attempts = time.time() if now is None else now, 0
    while (claimed := _claim(now)) is not None:
        _attempt(claimed, now)
        attempts += 1
    return attempts


def wait_for(event_id: str, timeout: float) -> bool:
    """Wait until the store's own endpoint has answered 2xx to the event, at most `timeout` seconds; whether it has.

    Doesn't wait for what will not come: with deliveries made by hand, dropped, or given up.
    """
    deadline = time.monotonic() + timeout
    while True:
        states = storage.query(
            "SELECT state FROM deliveries WHERE event = ? AND endpoint = ?", event_id, OWN_ENDPOINT
        )
        if any(row["state"] == "delivered" for row in states):
            return True
        waiting = any(row["state"] in ("pending", "sending") for row in states)
        if not waiting or time.monotonic() > deadline or conf.get("DELIVERY") == "manual":
            return False
        time.sleep(0.02)


# --- one attempt ------------------------------------------------------------------------------------------


def _claim(now: float) -> sqlite3.Row | None:
    """Take the next delivery that is due; no other thread or process gets it too."""
    rows = storage.query(
        "UPDATE deliveries SET state = 'sending', due = ? WHERE id = (SELECT id FROM deliveries"
        " WHERE state IN ('pending', 'sending') AND due <= ? ORDER BY id * ? LIMIT 1) RETURNING *",
        now + _LEASE_SECONDS, now, -1 if switches.current().reorder else 1,
    )  # fmt: skip
    return rows[0] if rows else None


def _attempt(row: sqlite3.Row, now: float) -> None:
    status: int | None
    event = storage.get(row["event"], "event")
    endpoint = storage.get(row["endpoint"], "webhook_endpoint")
    if event is None or endpoint is None or endpoint["status"] != "enabled":
        _record(row, "failed", None, "The endpoint is gone or disabled.", now)
        return
    if switches.take_failure():
        status, error = 500, "The sandbox let this attempt fail (switch fail_next_n)."
    else:
        own = endpoint["id"] == OWN_ENDPOINT
        secret = settings.STRIPE_WEBHOOK_SECRET if own else storage.hidden(endpoint["id"])["secret"]
        in_process = own and not conf.get("WEBHOOK_URL")
        status, error = sender.send(event, endpoint["url"], secret, now, in_process)
    if status is not None and 200 <= status < 300:
        _record(row, "delivered", status, "", now)
    else:
        _record(row, "pending" if row["attempts"] < len(RETRY_SECONDS) else "failed", status, error, now)


def _record(row: sqlite3.Row, state: str, status: int | None, error: str, now: float) -> None:
    pause = RETRY_SECONDS[row["attempts"]] if state == "pending" else 0
    with storage.transaction():
        storage.query(
            "UPDATE deliveries SET state = ?, status = ?, error = ?, attempts = attempts + 1, due = ?, delivered_at = ?"
            " WHERE id = ?",
            state, status, error, now + pause, now if state == "delivered" else None, row["id"],
        )  # fmt: skip
        waiting = storage.query(
            "SELECT COUNT(*) AS n FROM (SELECT endpoint FROM deliveries WHERE event = ? GROUP BY endpoint"
            " HAVING SUM(state = 'delivered') = 0)",
            row["event"],
        )
        if storage.get(row["event"]) is not None:
            storage.update(row["event"], pending_webhooks=waiting[0]["n"])
