"""Deliver webhooks after the commit and retry until the endpoint answers 2xx. https://docs.stripe.com/webhooks

The store's endpoint is called in-process, all others over HTTP.
"""

import sqlite3
import threading
import time

from django.conf import settings

from . import conf, sender, storage, switches, versions

RETRY_SECONDS = (1, 2, 5, 15, 60, 300, 900, 3600)
"""Delays before each retry; Stripe's are hours, too long for development."""
STORE_ENDPOINT_ID = "we_1SandboxStore"
_LEASE_SECONDS = 60  # after that, another process may claim the delivery: the first one has probably ended
queued = threading.Event()


def queue(event_id: str, endpoint_id: str, due: float, state: str = "pending") -> None:
    """Send the event to the endpoint at `due` (Unix seconds), if the current transaction commits."""
    storage.query(
        "INSERT INTO deliveries (event, endpoint, due, state) VALUES (?, ?, ?, ?)",
        event_id,
        endpoint_id,
        due,
        state,
    )
    storage.after_commit(queued.set)


def resend(event_id: str, endpoint_id: str) -> None:
    queue(event_id, endpoint_id, time.time())


def deliver_pending(resend_event: str = "") -> int:
    """Attempt all pending deliveries now, even those that are due later. Return the number of attempts.

    First queue the event `resend_event` once more for each endpoint, if it is given.
    """
    now = time.time()
    with storage.transaction():  # prevents the scheduler's thread from claiming them
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


def deliver_due(now: float | None = None, endpoint: str = "") -> int:
    """Attempt the deliveries that are due at `now` (Unix seconds), to one endpoint or all. Return their number."""
    now, attempts = time.time() if now is None else now, 0
    while (claimed := _claim(now, endpoint)) is not None:
        _attempt(claimed, now)
        attempts += 1
    return attempts


def find_due_endpoints(now: float) -> list[str]:
    sql = "SELECT DISTINCT endpoint FROM deliveries WHERE state IN ('pending', 'sending') AND due <= ?"
    return [row["endpoint"] for row in storage.query(sql, now)]


def wait_for(event_id: str, timeout: float) -> bool:
    """Wait up to `timeout` seconds. Return whether all endpoints have answered 2xx to the event.

    Return False at once if no delivery is pending, or if tests deliver manually.
    """
    deadline = time.monotonic() + timeout
    while True:
        waiting = storage.query(
            "SELECT SUM(state IN ('pending', 'sending')) AS pending FROM deliveries WHERE event = ?"
            " GROUP BY endpoint HAVING SUM(state = 'delivered') = 0",
            event_id,
        )
        if not waiting:
            return bool(storage.query("SELECT 1 FROM deliveries WHERE event = ? LIMIT 1", event_id))
        can_change = any(row["pending"] for row in waiting)
        if not can_change or time.monotonic() > deadline or conf.get("DELIVERY") == "manual":
            return False
        time.sleep(0.02)


# --- one attempt ------------------------------------------------------------------------------------------


def _claim(now: float, endpoint: str) -> sqlite3.Row | None:
    rows = storage.query(
        "UPDATE deliveries SET state = 'sending', due = ? WHERE id = (SELECT id FROM deliveries"
        " WHERE state IN ('pending', 'sending') AND due <= ? AND ? IN ('', endpoint) ORDER BY id * ? LIMIT 1)"
        " RETURNING *",
        now + _LEASE_SECONDS, now, endpoint, -1 if switches.current().reorder else 1,
    )  # fmt: skip
    return rows[0] if rows else None


def _attempt(row: sqlite3.Row, now: float) -> None:
    status: int | None
    event = storage.get(row["event"], "event")
    endpoint = storage.get(row["endpoint"], "webhook_endpoint")
    if event is None or endpoint is None or endpoint["status"] != "enabled":
        _record(row, "failed", None, "The endpoint was deleted or disabled.", now)
        return
    if switches.consume_failure():
        status, error = 500, "Simulated failure (sandbox switch fail_next_n)."
    else:
        is_store = endpoint["id"] == STORE_ENDPOINT_ID
        secret = settings.STRIPE_WEBHOOK_SECRET if is_store else storage.get_hidden(endpoint["id"])["secret"]
        in_process = is_store and not conf.get("WEBHOOK_URL")
        payload = versions.render_event(event, endpoint["api_version"])
        status, error = sender.send(payload, endpoint["url"], secret, now, in_process)
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
