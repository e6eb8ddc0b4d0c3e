"""The production server: `python -m config.server`. Variables: HOST, PORT, WEB_WORKERS, WEB_THREADS.

A proxy must terminate TLS. After SIGTERM, running requests have STOP_SECONDS to finish.
"""

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from config.production_checks import exit_if_misconfigured

STOP_SECONDS = 30
MAX_HEADER_MILLISECONDS = 10_000
MAX_CONNECTIONS = 512  # in each process; many systems allow 1024 open files


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if settings.METRICS_TOKEN:
        _share_metrics()  # before prometheus_client is imported, which reads it
    exit_if_misconfigured()
    _exit_if_port_is_in_use()
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
        http1_settings=HTTP1Settings(header_read_timeout=MAX_HEADER_MILLISECONDS),
        log_level=LogLevels.warning,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    ).serve()


def _exit_if_port_is_in_use() -> None:
    """Print one line instead of granian's traceback, also if the address is not of this machine or not permitted."""
    host, port = settings.WEB_HOST, settings.WEB_PORT
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        sys.exit(f"The shop does not start. HOST {host}, PORT {port}: {os.strerror(error.errno or 0)}.")


def _share_metrics() -> None:
    """Let all processes write their metrics into one folder, which is empty at the start."""
    default = Path(tempfile.gettempdir(), f"metrics-{os.getpid()}")
    folder = Path(os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(default)))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    main()
