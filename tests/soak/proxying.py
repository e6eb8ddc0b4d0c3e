"""Run the real Caddy and nginx with the shipped files in front of a test server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
needs_proxies = pytest.mark.skipif(
    not (os.environ.get("CI") or (shutil.which("caddy") and shutil.which("nginx"))),
    reason="needs Caddy and nginx, for example: apt install caddy nginx",
)
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {server}
}}
"""


@contextmanager
def caddy(folder: Path, shop: int, private: Path) -> Iterator[int]:
    port = _free_port()
    text = (ROOT / "deploy/Caddyfile").read_text()
    text = re.sub(r"^shop\.example\.com", f"http://127.0.0.1:{port}", text, flags=re.MULTILINE)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{shop}").replace("/srv/shop/var/private", str(private))
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{text}")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with _running(command, port, folder):
        yield port


@contextmanager
def nginx(folder: Path, shop: int, private: Path) -> Iterator[int]:
    port = _free_port()
    text = (ROOT / "deploy/nginx.conf").read_text().split("\nserver {\n    listen 80;")[0]
    text = re.sub(r"^    ssl_.*\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 443 ssl http2", f"listen 127.0.0.1:{port}").replace(
        "127.0.0.1:8000", f"127.0.0.1:{shop}"
    )
    text = text.replace("/srv/shop/var/private", str(private))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, server=text))
    with _running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port, folder):
        yield port


PROXIES = {"caddy": caddy, "nginx": nginx}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    log = folder / "proxy.log"
    with log.open("w") as output:
        home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=home)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
