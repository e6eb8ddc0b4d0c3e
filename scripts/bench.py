"""`make bench`: how fast the shop is, in ratios: against a bare view, against dj-stripe, and against itself when small.

    .venv/bin/python scripts/bench.py [pages] [intake] [copying] [waiting] [growth] [servers]

Each part starts the shop as in production, on free ports and with databases of its own, and throws them away. It needs
no load generator; dj-stripe and gunicorn are installed into var/bench the first time. ROUNDS=7 is how often all that is
compared takes turns. Prints tables and writes them into var/bench/report.md; misses are said, and fail nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.benchmarks import copying, growth, intake, pages, servers, waiting  # noqa: E402
from tests.benchmarks.report import Report  # noqa: E402
from tests.benchmarks.shops import ARRANGEMENT  # noqa: E402

PARTS = {
    "pages": ("Pages, against a Django view of 8 KB behind Django's default middleware", pages.measure),
    "intake": ("Webhooks, against dj-stripe 2.11", intake.measure),
    "copying": ("The catalogue, against dj-stripe 2.11", copying.measure),
    "waiting": ("Buyers who wait", waiting.measure),
    "servers": ("Servers", servers.measure),
    "growth": ("Growth", growth.measure),
}


def main() -> None:
    rounds = int(os.environ.get("ROUNDS") or 7)
    report = Report(ARRANGEMENT)
    for name in sys.argv[1:] or PARTS:
        title, measure = PARTS[name]
        report.add(title, measure(rounds))
    place = report.write()
    print(f"\n{place.relative_to(ROOT)}")
    for what in report.missed:
        print(f"missed: {what}")


if __name__ == "__main__":
    main()
