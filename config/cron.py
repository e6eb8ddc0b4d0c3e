"""Run the commands of deploy/crontab without cron, for example in a container: `python -m config.cron`.

Each command runs in a new process. After SIGTERM the current command is finished.
"""

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Job(NamedTuple):
    command: str
    every: timedelta
    at: timedelta = timedelta()  # time of the day's first run (UTC)


JOBS = (
    Job("reconcile_purchases", every=timedelta(minutes=10)),
    Job("prune", every=timedelta(days=1), at=timedelta(hours=4, minutes=17)),
)


def main() -> None:
    # A subprocess checks the settings, so that this process needs little memory.
    if status := subprocess.run([sys.executable, "-c", "import config.settings"], check=False).returncode:
        sys.exit(status)
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    minute = next_minute(datetime.now(UTC))
    while not stop.wait((minute - datetime.now(UTC)).total_seconds()):
        for job in due_jobs(minute):
            command = [sys.executable, "manage.py", job.command]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603  one of JOBS
        minute = next_minute(minute)


def next_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def due_jobs(minute: datetime) -> list[Job]:
    midnight = minute.replace(hour=0, minute=0)
    return [job for job in JOBS if (minute - midnight - job.at) % job.every == timedelta()]


if __name__ == "__main__":
    main()
