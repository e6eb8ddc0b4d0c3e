"""The sandbox in the store; packages/stripe-sandbox/tests tests the sandbox itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from django.test import Client

from apps.users.models import User
from stripe_sandbox import storage
from stripe_sandbox.testing import Sandbox
from tests.factories import signed_in

PANEL = "/stripe-sandbox/"


def test_demo_site_opens_the_sandbox_to_staff_only(
    sandbox: Sandbox, settings: Any, ada: User, olive: User
) -> None:
    settings.DEBUG = False
    product = sandbox.product()
    paths = ["", "deliveries/", "objects/customer/", f"object/{product.id}"]
    for client, status in ((Client(), 404), (signed_in(ada), 404), (signed_in(olive), 200)):
        assert [client.get(PANEL + path).status_code for path in paths] == [status] * 4
    for path in ("switches/", "start-over/", "resend/"):
        assert signed_in(ada).post(PANEL + path).status_code == 404
    assert storage.get(product.id) is not None


def test_sandbox_with_live_key_stops_the_web_server() -> None:
    """Web servers run no system checks."""
    mistake = {"STRIPE_SANDBOX": "true", "STRIPE_SECRET_KEY": "sk_live_abc"}
    environ = {**os.environ, **mistake, "DJANGO_SETTINGS_MODULE": "config.settings"}
    start = [sys.executable, "-c", "import config.wsgi"]
    result = subprocess.run(start, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "STRIPE_SECRET_KEY is a live key" in result.stderr.splitlines()[-1]


def test_content_security_policy_allows_the_3d_secure_frame(sandbox: Sandbox, client: Client) -> None:
    framed = client.get(f"{PANEL}checkout/cs_test_any/three-ds-2-challenge/")
    assert "frame-ancestors 'self'" in framed["Content-Security-Policy"]
