"""Fixtures of all tests, also of those in apps/shop/tests: people, products, and no network but loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from pytest_socket import socket_allow_hosts

from apps.core import page_cache
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import create_product, signed_in

LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def pytest_runtest_setup() -> None:
    """Sockets reach this machine only. A test that needs Stripe uses the `sandbox` fixture."""
    if os.environ.get("E2E_STRIPE"):
        return  # make e2e-stripe means Stripe itself
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _nothing_cached_by_the_test_before() -> None:
    for cache in caches.all():  # also those that only a test's server has used
        cache.clear()


@pytest.fixture
def cached_pages(settings: Any) -> None:
    """Visitors' pages are kept, as they are in production."""
    settings.CACHES = {**settings.CACHES, "pages": settings.PAGE_CACHE}
    caches["pages"].clear()


@pytest.fixture
def page_cache_writes(cached_pages: None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything that is put among the kept pages from now on, whatever keeps them."""
    pages, values = caches["pages"], []
    keep = pages.set

    def noted(key: str, value: Any, *more: Any, **options: Any) -> None:
        if key != page_cache.VERSION_KEY and not key.startswith("cards-"):
            values.append(value)
        keep(key, value, *more, **options)

    monkeypatch.setattr(pages, "set", noted)
    return values


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """PostgreSQL drops no database while a thread of a test's server is still connected to it."""
    yield
    if connection.vendor == "postgresql":
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


@pytest.fixture
def ada(db: None) -> User:
    """Ada buys."""
    return User.objects.create_user("ada@example.com", "ada-buys-things", name="Ada Lovelace")


@pytest.fixture
def bob(db: None) -> User:
    """Bob is a stranger."""
    return User.objects.create_user("bob@example.com", "bob-looks-around")


@pytest.fixture
def olive(db: None) -> User:
    """Olive operates the shop."""
    return User.objects.create_superuser("olive@example.com", "olive-runs-this")


@pytest.fixture
def as_ada(ada: User) -> Client:
    return signed_in(ada)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def icons(db: None, sandbox: Any) -> ProductConfiguration:
    """A product paid once: $19."""
    return create_product(sandbox.client, "Icon set", 1900)


@pytest.fixture
def club(db: None, sandbox: Any) -> ProductConfiguration:
    """A subscription: $9 a month."""
    return create_product(sandbox.client, "Maker club", 900, interval="month")
