from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.signals import user_signed_up
from django.db.models.signals import post_save
from django.template import engines
from django.test import Client

from apps.ecommerce.catalogue import sync
from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.purchases.signals import SIGNALS
from apps.ecommerce.stripe_api.client import clean_json
from apps.ecommerce.webhooks import HANDLERS
from apps.web.sitemap import SITEMAPS
from tests import template_loaders
from tests.factories import add_price, buy, create_product
from tests.integration import urls
from tests.stripe_actions import deliver


@pytest.fixture(autouse=True)
def _without_receivers_of_the_shop() -> Iterator[None]:
    """Tests here count the e-mails and tasks of the template. Those in apps/shop/tests run with your receivers."""
    signals = (*SIGNALS.values(), post_save, user_signed_up)
    with pytest.MonkeyPatch.context() as patch:
        for section in [name for name, sitemap in SITEMAPS.items() if _is_defined_in_shop(sitemap)]:
            patch.delitem(SITEMAPS, section)
        for signal in signals:
            kept = [entry for entry in signal.receivers if not _is_defined_in_shop(entry[1])]
            patch.setattr(signal, "receivers", kept)
            signal.sender_receivers_cache.clear()
        for event_type, handlers in list(HANDLERS.items()):
            patch.setitem(HANDLERS, event_type, [row for row in handlers if not _is_defined_in_shop(row)])
            if not HANDLERS[event_type]:
                patch.delitem(HANDLERS, event_type)
        yield
    for signal in signals:
        signal.sender_receivers_cache.clear()


@pytest.fixture(autouse=True)
def _without_templates_of_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests here are about the template's pages and e-mails. test_access.py opens yours, and so do browser tests."""
    monkeypatch.setattr(template_loaders, "are_shop_files_skipped", True)


@pytest.fixture(autouse=True)
def _without_middleware_of_the_shop(
    request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests here count queries. Your URLs, which are opened with `populated_shop`, may need what is yours."""
    settings.CONTENT_SECURITY_POLICY = settings.TEMPLATE_SETTINGS["CONTENT_SECURITY_POLICY"]
    if "populated_shop" in request.fixturenames:
        return
    settings.MIDDLEWARE = settings.TEMPLATE_SETTINGS["MIDDLEWARE"]
    if settings.TEMPLATE_SETTINGS["ROOT_URLCONF"] != settings.ROOT_URLCONF:  # a change empties caches
        settings.ROOT_URLCONF = settings.TEMPLATE_SETTINGS["ROOT_URLCONF"]
    engine = engines["django"].engine
    processors = engine.template_context_processors
    kept = tuple(function for function in processors if not _is_defined_in_shop(function))
    monkeypatch.setattr(engine, "template_context_processors", kept)


def _is_defined_in_shop(receiver: Any) -> bool:
    function = receiver() if isinstance(receiver, weakref.ReferenceType) else receiver
    return str(getattr(function, "__module__", "")).startswith("apps.shop.")


@pytest.fixture
def purchase(as_ada: Client, icons: ProductConfiguration) -> Purchase:
    """Return Ada's order of the icons, which is paid."""
    return buy(as_ada, icons)


@pytest.fixture
def member(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    """Return a subscription at $9 a month in its first paid period."""
    return deliver(sandbox, buy(as_ada, club))


@pytest.fixture(params=["one-time", "subscription"])
def paid(request: Any, as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> Purchase:
    """Return a paid purchase of $19, of each kind."""
    product = icons
    if request.param == "subscription":
        product = create_product(sandbox.client, "Studio", 1900, interval="month")
    return deliver(sandbox, buy(as_ada, product))


@pytest.fixture
def populated_shop(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, settings: Any, tmp_path: Path
) -> urls.Shop:
    """A shop with users, purchases and events, in which every URL opens a page."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ADMIN_REQUIRES_MFA = True
    return urls.create_shop(sandbox, icons, club)


@pytest.fixture
def team(icons: ProductConfiguration, sandbox: Any) -> Price:
    """Return a second price of the icons, $49. The first one is $19."""
    price = add_price(sandbox.client, icons.product_id, 4900)
    sandbox.client.v1.prices.update(price, {"nickname": "Team", "lookup_key": "team"})
    sandbox.client.v1.prices.update(icons.prices[0].id, {"lookup_key": "solo"})
    sync_product(icons.product_id)
    icons.__dict__.pop("prices", None)
    return Price.objects.get(id=price)


@pytest.fixture
def stripe_lists(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Return the lists that the sync gets from Stripe, to be filled by the test."""
    lists: dict[str, list[Any]] = {"products": [], "prices": []}

    def fetch_pages(kind: str, **params: Any) -> Iterator[list[Any]]:
        if rows := lists[kind]:
            yield clean_json(rows, json.dumps(rows))

    monkeypatch.setattr(sync, "fetch_pages", fetch_pages)
    return lists


@pytest.fixture
def disconnect_stripe(settings: Any) -> Callable[[], None]:
    """Return a function that makes Stripe unreachable."""

    def disconnect() -> None:
        settings.STRIPE_HTTP_CLIENT = ""
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    return disconnect
