"""A temporary shop on a free port, with an empty folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30


@dataclass(frozen=True)
class Shop:
    address: str
    port: int
    pid: int
    folder: Path  # its VAR_DIR
    said: str = ""  # the output of `prepare`


@contextmanager
def throwaway_shop(prepare: Sequence[str], serve: Sequence[str], **environment: str) -> Iterator[Shop]:
    """Run `prepare`, then `serve`. Both are arguments of Python, with "{port}" for the port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="shop-") as folder:
        variables = {
            **os.environ,
            "ENV_FILE": os.devnull,
            "VAR_DIR": folder,
            "SITE_URL": f"http://127.0.0.1:{port}",
            "STRIPE_SECRET_KEY": "",
            **environment,
        }

        def command(arguments: Sequence[str]) -> list[str]:
            return [sys.executable, *(argument.replace("{port}", str(port)) for argument in arguments)]

        prepared = subprocess.run(
            command(prepare), cwd=ROOT, env=variables, check=True, stdout=subprocess.PIPE, text=True
        )
        with served(command(serve), ROOT, Path(folder), variables, port, prepared.stdout) as shop:
            yield shop


@contextmanager
def served(
    command: Sequence[str],
    cwd: Path,
    folder: Path,
    environment: Mapping[str, str],
    port: int = 0,
    said: str = "",
) -> Iterator[Shop]:
    """Start a server, and wait until it answers /healthz; its log is in `folder`."""
    port = port or free_port()
    log, variables = folder / "server.log", {**environment, "PORT": str(port)}
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=cwd, env=variables, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    try:
        if not _answers(f"{address}/healthz", server):
            sys.exit(f"The shop did not start.\n{log.read_text()}")
        yield Shop(address, port, server.pid, folder, said)
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


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
