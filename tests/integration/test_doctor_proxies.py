"""`stripe_doctor` says which client address the site sees, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.test import Client

from apps.ecommerce.operations import doctor_proxies
from apps.ecommerce.operations.doctor_proxies import check_proxies
from tests.proxies import FRONTS, Front, configure, deployed, through

pytestmark = pytest.mark.django_db

ADA = "198.51.100.7"

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
        # The real proxies are asked in tests/soak/test_slow_clients_of_proxies.py.
        monkeypatch.setattr(doctor_proxies, "responds_to_partial_body", lambda: False)
        findings = list(check_proxies())
        assert findings[0].ok
        return [f"{finding.message}. {finding.hint}" for finding in findings if not finding.ok]

    return examine


@pytest.mark.parametrize("name", FRONTS)
def test_doctor_finds_nothing_wrong_behind_the_shipped_files(name: str, diagnose: Ask, settings: Any) -> None:
    configure(settings, deployed(name))
    assert diagnose(FRONTS[name]) == []


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
        assert ("All shoppers appear to have" if off < 0 else "Shoppers can choose the IP address") in line
        assert f"Set TRUSTED_PROXIES={proxies} (now {proxies + off})" in line


def test_doctor_finds_a_header_that_names_another_proxy(diagnose: Ask, settings: Any) -> None:
    """A CDN in front of Fly, which takes the CDN for the client."""

    def cdn_and_fly(client: str, sent: dict[str, str]) -> tuple[dict[str, str], str]:
        forwarded = ", ".join([*filter(None, [sent.get("X-Forwarded-For")]), client])
        return FRONTS["fly"]("104.23.243.81", {**sent, "X-Forwarded-For": forwarded})

    configure(settings, deployed("fly"))
    (line,) = diagnose(cdn_and_fly)
    assert line.startswith("All shoppers appear to have the IP address 104.23.243.81")
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
    assert "Shoppers can choose the IP address" in line
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
    assert line.startswith("Headers with underscores (X_Forwarded_For) replace the proxy's headers")


def test_doctor_finds_a_proxy_that_passes_on_half_a_body(
    diagnose: Ask, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(settings, deployed("caddy"))
    assert diagnose(FRONTS["caddy"]) == []
    with monkeypatch.context() as unbuffered:
        unbuffered.setattr(doctor_proxies, "responds_to_partial_body", lambda: True)
        slow = list(doctor_proxies._check_buffering())
    (finding,) = slow
    assert not finding.ok
    assert "deploy/Caddyfile" in finding.hint


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
        (finding,) = check_proxies()
        assert finding.ok is ok
        assert site_url in finding.message
