"""The `social` fixture: sign-in with Google and GitHub, served by tests/oauth_provider.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import reload
from typing import Any

import pytest
from django.db.models.signals import post_migrate
from django.urls import clear_url_caches

import config.urls
from tests.oauth_provider import CLIENT, Provider, provider

NAMES = ["google", "github"]


@pytest.fixture
def social(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Turn on both providers, with URLs of a local server."""
    # Other INSTALLED_APPS call ready() of all apps, which connects their receivers again.
    monkeypatch.setattr(post_migrate, "receivers", list(post_migrate.receivers))
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
    with provider() as server:
        for adapter in (GoogleOAuth2Adapter, GitHubOAuth2Adapter):
            monkeypatch.setattr(adapter, "authorize_url", f"{server.address}/authorize")
            monkeypatch.setattr(adapter, "access_token_url", f"{server.address}/token")
        monkeypatch.setattr(GitHubOAuth2Adapter, "profile_url", f"{server.address}/user")
        monkeypatch.setattr(GitHubOAuth2Adapter, "emails_url", f"{server.address}/user/emails")
        _reload_urls()
        yield server
    settings.SOCIAL_SIGN_IN = []
    _reload_urls()


def _reload_urls() -> None:
    reload(sys.modules[config.urls.__name__])
    clear_url_caches()
