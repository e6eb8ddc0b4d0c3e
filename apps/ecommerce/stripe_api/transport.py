"""The SDK's way over the network, with two promises that the SDK itself does not make.

No page waits for Stripe longer than PATIENCE_SECONDS, however many requests and tries it takes; and whatever comes
back that is no answer of Stripe's (a proxy's page, half a body) is a stripe.StripeError, like any other failure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock, local
from typing import Any, ClassVar, TypeAlias

import requests
import stripe

TIMEOUT_SECONDS = 8  # of one try
PATIENCE_SECONDS = 7  # of one page, all requests and tries together; with all else it stays below ten
PAUSE_SECONDS = 5  # after a page has waited in vain, the others go on without Stripe
MOST_AT_ONCE = 32  # pages' requests to Stripe from one process

Answer: TypeAlias = tuple[Any, int, Mapping[str, str]]
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def somebody_waits() -> Iterator[None]:
    """In here Stripe has PATIENCE_SECONDS for everything it is asked; after them stripe.APIConnectionError."""
    token = _deadline.set(time.monotonic() + PATIENCE_SECONDS)
    try:
        yield
    finally:
        _deadline.reset(token)


class PatientClient(stripe.HTTPClient):
    """Requests with a deadline, and a memory of Stripe being away. Commands and the worker have no deadline.

    A Stripe that hangs would keep every thread of the web server busy with waiting, and the whole shop with it. So
    after one page has waited in vain, others don't: one of them tries every PAUSE_SECONDS, until Stripe is back.
    """

    name: ClassVar[str] = "patient"

    def __init__(self) -> None:
        super().__init__()
        # A socket's timeout counts anew for each address and each byte: only another thread can be left alone in time.
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="stripe")
        self._sessions = local()
        self._lock, self._away_until = Lock(), 0.0

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> Answer:
        deadline = _deadline.get()
        if deadline is None:
            return self._send(method, url, headers, post_data)
        self._may_try(deadline)
        waiting = self._pool.submit(self._send, method, url, headers, post_data)
        try:
            answer = waiting.result(timeout=max(deadline - time.monotonic(), 0))
        except TimeoutError:
            waiting.cancel()
            self._away_until = time.monotonic() + PAUSE_SECONDS
            raise _no_answer("Stripe took too long to answer.") from None
        except stripe.APIConnectionError:
            self._away_until = 0  # quick to say so: nobody is kept waiting
            raise
        self._away_until = 0
        return answer

    def _may_try(self, deadline: float) -> None:
        with self._lock:
            if time.monotonic() < self._away_until:
                raise _no_answer("Stripe did not answer a moment ago.")
            if self._away_until:  # this one tries; the others wait for what comes of it
                self._away_until = deadline + PAUSE_SECONDS

    def _send(self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any) -> Answer:
        """One try, by the SDK's own client."""
        if not hasattr(self._sessions, "mine"):
            self._sessions.mine = requests.Session()  # a thread's own; it keeps the connection
        client = stripe.RequestsClient(timeout=TIMEOUT_SECONDS, session=self._sessions.mine)
        body, status, answered = client.request(method, url, headers, post_data)
        if not _is_stripes(body):
            raise _no_answer(f"What came back with status {status} is no answer of Stripe's.", retry=True)
        return body, status, answered

    def close(self) -> None:
        self._pool.shutdown(wait=False)


def _is_stripes(body: bytes) -> bool:
    """An object, a list of them, or an error. https://docs.stripe.com/api/errors"""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(answer, dict):
        return False
    if answer.get("object") == "list":
        return isinstance(answer.get("data"), list)
    return isinstance(answer.get("id"), str) or isinstance(answer.get("error"), dict)


def _no_answer(words: str, *, retry: bool = False) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(words, should_retry=retry)  # type: ignore[no-untyped-call]
