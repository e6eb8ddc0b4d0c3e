"""Fixtures of all tests, also of apps/shop/tests: users, products, and a network of loopback only."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.management.commands import flush
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import Client
from pytest_socket import socket_allow_hosts

from apps.core import page_cache
from apps.ecommerce.back_office import roles
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import create_product, signed_in

LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def pytest_configure() -> None:
    """Retry failed requests to the sandbox at once. The SDK pauses for half a second and more."""
    if not os.environ.get("E2E_STRIPE"):
        stripe.HTTPClient.INITIAL_DELAY = stripe.HTTPClient.MAX_DELAY = 0.001


def pytest_collection_finish() -> None:
    """Keep what is loaded so far out of garbage collections, which would search it again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Block sockets to other machines. Tests that need Stripe use the `sandbox` fixture."""
    if os.environ.get("E2E_STRIPE"):
        return  # make e2e-stripe uses Stripe's test mode
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _clear_caches() -> None:
    for cache in caches.all():  # includes those that only a test's server uses
        cache.clear()


@pytest.fixture
def cached_pages(settings: Any) -> None:
    """Cache visitors' pages, as in production."""
    settings.CACHES = {**settings.CACHES, "pages": settings.PAGE_CACHE}
    caches["pages"].clear()


@pytest.fixture
def page_cache_writes(cached_pages: None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list of all pages that are stored in the cache of pages from now on."""
    pages, values = caches["pages"], []
    set_value = pages.set

    def record(key: str, value: Any, *more: Any, **options: Any) -> None:
        if key != page_cache.VERSION_KEY and not key.startswith(("cards-", "data-")):
            values.append(value)
        set_value(key, value, *more, **options)

    monkeypatch.setattr(pages, "set", record)
    return values


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        _keep_permissions_and_groups()
    yield
    # PostgreSQL drops no database with connections, and threads of servers have some.
    if connection.vendor == "postgresql":
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


def _keep_permissions_and_groups() -> None:
    """Keep permissions, content types and unchanged groups when a transactional test empties the database.

    Creating them again takes ten times as long as emptying all other tables.
    """
    permissions = {model._meta.db_table for model in (Permission, ContentType)}
    groups = {model._meta.db_table for model in (Group, Group.permissions.through)}
    first_groups = _read_groups()

    def sql_flush(style: Any, connection: Any, **options: Any) -> list[str]:
        kept = permissions | (groups if _read_groups() == first_groups else set())
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        return list(connection.ops.sql_flush(style, set(tables) - kept, **options))

    flush.sql_flush = sql_flush  # type: ignore[assignment]

    def create_missing_groups(**signal: Any) -> None:
        if not Group.objects.exists():
            roles.create_groups()

    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    store = apps.get_app_config("ecommerce")
    post_migrate.disconnect(roles.create_groups, sender=store)
    post_migrate.connect(create_missing_groups, sender=store, weak=False)
    roles.create_permissions = lambda *args, **options: None  # type: ignore[assignment]


def _read_groups() -> set[tuple[Any, ...]]:
    return set(Group.objects.values_list("pk", "name", "permissions"))


@pytest.fixture
def ada(db: None) -> User:
    """Return Ada, a buyer."""
    return User.objects.create_user("ada@example.com", "ada-buys-things", name="Ada Lovelace")


@pytest.fixture
def bob(db: None) -> User:
    """Return Bob, a user without purchases."""
    return User.objects.create_user("bob@example.com", "bob-looks-around")


@pytest.fixture
def olive(db: None) -> User:
    """Return Olive, the shop's operator."""
    return User.objects.create_superuser("olive@example.com", "olive-runs-this")


@pytest.fixture
def as_ada(ada: User) -> Client:
    return signed_in(ada)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def as_olive(olive: User) -> Client:
    return signed_in(olive)


@pytest.fixture
def icons(db: None, sandbox: Any) -> ProductConfiguration:
    """Return a one-time product at $19."""
    return create_product(sandbox.client, "Icon set", 1900)


@pytest.fixture
def club(db: None, sandbox: Any) -> ProductConfiguration:
    """Return a subscription at $9 a month."""
    return create_product(sandbox.client, "Maker club", 900, interval="month")
