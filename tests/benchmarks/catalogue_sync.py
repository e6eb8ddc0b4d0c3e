"""Time the catalogue sync against dj-stripe's, both with Stripe in memory, and migrating an empty database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.benchmarks import dj_stripe, shops
from tests.benchmarks.report import Row, at_least, at_most

ROOT = Path(__file__).resolve().parent.parent.parent
OBJECTS = 10_000  # products, and as many prices
THEIRS = 1_000  # dj-stripe needs a minute for all of them, and the same time for each


def measure(rounds: int) -> list[Row]:
    ours, theirs, fresh = [], [], []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="copy-") as folder:
            environment = {**os.environ, **shops.SETTINGS, "ENV_FILE": os.devnull, "VAR_DIR": folder}
            before = os.times()
            _timed([sys.executable, "manage.py", "migrate", "-v", "0"], ROOT, environment)
            fresh.append(os.times().children_user - before.children_user)
            environment["PREPARED_OBJECTS"] = str(OBJECTS)
            command = [sys.executable, "manage.py", "bootstrap_ecommerce"]
            idle = _timed([*command, "--help"], ROOT, environment)
            ours.append(_timed([*command, "-v", "0"], ROOT, environment) - idle)
        theirs.append(_sync_with_dj_stripe() * OBJECTS / THEIRS)
    ratio = median(slow / fast for slow, fast in zip(theirs, ours, strict=True))
    detail = (
        f"{median(ours):.1f} s against {median(theirs):.0f} s, both without the start of Python and of Django"
    )
    return [
        at_least(f"{OBJECTS:,} products and prices: times dj-stripe", ratio, 12, detail),
        at_most("migrate from empty", median(fresh), 3, " s", "of a processor; with the start of Python"),
    ]


def _sync_with_dj_stripe() -> float:
    """Return the seconds of dj-stripe's sync, without starting Python and Django."""
    with dj_stripe.project() as (folder, environment):
        environment["PREPARED_OBJECTS"] = str(THEIRS)
        command = [str(dj_stripe.PYTHON), "-m", "django", "djstripe_sync_models"]
        idle = _timed([*command, "--help"], folder, environment)
        return _timed([*command, "product", "price"], folder, environment) - idle


def _timed(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
