"""A loopback server that forwards requests to the sandbox and fails as a test asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Forward = Callable[[str, str, Mapping[str, str], bytes], tuple[str, int, Mapping[str, str]]]
HTML = "<!doctype html><title>Sign in to the hotel's network</title>"
SLOW_SECONDS = 30


@dataclass(frozen=True)
class Fault:
    """A faulty response. With `done`, Stripe processes the request before the fault."""

    status: int = 200
    body: str = ""
    done: bool = False
    slow: bool = False  # no response for SLOW_SECONDS
    share: float = 1  # share of the body that is sent
    cut: bool = False  # the connection closes before Content-Length bytes are sent
    hang_up: bool = False  # the connection closes without a response


FAULTS: dict[str, Fault] = {
    "slow": Fault(done=True, slow=True),
    "down": Fault(hang_up=True),
    "429": Fault(429, '{"error": {"type": "rate_limit_error", "message": "Too many requests", "code": "rate_limit"}}'),
    "500": Fault(500, '{"error": {"type": "api_error", "message": "Something went wrong"}}'),
    "502 from a proxy": Fault(502, HTML),
    "connection closed": Fault(done=True, share=0.5, cut=True),
    "half a body": Fault(done=True, share=0.5),
    "HTML page": Fault(200, HTML),
    "empty body": Fault(),
    "null": Fault(200, "null"),
    "empty object": Fault(200, "{}"),
    "error without message": Fault(400, '{"error": null}'),
}  # fmt: skip


# Requests are held until `stop_fault()`, and then closed without reaching Stripe ("slow": after Stripe processed them).
LOST = Fault(slow=True, hang_up=True)


class FaultyStripe:
    """`requests` are those received so far: "POST /v1/customers"."""

    def __init__(self, forward: Forward) -> None:
        self.forward, self.fault = forward, None
        self.requests: list[str] = []
        self.only, self.address = "", ""
        self._stopped, self.is_holding = threading.Event(), threading.Event()

    fault: Fault | None

    def start_fault(self, name: str, only: str = "") -> None:
        """Start a fault of FAULTS, or "lost", for all requests or those that start with `only`."""
        self._stopped.clear()
        self.is_holding.clear()
        self.fault, self.only = {**FAULTS, "lost": LOST}[name], only

    def stop_fault(self) -> None:
        self.fault = None
        self._stopped.set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{handler.command} {handler.path}")
        fault = self.fault if self.requests[-1].startswith(self.only) else None
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        is_processed = not fault or fault.done
        answer, status, headers = (
            self.forward(handler.command, handler.path, dict(handler.headers), body)
            if is_processed
            else ("", 200, {})
        )
        if fault and fault.slow:
            self.is_holding.set()
            self._stopped.wait(SLOW_SECONDS)
        if fault and not fault.done:
            answer, status = fault.body, fault.status
        if not (fault and fault.hang_up):
            _send(handler, answer, status, headers, fault)


def _send(handler: Any, answer: str, status: int, headers: Mapping[str, str], fault: Fault | None) -> None:
    full_body = answer.encode()
    sent = full_body[: int(len(full_body) * (fault.share if fault else 1))]
    handler.send_response(status)
    forwarded = {
        name: value for name, value in headers.items() if name.lower() in ("request-id", "stripe-version")
    }
    content_length = len(full_body) if fault and fault.cut else len(sent)
    for name, value in {
        **forwarded,
        "Content-Type": "application/json",
        "Content-Length": str(content_length),
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(sent)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection after their timeout."""


@contextmanager
def faulty_stripe(forward: Forward) -> Iterator[FaultyStripe]:
    """Run the server on a free port."""
    stripe = FaultyStripe(forward)

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                stripe.answer(self)
            self.close_connection = True

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        stripe.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stripe
        finally:
            stripe.stop_fault()
            server.shutdown()
            thread.join()
