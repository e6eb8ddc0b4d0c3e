"""The production server behind the real Caddy, with the shipped Caddyfile, and the real nginx.

conftest.py leaves this file out where one of the two programs is missing: apt install caddy nginx.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from throwaway_shop import Shop, free_port, throwaway_shop

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-test"
SHOPPER, OTHER = "127.0.0.2", "127.0.0.3"  # all of 127.0.0.0/8 is this machine
MADE_UP = "192.0.2.66"
FORGERIES: list[tuple[tuple[str, str], ...]] = [
    (),
    (("X-Forwarded-For", MADE_UP),),
    (("X-Forwarded-For", MADE_UP), ("X-Forwarded-For", MADE_UP)),
    (("X_Forwarded_For", MADE_UP),),
    (("X-Forwarded_For", MADE_UP), ("x_forwarded-for", MADE_UP)),
    (("X_FORWARDED_FOR", MADE_UP), ("X-Forwarded-For", MADE_UP), ("_", MADE_UP)),
    (("X_Forwarded_Proto", "https"), ("X-Forwarded-Proto", "https")),
    (("X_Forwarded_Host", "evil.test"), ("X-Forwarded-Host", "evil.test")),
]
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{shop};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "of the shop behind proxies",
        "DEBUG": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
        "STRIPE_SANDBOX": "true",
        "BEHIND_TLS_PROXY": "true",
        "METRICS_TOKEN": TOKEN,
        "DATABASE_URL": "",  # its own SQLite file: processes of a parallel run must not share one database
        "CACHE_URL": "",
        "WEB_WORKERS": "1",
    }
    with throwaway_shop(["manage.py", "migrate", "-v0"], ["-m", "config.serve"], **environment) as shop:
        yield shop


@pytest.fixture(params=["caddy", "nginx"])
def port(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> Iterator[int]:
    """Where the proxy listens."""
    port = free_port()
    if request.param == "caddy":
        shipped = (ROOT / "deploy/Caddyfile").read_text()
        local = re.sub(r"^shop\.example\.com", f"http://127.0.0.1:{port}", shipped, flags=re.MULTILINE)
        local = local.replace("127.0.0.1:8000", f"127.0.0.1:{shop.port}")
        config = tmp_path / "Caddyfile"
        config.write_text(f"{{\n\tadmin off\n}}\n{local}")
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
    else:
        config = tmp_path / "nginx.conf"
        config.write_text(NGINX.format(folder=tmp_path, port=port, shop=shop.port))
        command = ["nginx", "-p", str(tmp_path), "-c", str(config)]
    with running(command, port, tmp_path):
        yield port


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    log = folder / "log"
    home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    with log.open("w") as output:
        proxy = subprocess.Popen(command, stdout=output, stderr=output, env=home)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert proxy.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        proxy.terminate()
        proxy.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, *sent: tuple[str, str], client: str = SHOPPER) -> dict[str, Any]:
    """What the site knows of a request with these very headers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20, source_address=(client, 0))
    connection.putrequest("GET", "/readyz")
    for name, value in (("Authorization", f"Bearer {TOKEN}"), *sent):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    connection.close()
    assert response.status == 200, answer
    return answer


@pytest.mark.parametrize(
    "sent", FORGERIES, ids=lambda sent: ",".join(name for name, _value in sent) or "nothing"
)
def test_no_header_of_the_client_changes_who_it_is(port: int, sent: tuple[tuple[str, str], ...]) -> None:
    for client in (SHOPPER, OTHER):
        known = ask(port, *sent, client=client)
        assert known["client_address"] == client
        assert known["hops"][-2:] == [client, "127.0.0.1"]
        assert known["https"] is False
