"""A shop on a free port that lives only as long as somebody looks at it, with an empty folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30


@dataclass(frozen=True)
class Shop:
    address: str
    said: str  # what the preparation printed
    folder: Path  # its VAR_DIR
    pid: int


@contextmanager
def throwaway_shop(prepare: Sequence[str], serve: Sequence[str], **environment: str) -> Iterator[Shop]:
    """Runs `prepare`, then `serve`, both Python's arguments; "{port}" in them is the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        variables = {
            **os.environ,
            "ENV_FILE": os.devnull,
            "VAR_DIR": folder,
            "SITE_URL": address,
            "PORT": port,
            "STRIPE_SECRET_KEY": "",
            **environment,
        }

        def command(arguments: Sequence[str]) -> list[str]:
            return [sys.executable, *(argument.replace("{port}", port) for argument in arguments)]

        prepared = subprocess.run(
            command(prepare), cwd=ROOT, env=variables, check=True, stdout=subprocess.PIPE, text=True
        )
        log = Path(folder, "server.log")
        with log.open("w") as output:
            server = subprocess.Popen(command(serve), cwd=ROOT, env=variables, stdout=output, stderr=output)
        try:
            if not _answers(f"{address}/healthz", server):
                sys.exit(f"The shop did not start.\n{log.read_text()}")
            yield Shop(address, prepared.stdout, Path(folder), server.pid)
        finally:
            server.terminate()
            server.wait()


def _answers(url: str, server: subprocess.Popen) -> bool:
    for _ in range(START_SECONDS * 10):
        try:
            urllib.request.urlopen(url).close()
            return True
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    return False
