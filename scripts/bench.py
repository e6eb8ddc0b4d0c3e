"""`make bench`: compare the shop's speed with a bare Django view, with dj-stripe, and with a smaller shop.

    .venv/bin/python scripts/bench.py [pages] [webhooks] [catalogue_sync] [waiting] [growth] [servers]

Each part starts temporary shops in production mode. The first run installs dj-stripe and gunicorn into var/bench.
ROUNDS=7 sets the number of repetitions. Prints the results and writes them to var/bench/report.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.benchmarks import catalogue_sync, growth, pages, servers, waiting, webhooks  # noqa: E402
from tests.benchmarks.report import Report  # noqa: E402
from tests.benchmarks.shops import SETUP  # noqa: E402

PARTS = {
    "pages": ("Pages, against a Django view of 8 KB behind Django's default middleware", pages.measure),
    "webhooks": ("Webhooks, against dj-stripe 2.11", webhooks.measure),
    "catalogue_sync": ("The catalogue, against dj-stripe 2.11", catalogue_sync.measure),
    "waiting": ("Buyers who wait", waiting.measure),
    "servers": ("Servers", servers.measure),
    "growth": ("Growth", growth.measure),
}


def main() -> None:
    rounds = int(os.environ.get("ROUNDS") or 7)
    report = Report(SETUP)
    for name in sys.argv[1:] or PARTS:
        title, measure = PARTS[name]
        report.add(title, measure(rounds))
    print(f"\n{report.write().relative_to(ROOT)}")
    for target in report.missed:
        print(f"missed: {target}")


if __name__ == "__main__":
    main()
