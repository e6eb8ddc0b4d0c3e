"""Without Redis, the shop sells, users sign in and /readyz reports the failure."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.core import redis_cache
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import buy, readiness


@pytest.fixture
def redis_unreachable(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a cache URL that nothing listens on."""
    monkeypatch.setattr(redis_cache, "_paused_until", {})
    unreachable = {
        "BACKEND": "apps.core.redis_cache.FallbackRedisCache",
        "LOCATION": "redis://127.0.0.1:9/0",
    }
    settings.CACHES = {"default": unreachable, "pages": {**unreachable, "KEY_PREFIX": "pages"}}


@pytest.fixture
def redis_tried_each_time(redis_unreachable: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_cache, "PAUSE_SECONDS", 0)


def test_pages_and_purchase_work_without_redis(
    redis_tried_each_time: None, as_ada: Client, icons: ProductConfiguration
) -> None:
    for page in ("/store/", "/store/icon-set/", "/accounts/login/", "/sitemap.xml"):
        assert Client().get(page).status_code == 200, page
    assert buy(as_ada, icons).status == "paid"
    assert as_ada.get("/purchases/").status_code == 200


def test_sign_up_and_sign_in_work_without_rate_limits(redis_tried_each_time: None, ada: User) -> None:
    form = {"login": "ada@example.com", "password": "ada-buys-things"}
    assert Client().post("/accounts/login/", form).status_code == 302
    form = {"email": "new@example.com", "password1": "a-long-new-secret"}
    assert Client().post("/accounts/signup/", form).status_code == 302
    assert User.objects.filter(email="new@example.com").exists()


@pytest.mark.django_db
def test_readyz_reports_unreachable_redis(redis_unreachable: None) -> None:
    response = readiness()
    assert response.status_code == 503
    answers = response.json()
    assert answers["cache"].startswith("unreachable")
    assert {answers[name] for name in ("database", "migrations", "worker")} == {"ok"}


def test_every_operation_behaves_like_an_empty_cache(redis_tried_each_time: None) -> None:
    assert cache.get("a", "default") == "default"
    assert cache.get_many(["a", "b"]) == {}
    assert cache.add("a", 1) is True
    assert cache.get_or_set("a", lambda: 7) == 7
    assert cache.incr("a", 2) == 2
    assert cache.decr("a") == -1
    assert "a" not in cache
    assert (cache.touch("a"), cache.delete("a"), cache.clear()) == (False, False, False)
    assert cache.set_many({"a": 1}) == []
    cache.set("a", 1)
    cache.delete_many(["a"])


def test_unreachable_redis_is_not_tried_during_the_pause(
    redis_unreachable: None, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    for _ in range(50):
        assert cache.get("a") is None
    assert len([record for record in caplog.records if "cache is unreachable" in record.message]) == 1
    assert time.monotonic() - started < redis_cache.PAUSE_SECONDS


def test_hanging_redis_delays_one_request_only(redis_unreachable: None, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts connections and never responds
        hanging_cache = {
            **settings.CACHES["default"],
            "LOCATION": f"redis://127.0.0.1:{server.getsockname()[1]}/0",
        }
        settings.CACHES = {**settings.CACHES, "default": hanging_cache}
        started = time.monotonic()
        for _ in range(10):
            assert cache.get("a") is None
        assert time.monotonic() - started < redis_cache.TIMEOUT_SECONDS * 2
