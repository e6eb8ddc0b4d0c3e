"""MAINTENANCE=true answers every page with a 503 page, so that Stripe retries its webhooks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.integration.urls import read_body


@pytest.fixture
def closed(settings: Any) -> Client:
    """This file uses no database fixture, so a query would fail the test."""
    settings.MAINTENANCE = True
    settings.SITE_NAME = "Atelier"
    return Client()


@pytest.mark.parametrize(
    "path", ["/", "/store/", "/purchases/", "/nowhere/", "/admin/", "/readyz", "/metrics"]
)
def test_pages_answer_503_with_a_maintenance_message(closed: Client, path: str) -> None:
    response = closed.get(path)
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "no-store" in response["Cache-Control"]
    assert "set-cookie" not in {name.lower() for name in response.headers}
    page = response.content.decode()
    assert 'class="drawing"' in page
    assert "Atelier" in page
    for asset in re.findall(r'(?:href|src)="(/static/[^"#]+)', page):
        assert Path("static", asset.removeprefix("/static/")).is_file()


def test_webhook_answers_503_so_that_stripe_retries(closed: Client) -> None:
    response = closed.post("/webhooks/stripe/", b"{}", content_type="application/json")
    assert response.status_code == 503


def test_health_checks_still_answer_during_maintenance(closed: Client) -> None:
    assert closed.get("/healthz").status_code == 200
    style = closed.get("/static/css/standalone.css")
    assert style.status_code == 200
    assert b"--color-page" in b"".join(style.streaming_content)
    assert read_body(closed.get("/favicon.ico")).status_code == 200


def test_maintenance_page_uses_the_visitors_language_and_theme(closed: Client) -> None:
    closed.cookies["theme"] = "dark"
    page = closed.get("/", headers={"accept-language": "de"}).content.decode()
    assert '<html lang="de" dir="ltr" data-theme="dark">' in page
