"""Compare granian with gunicorn, each with one process of eight threads."""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

from scripts.temporary_shop import temporary_shop
from tests.benchmarks import load, shops
from tests.benchmarks.report import FOLDER, Row

GUNICORN = "gunicorn==27.0.1"
PLACE = FOLDER / "gunicorn"
SERVE = [
    "-m",
    "gunicorn",
    "config.wsgi:application",
    "-b",
    "127.0.0.1:{port}",
    "--threads",
    "8",
    "--keep-alive",
    "75",
]
SECONDS = 1.0
ASKED = {"health check": ("/healthz", {}), "anonymous store page": ("/store/", shops.ZIPPED)}


def measure(rounds: int) -> list[Row]:
    _install()
    furnish = ["-m", "tests.benchmarks.setup_shop", "100", "10", "0"]
    path = os.pathsep.join([str(PLACE), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    other = temporary_shop(furnish, SERVE, **shops.SETTINGS, PYTHONPATH=path)
    with shops.shop(100, 10, 0) as (ours, _people), shops.served_on_own_core(other) as gunicorn:
        return [_compare(name, ours.port, gunicorn.port, *ask, rounds) for name, ask in ASKED.items()]


def _compare(name: str, ours: int, other: int, path: str, headers: dict[str, str], rounds: int) -> Row:
    rates: dict[int, list[float]] = {ours: [], other: []}
    for _ in range(rounds):
        for port, found in rates.items():
            ask = [load.request(port, path, headers=headers)]
            found.append(load.run_for(port, ask, SECONDS).per_second)
    ratio = median(one / two for one, two in zip(rates[ours], rates[other], strict=True))
    detail = f"{median(rates[ours]):.0f} a second against {median(rates[other]):.0f}"
    return Row(f"{name}: granian, times gunicorn", f"{ratio:.2f} ({detail})")


def _install() -> None:
    if not (PLACE / "gunicorn").is_dir():
        print(f"Installing {GUNICORN} beside the project (once)", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", PLACE]
        subprocess.run([*pip, GUNICORN], check=True)
