"""The production server: `python -m config.server`. Granian: it answers somewhat more than gunicorn (README, Measured).

From the environment: HOST (127.0.0.1) and PORT (8000) to listen on, WEB_WORKERS processes (one a core, two at least),
WEB_THREADS in each (8: they wait, for Stripe or for a lock, more than they work). TLS belongs to the proxy before it.
A stop (SIGTERM) takes no new requests and lets those under way end, for at most STOP_SECONDS.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from django.conf import settings
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from config.production_checks import refuse_to_start

STOP_SECONDS = 30
SLOWEST_HEADERS = 10_000  # ms: who sends them more slowly is not a browser
MAX_CONNECTIONS = (
    512  # open in each process, idle ones included: many systems allow a process 1024 open files
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if settings.METRICS_TOKEN:
        _share_metrics()  # before prometheus_client is imported
    refuse_to_start()
    Server(
        "config.wsgi:application",
        interface=Interfaces.WSGI,
        address=settings.WEB_HOST,
        port=settings.WEB_PORT,
        workers=settings.WEB_WORKERS,
        blocking_threads=settings.WEB_THREADS,
        backpressure=MAX_CONNECTIONS,
        backlog=1024,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=SLOWEST_HEADERS),
        log_level=LogLevels.warning,
        log_access=False,  # the site's own line says more
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    ).serve()


def _share_metrics() -> None:
    """Each process counts into a file of this folder; a new start counts from nothing, as Prometheus expects."""
    folder = os.environ.setdefault(
        "PROMETHEUS_MULTIPROC_DIR", os.path.join(tempfile.gettempdir(), f"metrics-{os.getpid()}")
    )
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)


if __name__ == "__main__":
    main()
