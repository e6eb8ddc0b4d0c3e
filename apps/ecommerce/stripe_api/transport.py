"""HTTP transport of the Stripe SDK: a deadline for each page, and only stripe.StripeError for failures."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, TypeAlias

import stripe

TIMEOUT_SECONDS = 8  # timeout of one attempt
DEADLINE_SECONDS = 7  # limit for all requests and retries of one page
PAUSE_SECONDS = 5  # pause after a missed deadline
MAX_CONCURRENT_REQUESTS = 32  # requests with a deadline, in each process

Response: TypeAlias = tuple[Any, int, Mapping[str, str]]
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def stripe_deadline(seconds: float = 0) -> Iterator[None]:
    """Limit all requests in the block to these seconds together. Later ones raise stripe.APIConnectionError.

    0 is DEADLINE_SECONDS. Views use it. Commands and the worker have no deadline.
    """
    token = _deadline.set(time.monotonic() + (seconds or DEADLINE_SECONDS))
    try:
        yield
    finally:
        _deadline.reset(token)


class DeadlineClient(stripe.RequestsClient):
    """Apply stripe_deadline. After a missed deadline, requests fail at once for PAUSE_SECONDS.

    Without the pause, an unresponsive Stripe would occupy every thread of the web server. After the pause, one request
    is sent first.
    """

    def __init__(self) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS)
        # A socket's timeout restarts with each IP address and each byte, so a deadline needs a second thread.
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS, thread_name_prefix="stripe")
        self._lock, self._paused_until = Lock(), 0.0

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> Response:
        deadline = _deadline.get()
        if deadline is None:
            return self._send(method, url, headers, post_data)
        self._refuse_while_paused(deadline)
        future = self._pool.submit(self._send, method, url, headers, post_data)
        try:
            response = future.result(timeout=max(deadline - time.monotonic(), 0))
        except TimeoutError:
            future.cancel()
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            raise _connection_error("Stripe took too long to answer.") from None
        except stripe.APIConnectionError:
            self._paused_until = 0  # an immediate error blocks no thread, so no pause is needed
            raise
        self._paused_until = 0
        return response

    def _refuse_while_paused(self, deadline: float) -> None:
        with self._lock:
            if time.monotonic() < self._paused_until:
                raise _connection_error("Stripe did not answer a moment ago.")
            if self._paused_until:  # send this request; other requests fail until it has finished
                self._paused_until = deadline + PAUSE_SECONDS

    def _send(self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any) -> Response:
        body, status, response_headers = super().request(method, url, headers, post_data)
        if not _is_from_stripe(body):
            message = f"The response with status {status} is not one of Stripe's API."
            raise _connection_error(message, should_retry=True)
        return body, status, response_headers


def _is_from_stripe(body: bytes) -> bool:
    """Return whether the body is a complete object, list or error of Stripe's API, not a proxy's page."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(data, dict):
        return False
    if data.get("object") == "list":
        return isinstance(data.get("data"), list)
    return isinstance(data.get("id"), str) or isinstance(data.get("error"), dict)


def _connection_error(message: str, *, should_retry: bool = False) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(message, should_retry=should_retry)  # type: ignore[no-untyped-call]
