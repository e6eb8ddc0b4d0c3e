"""What the shop does by the clock where there is no cron, in containers for one: `python -m config.cron`.

The same as deploy/crontab. Each command runs in a process of its own, so none can hold up or break the next.
On SIGTERM it lets a command that runs come to its end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """A command of manage.py, `every` so often, the first time of a day `at` so long after midnight (UTC)."""

    command: str
    every: timedelta
    at: timedelta = timedelta()


JOBS = (
    Job("reconcile_purchases", every=timedelta(minutes=10)),  # repairs, sends unsent mails, sends alerts
    Job("prune", every=timedelta(days=1), at=timedelta(hours=4, minutes=17)),  # deletes what is outdated
)


def main() -> None:
    # Check the settings in a subprocess, so that this process stays small.
    if status := subprocess.run([sys.executable, "-c", "import config.settings"], check=False).returncode:
        sys.exit(status)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    done = datetime.now(UTC)
    while not stop.wait((next_minute(done) - datetime.now(UTC)).total_seconds()):
        done = next_minute(done)
        for job in due(done):
            command = [sys.executable, "manage.py", job.command]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  one of JOBS


def next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def due(minute: datetime) -> Iterator[Job]:
    """The jobs of this minute."""
    midnight = minute.replace(hour=0, minute=0)
    return (job for job in JOBS if (minute - midnight - job.at) % job.every == timedelta())


if __name__ == "__main__":
    main()
