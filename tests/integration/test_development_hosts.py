"""In development the shop accepts requests for local host names and the tunnel's, and refuses others."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import run_site
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.forked_starts import start_each
from tests.integration.test_startup_checks import environment

pytestmark = pytest.mark.django_db


def test_development_allows_only_local_host_names(
    client: Client, settings: Any, icons: ProductConfiguration
) -> None:
    settings.DEBUG = True
    paths = ["/", "/store/", "/accounts/login/", "/readyz", "/dev/mail/", "/stripe-sandbox/", "/v1/products"]
    for host in ("localhost", "localhost:8000", "shop.localhost:8000", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get("/theme/", headers={"host": host}).status_code != 400, host
    for host in (
        "evil.test",
        "127.0.0.1.evil.test",
        "localhost.evil.test:8000",
        "notlocalhost",
        "0.0.0.0",
        "10.0.0.1",
    ):
        assert client.get("/theme/", headers={"host": host}).status_code == 400, host
    for path in paths:
        assert client.get(path, headers={"host": "shop.localhost:8000"}).status_code != 400, path
        assert client.get(path, headers={"host": "evil.test"}).status_code == 400, path
    assert client.post("/webhooks/stripe/", headers={"host": "evil.test"}).status_code == 400


TUNNEL = "https://demo.ngrok.app"
DEVELOPMENT = {"ENV_FILE": os.devnull, "DEBUG": "true", "STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}
SHOW = """
import json; from config.production_checks import exit_if_misconfigured; exit_if_misconfigured()
from django.conf import settings as s
print(json.dumps([s.SITE_URL, s.ALLOWED_HOSTS, s.CSRF_TRUSTED_ORIGINS, s.SESSION_COOKIE_NAME, s.SECURE_SSL_REDIRECT]))
"""


def start(folder: Path, *values: dict[str, str]) -> list[Any]:
    return start_each([environment(folder, row) for row in values], SHOW)


def test_tunnel_url_sets_hosts_and_origins(tmp_path: Path) -> None:
    local = [".localhost", "127.0.0.1", "[::1]"]
    shops = start(
        tmp_path,
        DEVELOPMENT,
        {**DEVELOPMENT, "TUNNEL_URL": f"{TUNNEL}/", "PORT": "8001"},
        {**DEVELOPMENT, "SITE_URL": "http://192.168.1.20:8000"},
        {**DEVELOPMENT, "ALLOWED_HOSTS": "a.example"},
        {"TUNNEL_URL": TUNNEL},
    )
    assert [shop.stderr for shop in shops] == [""] * 5
    plain, tunnel, lan, allowed, production = (json.loads(shop.stdout) for shop in shops)
    assert plain[:3] == ["http://127.0.0.1:8000", local, []]
    site, hosts, origins, cookie, redirects = tunnel
    assert site == TUNNEL
    assert {*local, "demo.ngrok.app"} == set(hosts)
    assert origins == [TUNNEL, "https://localhost:8001", "http://localhost:8001"]
    assert (cookie, redirects) == ("sessionid", False)  # so that http://localhost works too
    assert "192.168.1.20" in lan[1]
    assert allowed[1] == ["a.example"]
    assert production[1] == ["shop.example.com"]  # TUNNEL_URL is ignored
    assert "demo.ngrok.app" not in shops[-1].stdout


def test_invalid_values_stop_the_start_with_one_line(tmp_path: Path) -> None:
    mistakes: list[tuple[dict[str, str], str]] = [
        ({"TUNNEL_URL": "demo.ngrok.app"}, "TUNNEL_URL is 'demo.ngrok.app'"),
        ({"TUNNEL_URL": f"{TUNNEL}/path"}, "TUNNEL_URL is "),
        (
            {"TUNNEL_URL": TUNNEL, "SITE_URL": "https://shop.example.com"},
            "DEBUG is true, but SITE_URL is public",
        ),
        ({"SITE_URL": TUNNEL}, "DEBUG is true, but SITE_URL is public"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES is '-1'"),
        ({"CLIENT_IP_HEADER": "HTTP_FLY_CLIENT_IP"}, "CLIENT_IP_HEADER is 'HTTP_FLY_CLIENT_IP'"),
    ]
    starts = start(tmp_path, *({**DEVELOPMENT, **values} for values, _line in mistakes))
    for (_values, line), done in zip(mistakes, starts, strict=True):
        assert done.returncode == 1
        assert done.stderr.startswith(f"The shop does not start. {line}")
        assert done.stderr.count("\n") == 1


def test_codespaces_url_comes_from_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODESPACE_NAME", raising=False)
    assert run_site._codespaces_url(8000) == ""
    monkeypatch.setenv("CODESPACE_NAME", "orange-space-palm")
    monkeypatch.setenv("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    assert run_site._codespaces_url(8001) == "https://orange-space-palm-8001.app.github.dev"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("demo.ngrok.app", TUNNEL),
        ("demo.ngrok.app", "https://localhost:8000"),  # Codespaces replaces the origin by localhost
        ("localhost:8000", "http://localhost:8000"),
    ],
)
def test_forms_work_through_a_tunnel(ada: User, settings: Any, host: str, origin: str) -> None:
    settings.ALLOWED_HOSTS = [".localhost", "demo.ngrok.app"]
    settings.CSRF_TRUSTED_ORIGINS = [TUNNEL, "https://localhost:8000", "http://localhost:8000"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = Client(enforce_csrf_checks=True)
    headers = {"host": host, "x-forwarded-proto": "https", "origin": origin}
    page = client.get("/accounts/login/", headers=headers).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    form = {"login": ada.email, "password": "ada-buys-things", "csrfmiddlewaretoken": token}
    assert client.post("/accounts/login/", form, headers=headers).status_code == 302
    foreign = {**headers, "origin": "https://evil.test"}
    assert client.post("/accounts/login/", form, headers=foreign).status_code == 403
