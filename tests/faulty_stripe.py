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
    """What goes wrong, and whether Stripe has done what it was asked to before."""

    status: int = 200
    body: str = ""
    done: bool = False
    slow: bool = False  # no response for SLOW_SECONDS
    share: float = 1  # of the body that is sent; the rest never comes
    cut: bool = False  # the connection is closed before the promised end
    hang_up: bool = False  # without a word


FAULTS: dict[str, Fault] = {
    "slow": Fault(done=True, slow=True),
    "down": Fault(hang_up=True),
    "429": Fault(429, '{"error": {"type": "rate_limit_error", "message": "Too many requests", "code": "rate_limit"}}'),
    "500": Fault(500, '{"error": {"type": "api_error", "message": "Something went wrong"}}'),
    "502 of a proxy": Fault(502, HTML),
    "connection cut": Fault(done=True, share=0.5, cut=True),
    "half an answer": Fault(done=True, share=0.5),
    "a page": Fault(200, HTML),
    "nothing": Fault(),
    "null": Fault(200, "null"),
    "an empty object": Fault(200, "{}"),
    "an error without words": Fault(400, '{"error": null}'),
}  # fmt: skip


# Requests that are held until `heals()`: they never came to Stripe, or its answer is on its way ("slow").
LOST = Fault(slow=True, hang_up=True)


class FaultyStripe:
    """`breaks("500")`, `heals()`; `asked` are the requests until now, "POST /v1/customers"."""

    def __init__(self, forward: Forward) -> None:
        self.forward, self.fault = forward, None
        self.asked: list[str] = []
        self.only, self.address = "", ""
        self._healed, self.holding = threading.Event(), threading.Event()

    fault: Fault | None

    def breaks(self, name: str, only: str = "") -> None:
        """One of FAULTS or "lost", for all requests or those that begin with `only` ("POST /v1/customers")."""
        self._healed.clear()
        self.holding.clear()
        self.fault, self.only = {**FAULTS, "lost": LOST}[name], only

    def heals(self) -> None:
        self.fault = None
        self._healed.set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        fault = self.fault if self.asked[-1].startswith(self.only) else None
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        real = not fault or fault.done
        answer, status, headers = (
            self.forward(handler.command, handler.path, dict(handler.headers), body)
            if real
            else ("", 200, {})
        )
        if fault and fault.slow:
            self.holding.set()
            self._healed.wait(SLOW_SECONDS)
        if fault and not fault.done:
            answer, status = fault.body, fault.status
        if not (fault and fault.hang_up):
            _send(handler, answer, status, headers, fault)


def _send(handler: Any, answer: str, status: int, headers: Mapping[str, str], fault: Fault | None) -> None:
    whole = answer.encode()
    sent = whole[: int(len(whole) * (fault.share if fault else 1))]
    handler.send_response(status)
    kept = {
        name: value for name, value in headers.items() if name.lower() in ("request-id", "stripe-version")
    }
    promised = len(whole) if fault and fault.cut else len(sent)
    for name, value in {**kept, "Content-Type": "application/json", "Content-Length": str(promised)}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(sent)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection after their timeout."""


@contextmanager
def faulty_stripe(forward: Forward) -> Iterator[FaultyStripe]:
    """Runs it on a free port."""
    stripe = FaultyStripe(forward)

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                stripe.answer(self)
            self.close_connection = True

        def log_message(self, *args: Any) -> None:
            """A test that fails says enough."""

    with _Quiet(("127.0.0.1", 0), Handler) as server:
        stripe.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stripe
        finally:
            stripe.heals()
            server.shutdown()
            thread.join()
