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
GUNICORN_FOLDER = FOLDER / "gunicorn"
SERVER_COMMAND = [
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
PAGES = {"health check": ("/healthz", {}), "anonymous store page": ("/store/", shops.ACCEPTS_GZIP)}


def measure(rounds: int) -> list[Row]:
    _install()
    setup_command = ["-m", "tests.benchmarks.setup_shop", "100", "10", "0"]
    path = os.pathsep.join([str(GUNICORN_FOLDER), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    other = temporary_shop(setup_command, SERVER_COMMAND, **shops.SETTINGS, PYTHONPATH=path)
    with shops.shop(100, 10, 0) as (ours, _people), shops.served_on_own_core(other) as gunicorn:
        return [_compare(name, ours.port, gunicorn.port, *ask, rounds) for name, ask in PAGES.items()]


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
    if not (GUNICORN_FOLDER / "gunicorn").is_dir():
        print(f"Installing {GUNICORN} in var/bench/ (once)", flush=True)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--target",
            GUNICORN_FOLDER,
        ]
        subprocess.run([*pip, GUNICORN], check=True)
