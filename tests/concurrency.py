"""Run functions at the same time, each in a thread with its own database connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
import stripe
from django.db import connections

Result = TypeVar("Result")


def run_at_once(jobs: Iterable[Callable[[], Result]]) -> list[Result]:
    """Start all jobs at the same time. Return their results in the order of the jobs, or raise the first error."""
    jobs = list(jobs)
    start = Barrier(len(jobs))

    def run(job: Callable[[], Result]) -> Result:
        try:
            start.wait()
            return job()
        finally:
            connections.close_all()

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(jobs)) as pool:
        # Stripe refuses an idempotency key while a request with it runs, so these retries must wait as in production.
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.5)
        patch.setattr(stripe.HTTPClient, "MAX_DELAY", 5)
        return list(pool.map(run, jobs))
