"""A shop with "Sign in with Google" and "… GitHub", both served by tests/oauth_provider.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import reload
from typing import Any

import pytest
from django.urls import clear_url_caches

import config.urls
from tests.oauth_provider import CLIENT, Provider, provider

NAMES = ["google", "github"]


@pytest.fixture
def social(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """What setting the four variables does, but the addresses of the providers are this machine's."""
    settings.SOCIAL_SIGN_IN = NAMES
    settings.SOCIALACCOUNT_PROVIDERS = {
        name: {"APPS": [CLIENT], "OAUTH_PKCE_ENABLED": True} for name in NAMES
    }
    settings.INSTALLED_APPS = [
        *settings.INSTALLED_APPS,
        *(f"allauth.socialaccount.providers.{name}" for name in NAMES),
    ]
    from allauth.socialaccount.providers import registry
    from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
    from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter

    monkeypatch.setattr(registry, "provider_map", {})
    monkeypatch.setattr(registry, "loaded", False)
    with provider() as there:
        for adapter in (GoogleOAuth2Adapter, GitHubOAuth2Adapter):
            monkeypatch.setattr(adapter, "authorize_url", f"{there.address}/authorize")
            monkeypatch.setattr(adapter, "access_token_url", f"{there.address}/token")
        monkeypatch.setattr(GitHubOAuth2Adapter, "profile_url", f"{there.address}/user")
        monkeypatch.setattr(GitHubOAuth2Adapter, "emails_url", f"{there.address}/user/emails")
        _read_the_addresses_again()
        yield there
    settings.SOCIAL_SIGN_IN = []
    _read_the_addresses_again()


def _read_the_addresses_again() -> None:
    reload(sys.modules[config.urls.__name__])
    clear_url_caches()
