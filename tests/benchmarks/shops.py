"""Run a filled production shop on its own core; the load uses the remaining cores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from typing import Any

from scripts.temporary_shop import Shop, temporary_shop

SETUP = (
    "Each server is one process of eight threads on its own core, the load comes from another core over eight "
    "connections, and compared servers take turns. Values are medians of the rounds."
)
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings",
    "DEBUG": "false",
    "SECRET_KEY": "for-benchmarks-only-and-long-enough-to-pass-the-checks-0123456789",
    "ALLOWED_HOSTS": "127.0.0.1",
    "STRIPE_SECRET_KEY": "sk_test_bench",
    "STRIPE_WEBHOOK_SECRET": "whsec_bench",
    "STRIPE_SANDBOX": "false",
    "RATE_LIMITS": "poll=1000000000/m/user",  # counted, but never reached
    "WEB_WORKERS": "1",
    "EMAIL_URL": "django.core.mail.backends.dummy.EmailBackend",
}
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
ACCEPTS_GZIP = {"Accept-Encoding": "gzip"}


@contextmanager
def shop(
    products: int, purchases: int, waiting: int, *, on_own_core: bool = True, **more: str
) -> Iterator[tuple[Shop, dict[str, Any]]]:
    """Run a shop; return it with the cookies and URLs of its buyers (setup_shop.py)."""
    setup_command = ["-m", "tests.benchmarks.setup_shop", str(products), str(purchases), str(waiting)]
    server = temporary_shop(setup_command, ["-m", "config.server"], **SETTINGS | more)
    with served_on_own_core(server) if on_own_core else server as running:
        yield running, json.loads(running.output.strip().splitlines()[-1])


@contextmanager
def served_on_own_core(server: AbstractContextManager[Shop]) -> Iterator[Shop]:
    """Run the server on the first core, and this process on the rest."""
    with _pinned_to(CORES[:1]), server as running, _pinned_to(CORES[1:] or CORES):
        yield running


@contextmanager
def _pinned_to(cores: list[int]) -> Iterator[None]:
    """Pin child processes to these cores; macOS does not support it."""
    if not CORES:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def get(port: int, path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    answer = (
        response.status,
        {name.lower(): value for name, value in response.headers.items()},
        response.read(),
    )
    connection.close()
    return answer
