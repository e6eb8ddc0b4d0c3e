"""Queries and time of uncached pages with ten products and with a hundred thousand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import shops
from tests.benchmarks.report import Row

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = ((10, 1_000), (1_000, 100_000), (100_000, 1_000_000))  # (products, purchases)


def measure(rounds: int) -> list[Row]:
    """Measure on SQLite, and on PostgreSQL where it is installed."""
    databases = ["SQLite", "PostgreSQL"] if _has_postgres() else ["SQLite"]
    rows = []
    for database in databases:
        found = {size: _measure_size(database, *size) for size in SIZES}
        rows += [
            _row_of_page(f"{database}: {page}", [pages[page] for pages in found.values()])
            for page in found[SIZES[0]]
        ]
    return rows


def _row_of_page(page: str, found: list[tuple[int, float]]) -> Row:
    """Return a row that fails if the number of queries grows."""
    counts = {queries for queries, _ms in found}
    text = " · ".join(f"{queries} queries, {ms:.1f} ms" for queries, ms in found)
    return Row(page, text, "the same queries", len(counts) == 1)


def _measure_size(database: str, products: int, purchases: int) -> dict[str, tuple[int, float]]:
    with ExitStack() as stack:
        environment = {**os.environ, **shops.SETTINGS, "ENV_FILE": os.devnull, "LOG_LEVEL": "ERROR"}
        environment["VAR_DIR"] = stack.enter_context(TemporaryDirectory(prefix="growth-"))
        if database == "PostgreSQL":
            from scripts.temporary_servers import postgres

            environment["DATABASE_URL"] = stack.enter_context(postgres())[0]
        command = [sys.executable, "-m", "tests.benchmarks.measure_size", str(products), str(purchases)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        print(f"{database}, {products:,} products, {purchases:,} purchases: measured", flush=True)
        return {page: tuple(found) for page, found in json.loads(done.stdout.splitlines()[-1]).items()}


def _has_postgres() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
