"""Behind each proxy that the shop is set up for, every shopper has their own address, and nobody chooses it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
import pytest
import requests
import run_site
import yaml
from django.test import Client, RequestFactory

from apps.ecommerce.doctor_proxies import MADE_UP, examine_proxies
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from apps.web.client_address import client_address
from tests.integration.test_launch import python
from tests.proxies import FRONTS, Front, through

pytestmark = pytest.mark.django_db

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ADA, BOB = "198.51.100.7", "198.51.100.8"
NAMES = ("BEHIND_TLS_PROXY", "TRUSTED_PROXIES", "CLIENT_IP_HEADER")


def deployed(front: str) -> dict[str, str]:
    """The environment that the shipped files give a shop behind this proxy."""
    if front == "fly":
        return dict(tomllib.loads((DEPLOY / "fly.toml").read_text())["env"])
    if front == "render":
        (group,) = yaml.safe_load((DEPLOY / "render.yaml").read_text())["envVarGroups"]
        return {row["key"]: row["value"] for row in group["envVars"]}
    lines = (DEPLOY / "production.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith(NAMES))


def configure(settings: Any, values: dict[str, str]) -> None:
    env = environ.Env()
    env.ENVIRON = values
    assert env.bool("BEHIND_TLS_PROXY")
    settings.TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=1)
    settings.CLIENT_IP_HEADER = env.str("CLIENT_IP_HEADER", default="")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, settings: Any) -> Front:
    """Each proxy, with the settings that its shipped file has."""
    configure(settings, deployed(request.param))
    return FRONTS[request.param]


FORGERIES: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": MADE_UP},
    {"X-Forwarded-For": f"{MADE_UP}, {MADE_UP}, {MADE_UP}, {MADE_UP}"},
    {"X-Forwarded-For": "nonsense"},
    {"X-Forwarded-For": ""},
    {"x-forwarded-for": MADE_UP, "Forwarded": f"for={MADE_UP}", "X-Real-IP": MADE_UP, "Client-IP": MADE_UP},
    {"X_Forwarded_For": MADE_UP, "X-Forwarded_For": MADE_UP, "Fly_Client_IP": MADE_UP},
    {"CF_Connecting_IP": MADE_UP, "X_Real_IP": MADE_UP},
    {"Fly-Client-IP": MADE_UP, "CF-Connecting-IP": MADE_UP, "True-Client-IP": MADE_UP},
]


@pytest.mark.parametrize("sent", FORGERIES, ids=lambda sent: ",".join(sent) or "nothing")
def test_each_proxy_names_the_client_whatever_the_client_sends(
    front: Front, sent: dict[str, str], rf: RequestFactory
) -> None:
    addresses = {client_address(rf.get("/", **through(front, client, sent))) for client in (ADA, BOB)}
    assert addresses == {ADA, BOB}


def test_shopper_who_guesses_passwords_locks_out_nobody_else(front: Front, ada: User, client: Client) -> None:
    wrong = {"login": "nobody@example.com", "password": "guess"}
    for number in range(12):
        sent = {"X-Forwarded-For": f"192.0.2.{number}"}  # another address each time, if it were believed
        page = client.post(
            "/accounts/login/", {**wrong, "login": f"{number}@example.com"}, **through(front, BOB, sent)
        )
    assert "Too many failed" in page.content.decode()
    right = {"login": ada.email, "password": "ada-buys-things"}
    assert client.post("/accounts/login/", right, **through(front, ADA)).status_code == 302


def test_scheme_is_the_proxys_word(front: Front, rf: RequestFactory) -> None:
    for sent in ({}, {"X-Forwarded-Proto": "http"}, {"X_Forwarded_Proto": "http"}):
        assert rf.get("/", **through(front, ADA, sent)).is_secure()


def test_host_is_never_the_proxys_word(front: Front, rf: RequestFactory, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    request = rf.get(
        "/", **through(front, ADA, {"X-Forwarded-Host": "evil.example", "Host": "shop.example.com"})
    )
    assert request.get_host() == "shop.example.com"


@pytest.mark.parametrize(
    ("header", "value", "address"),
    [
        ("Fly-Client-IP", ADA, ADA),
        ("fly-client-ip", ADA, ADA),
        ("Fly-Client-IP", f"{MADE_UP}, {ADA}", ADA),  # a proxy that adds instead of setting
        ("Fly-Client-IP", "nonsense", "203.0.113.7"),
        ("Fly-Client-IP", "", "203.0.113.7"),  # a request that did not come through it
        ("Fly-Client-IP", "2001:db8::1", "2001:db8::"),
    ],
)
def test_client_ip_header(rf: RequestFactory, settings: Any, header: str, value: str, address: str) -> None:
    settings.CLIENT_IP_HEADER = header
    request = rf.get("/", headers={"Fly-Client-IP": value} if value else {}, REMOTE_ADDR="203.0.113.7")
    assert client_address(request) == address


# --- stripe_doctor ------------------------------------------------------------------------------------------

Ask = Callable[[Front], list[str]]


@pytest.fixture
def diagnose(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What stripe_doctor finds wrong when it asks the site from ADA's address through a front."""
    settings.SITE_URL = "https://shop.example.com"
    settings.ALLOWED_HOSTS = ["testserver"]

    def examine(front: Front) -> list[str]:
        def get(url: str, headers: dict[str, str], **_: Any) -> Any:
            assert url == "https://shop.example.com/readyz"
            response = Client().get("/readyz", **through(front, ADA, headers))
            response.json = lambda: json.loads(response.content)
            return response

        monkeypatch.setattr(requests, "get", get)
        findings = list(examine_proxies())
        assert findings[0].ok
        assert "The site sees this command at" in findings[0].what
        return [f"{finding.what}. {finding.todo}" for finding in findings if not finding.ok]

    return examine


def test_doctor_finds_nothing_wrong_behind_the_shipped_files(front: Front, diagnose: Ask) -> None:
    assert diagnose(front) == []


@pytest.mark.parametrize(("name", "proxies"), [("caddy", 1), ("nginx", 1), ("fly", 2), ("render", 3)])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_doctor_says_how_many_proxies_there_are(
    name: str, proxies: int, off: int, diagnose: Ask, settings: Any
) -> None:
    configure(settings, {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": str(proxies + off)})
    found = diagnose(FRONTS[name])
    if off == 0 or (off > 0 and name == "caddy"):  # Caddy lets nothing of the client's through
        assert found == []
    else:
        (line,) = found
        assert ("All shoppers have one address" if off < 0 else "Shoppers can choose the address") in line
        assert f"Set TRUSTED_PROXIES={proxies} (now {proxies + off})" in line


def test_doctor_finds_a_header_that_names_another_proxy(diagnose: Ask, settings: Any) -> None:
    """A CDN in front of Fly, which takes the CDN for the client."""

    def cdn_and_fly(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        forwarded = ", ".join([*filter(None, [sent.get("X-Forwarded-For")]), client])
        return FRONTS["fly"]("104.23.243.81", {**sent, "X-Forwarded-For": forwarded})

    configure(settings, deployed("fly"))
    (line,) = diagnose(cdn_and_fly)
    assert line.startswith("All shoppers have one address, 104.23.243.81")
    assert "Unset CLIENT_IP_HEADER (Fly-Client-IP does not name the client) and set TRUSTED_PROXIES=3" in line
    configure(settings, {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": "3"})
    assert diagnose(cdn_and_fly) == []


def test_doctor_counts_proxies_on_its_own_machine_too(diagnose: Ask, settings: Any) -> None:
    """The client and the proxy have one address there: it is the count that is wrong."""

    def here(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        return FRONTS["caddy"]("127.0.0.1", sent)

    configure(settings, {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": "0"})
    (line,) = diagnose(here)
    assert "Set TRUSTED_PROXIES=1 (now 0)" in line


def test_doctor_finds_a_header_that_no_proxy_sets(diagnose: Ask, settings: Any) -> None:
    configure(settings, {"BEHIND_TLS_PROXY": "true", "CLIENT_IP_HEADER": "Fly-Client-IP"})
    (line,) = diagnose(FRONTS["nginx"])
    assert "Shoppers can choose the address" in line
    assert "Unset CLIENT_IP_HEADER (Fly-Client-IP" in line


def test_doctor_finds_underscores_that_come_through(diagnose: Ask, settings: Any) -> None:
    def old_caddy(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        headers, address = FRONTS["caddy"](client, sent)
        return {
            **headers,
            **{name.replace("_", "-"): value for name, value in sent.items() if "_" in name},
        }, address

    configure(settings, {"BEHIND_TLS_PROXY": "true"})
    (line,) = diagnose(old_caddy)
    assert line.startswith("Headers with underscores (X_Forwarded_For) replace the proxy's own")


def test_doctor_finds_a_site_that_does_not_know_its_scheme(diagnose: Ask, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    (line,) = diagnose(FRONTS["caddy"])
    assert "Set BEHIND_TLS_PROXY=true" in line


@pytest.mark.parametrize(
    ("site_url", "ok"), [("https://shop.example.com", False), ("http://127.0.0.1:8000", True)]
)
def test_doctor_says_when_the_site_can_not_be_asked(
    site_url: str, ok: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITE_URL = site_url

    def refused(*args: object, **kwargs: object) -> None:
        raise requests.ConnectionError("refused")

    class Stranger:
        def json(self) -> dict[str, bool]:
            return {"ready": True}

    for answer in (refused, lambda *args, **kwargs: Stranger()):
        monkeypatch.setattr(requests, "get", answer)
        (finding,) = examine_proxies()
        assert finding.ok is ok
        assert site_url in finding.what


# --- names of this machine ----------------------------------------------------------------------------------


def test_only_this_machines_names_are_allowed_in_development(
    client: Client, settings: Any, icons: ProductConfiguration
) -> None:
    settings.DEBUG = True
    paths = ["/", "/store/", "/readyz", "/dev/mail/", "/stripe-sandbox/", "/accounts/login/", "/v1/products"]
    for host in ("localhost", "localhost:8000", "shop.localhost:8000", "127.0.0.1:8000", "[::1]:8000"):
        for path_ in paths:
            assert client.get(path_, headers={"host": host}).status_code != 400, (host, path_)
    for host in (
        "evil.test",
        "127.0.0.1.evil.test",
        "localhost.evil.test:8000",
        "notlocalhost",
        "0.0.0.0",
        "10.0.0.1",
    ):
        for path_ in paths:
            assert client.get(path_, headers={"host": host}).status_code == 400, (host, path_)
        assert client.post("/webhooks/stripe/", headers={"host": host}).status_code == 400


TUNNEL = "https://demo.ngrok.app"
DEVELOPMENT = {"ENV_FILE": os.devnull, "DEBUG": "true", "STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}
SHOW = """
import json; from config.launch import refuse_to_start; refuse_to_start(); from django.conf import settings as s
print(json.dumps([s.SITE_URL, s.ALLOWED_HOSTS, s.CSRF_TRUSTED_ORIGINS, s.SESSION_COOKIE_NAME, s.SECURE_SSL_REDIRECT]))
"""


def started(folder: Path, **values: str) -> list[Any]:
    done = python(folder, {**DEVELOPMENT, **values}, "-c", SHOW)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_one_variable_opens_development_to_a_tunnel(tmp_path: Path) -> None:
    own = [".localhost", "127.0.0.1", "[::1]"]
    assert started(tmp_path)[:3] == ["http://127.0.0.1:8000", own, []]
    site, hosts, origins, cookie, redirects = started(tmp_path, TUNNEL_URL=f"{TUNNEL}/", PORT="8001")
    assert site == TUNNEL
    assert {*own, "demo.ngrok.app"} == set(hosts)
    assert origins == [TUNNEL, "https://localhost:8001", "http://localhost:8001"]
    assert (cookie, redirects) == ("sessionid", False)  # http://localhost stays open
    assert "192.168.1.20" in started(tmp_path, SITE_URL="http://192.168.1.20:8000")[1]
    assert started(tmp_path, ALLOWED_HOSTS="a.example")[1] == ["a.example"]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"TUNNEL_URL": "demo.ngrok.app"}, "TUNNEL_URL is demo.ngrok.app."),
        ({"TUNNEL_URL": f"{TUNNEL}/path"}, "TUNNEL_URL is "),
        (
            {"TUNNEL_URL": TUNNEL, "SITE_URL": "https://shop.example.com"},
            "DEBUG is true, but SITE_URL is public",
        ),
        ({"SITE_URL": TUNNEL}, "DEBUG is true, but SITE_URL is public"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES is -1."),
        ({"CLIENT_IP_HEADER": "HTTP_FLY_CLIENT_IP"}, "CLIENT_IP_HEADER is HTTP_FLY_CLIENT_IP."),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, values: dict[str, str], line: str) -> None:
    done = python(tmp_path, {**DEVELOPMENT, **values}, "-c", SHOW)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The shop does not start. {line}")
    assert done.stderr.count("\n") == 1


def test_codespaces_needs_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODESPACE_NAME", raising=False)
    assert run_site._codespace(8000) == ""
    monkeypatch.setenv("CODESPACE_NAME", "orange-space-palm")
    monkeypatch.setenv("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    assert run_site._codespace(8001) == "https://orange-space-palm-8001.app.github.dev"


def test_tunnel_means_nothing_in_production(tmp_path: Path) -> None:
    done = python(tmp_path, {"TUNNEL_URL": TUNNEL}, "-c", SHOW)
    assert "demo.ngrok.app" not in done.stdout
    assert json.loads(done.stdout)[1] == ["shop.example.com"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("demo.ngrok.app", TUNNEL),
        ("demo.ngrok.app", "https://localhost:8000"),  # what Codespaces makes of the origin
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
