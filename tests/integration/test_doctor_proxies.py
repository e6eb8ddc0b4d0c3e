"""`stripe_doctor` checks which client IP address the site sees behind proxies."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.test import Client

from apps.ecommerce.operations import doctor_proxies
from apps.ecommerce.operations.doctor_proxies import check_proxies
from tests.proxies import PROXIES, Proxy, configure, shipped_environment, through

pytestmark = pytest.mark.django_db

CLIENT_IP = "198.51.100.7"

Diagnose = Callable[[Proxy], list[str]]


@pytest.fixture
def diagnose(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Diagnose:
    """Return a function that returns stripe_doctor's failed findings for a site behind a proxy."""
    settings.SITE_URL = "https://shop.example.com"
    settings.ALLOWED_HOSTS = ["testserver"]

    def examine(proxy: Proxy) -> list[str]:
        def get(url: str, headers: dict[str, str], **_: Any) -> Any:
            assert url == "https://shop.example.com/readyz"
            response = Client().get("/readyz", **through(proxy, CLIENT_IP, headers))
            response.json = lambda: json.loads(response.content)
            return response

        monkeypatch.setattr(requests, "get", get)
        # Real proxies are tested in tests/soak/test_slow_clients_of_proxies.py.
        monkeypatch.setattr(doctor_proxies, "responds_to_partial_body", lambda: False)
        findings = list(check_proxies())
        assert findings[0].ok
        return [f"{finding.message}. {finding.hint}" for finding in findings if not finding.ok]

    return examine


@pytest.mark.parametrize("name", PROXIES)
def test_doctor_accepts_the_shipped_proxy_settings(name: str, diagnose: Diagnose, settings: Any) -> None:
    configure(settings, shipped_environment(name))
    assert diagnose(PROXIES[name]) == []


@pytest.mark.parametrize(("name", "proxies"), [("caddy", 1), ("nginx", 1), ("fly", 2), ("render", 3)])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_doctor_suggests_the_right_trusted_proxies(
    name: str, proxies: int, off: int, diagnose: Diagnose, settings: Any
) -> None:
    configure(settings, {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": str(proxies + off)})
    found = diagnose(PROXIES[name])
    if off == 0 or (off > 0 and name == "caddy"):  # Caddy drops the client's X-Forwarded-For
        assert found == []
    else:
        (line,) = found
        assert ("All shoppers appear to have" if off < 0 else "Shoppers can choose the IP address") in line
        assert f"Set TRUSTED_PROXIES={proxies} (now {proxies + off})" in line


def test_doctor_finds_a_client_ip_header_that_names_a_cdn(diagnose: Diagnose, settings: Any) -> None:
    """Fly sets its header to the address of the CDN in front of it."""

    def cdn_and_fly(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        forwarded = ", ".join([*filter(None, [sent.get("X-Forwarded-For")]), client])
        return PROXIES["fly"]("104.23.243.81", {**sent, "X-Forwarded-For": forwarded})

    configure(settings, shipped_environment("fly"))
    (line,) = diagnose(cdn_and_fly)
    assert line.startswith("All shoppers appear to have the IP address 104.23.243.81")
    assert "Unset CLIENT_IP_HEADER (Fly-Client-IP does not name the client) and set TRUSTED_PROXIES=3" in line
    configure(settings, {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": "3"})
    assert diagnose(cdn_and_fly) == []


def test_doctor_finds_a_missing_proxy_on_the_same_machine(diagnose: Diagnose, settings: Any) -> None:
    """Client and proxy have the same address, so that only TRUSTED_PROXIES is wrong."""

    def local_caddy(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        return PROXIES["caddy"]("127.0.0.1", sent)

    configure(settings, {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": "0"})
    (line,) = diagnose(local_caddy)
    assert "Set TRUSTED_PROXIES=1 (now 0)" in line


def test_doctor_finds_a_client_ip_header_that_no_proxy_sets(diagnose: Diagnose, settings: Any) -> None:
    configure(settings, {"BEHIND_TLS_PROXY": "true", "CLIENT_IP_HEADER": "Fly-Client-IP"})
    (line,) = diagnose(PROXIES["nginx"])
    assert "Shoppers can choose the IP address" in line
    assert "Unset CLIENT_IP_HEADER (Fly-Client-IP" in line


def test_doctor_finds_a_proxy_that_passes_headers_with_underscores(diagnose: Diagnose, settings: Any) -> None:
    def old_caddy(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        headers, address = PROXIES["caddy"](client, sent)
        return {
            **headers,
            **{name.replace("_", "-"): value for name, value in sent.items() if "_" in name},
        }, address

    configure(settings, {"BEHIND_TLS_PROXY": "true"})
    (line,) = diagnose(old_caddy)
    assert line.startswith("Headers with underscores (X_Forwarded_For) replace the proxy's headers")


def test_doctor_finds_a_proxy_without_request_buffering(
    diagnose: Diagnose, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(settings, shipped_environment("caddy"))
    assert diagnose(PROXIES["caddy"]) == []
    with monkeypatch.context() as unbuffered:
        unbuffered.setattr(doctor_proxies, "responds_to_partial_body", lambda: True)
        findings = list(doctor_proxies._check_buffering())
    (finding,) = findings
    assert not finding.ok
    assert "deploy/Caddyfile" in finding.hint


def test_doctor_finds_a_missing_behind_tls_proxy(diagnose: Diagnose, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    (line,) = diagnose(PROXIES["caddy"])
    assert "Set BEHIND_TLS_PROXY=true" in line


@pytest.mark.parametrize(
    ("site_url", "ok"), [("https://shop.example.com", False), ("http://127.0.0.1:8000", True)]
)
def test_doctor_reports_an_unreachable_site_unless_it_is_local(
    site_url: str, ok: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITE_URL = site_url

    def refuse(*args: object, **kwargs: object) -> None:
        raise requests.ConnectionError("refused")

    class OtherSite:
        def json(self) -> dict[str, bool]:
            return {"ready": True}

    for get in (refuse, lambda *args, **kwargs: OtherSite()):
        monkeypatch.setattr(requests, "get", get)
        (finding,) = check_proxies()
        assert finding.ok is ok
        assert site_url in finding.message


def test_doctor_says_why_the_site_is_unreachable(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.SITE_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
    (finding,) = check_proxies()  # nothing listens there anymore
    assert finding.message.endswith("Connection refused")
    assert "HTTPConnection" not in finding.message
