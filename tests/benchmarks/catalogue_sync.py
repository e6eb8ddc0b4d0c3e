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
DJ_STRIPE_OBJECTS = 1_000  # dj-stripe's time grows linearly, and 10,000 take a minute


def measure(rounds: int) -> list[Row]:
    shop_times, dj_stripe_times, migrate_times = [], [], []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="copy-") as folder:
            environment = {**os.environ, **shops.SETTINGS, "ENV_FILE": os.devnull, "VAR_DIR": folder}
            before = os.times()
            _measure_seconds([sys.executable, "manage.py", "migrate", "-v", "0"], ROOT, environment)
            migrate_times.append(os.times().children_user - before.children_user)
            environment["PREPARED_OBJECTS"] = str(OBJECTS)
            command = [sys.executable, "manage.py", "bootstrap_ecommerce"]
            idle = _measure_seconds([*command, "--help"], ROOT, environment)
            shop_times.append(_measure_seconds([*command, "-v", "0"], ROOT, environment) - idle)
        dj_stripe_times.append(_sync_with_dj_stripe() * OBJECTS / DJ_STRIPE_OBJECTS)
    ratio = median(slow / fast for slow, fast in zip(dj_stripe_times, shop_times, strict=True))
    detail = f"{median(shop_times):.1f} s against {median(dj_stripe_times):.0f} s, without starting Python and Django"
    return [
        at_least(f"{OBJECTS:,} products and prices: times dj-stripe", ratio, 12, detail),
        at_most(
            "migrate from empty", median(migrate_times), 3, " s", "of CPU time, including the start of Python"
        ),
    ]


def _sync_with_dj_stripe() -> float:
    """Return the seconds of dj-stripe's sync, without starting Python and Django."""
    with dj_stripe.project() as (folder, environment):
        environment["PREPARED_OBJECTS"] = str(DJ_STRIPE_OBJECTS)
        command = [str(dj_stripe.PYTHON), "-m", "django", "djstripe_sync_models"]
        idle = _measure_seconds([*command, "--help"], folder, environment)
        return _measure_seconds([*command, "product", "price"], folder, environment) - idle


def _measure_seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
