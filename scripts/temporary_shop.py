from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from temporary_servers import free_port

ROOT = Path(__file__).resolve().parent.parent
MAX_START_SECONDS = 30


@dataclass(frozen=True)
class Shop:
    url: str
    port: int
    pid: int
    folder: Path  # the VAR_DIR of the shop
    output: str = ""  # the output of `prepare`


@contextmanager
def temporary_shop(prepare: Sequence[str], serve: Sequence[str], **environment: str) -> Iterator[Shop]:
    """Run `prepare`, then `serve`, with an empty VAR_DIR. Both are arguments of Python; "{port}" is replaced."""
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
        with run_server(command(serve), ROOT, Path(folder), variables, port, prepared.stdout) as shop:
            yield shop


@contextmanager
def run_server(
    command: Sequence[str],
    cwd: Path,
    folder: Path,
    environment: Mapping[str, str],
    port: int = 0,
    output: str = "",
) -> Iterator[Shop]:
    """Start a server, and wait until it answers /healthz. Its log is in `folder`."""
    port = port or free_port()
    log, variables = folder / "server.log", {**environment, "PORT": str(port)}
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=cwd, env=variables, stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}"
    try:
        if not _is_up(f"{url}/healthz", server):
            sys.exit(f"The shop did not start.\n{log.read_text()}")
        yield Shop(url, port, server.pid, folder, output)
    finally:
        server.terminate()
        server.wait()


def _is_up(url: str, server: subprocess.Popen) -> bool:
    for _ in range(MAX_START_SECONDS * 10):
        try:
            urllib.request.urlopen(url).close()
            return True
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    return False
