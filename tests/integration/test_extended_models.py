"""Added fields, default managers and database routers of a fork work with the store's queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ConnectionHandler, connection, connections, models
from django.db.models.functions import Upper
from django.test import Client

from apps.ecommerce.models import Product, ProductConfiguration, Purchase
from tests.factories import buy, create_product
from tests.signed_events import deliver, events

ADDED_FIELDS: list[tuple[type[models.Model], str, Callable[[], Any]]] = [
    (ProductConfiguration, "in_stock", lambda: models.IntegerField(db_default=7)),
    (
        ProductConfiguration,
        "code",
        lambda: models.GeneratedField(
            expression=Upper("slug"), output_field=models.CharField(max_length=80), db_persist=True
        ),
    ),
    (Product, "supplier", lambda: models.CharField(max_length=20, db_default="us")),
]


@pytest.fixture
def added_fields(transactional_db: None) -> Iterator[None]:
    """Add the fields to the classes and to the tables, as a founder's migration does."""
    added = []
    for model, name, make in ADDED_FIELDS:
        field = make()
        field.contribute_to_class(model, name)
        with connection.schema_editor() as editor:
            editor.add_field(model, field)
        added.append((model, name, field))
    yield
    for model, name, field in reversed(added):
        with connection.schema_editor() as editor:
            editor.remove_field(model, field)
        model._meta.local_fields.remove(field)  # type: ignore[arg-type]
        model._meta._expire_cache()  # type: ignore[attr-defined]
        delattr(model, name)


def rename(sandbox: Any, product_id: str, name: str) -> None:
    """Rename a product at Stripe, and deliver the event."""
    sandbox.client.v1.products.update(product_id, {"name": name})
    event = events(sandbox, "product.updated")[0]
    assert deliver(event).status_code == 200


def test_added_fields_keep_their_values_after_syncs(sandbox: Any, added_fields: None) -> None:
    icons = create_product(sandbox.client, "Icon set")
    assert (icons.in_stock, icons.code) == (7, "ICON-SET")  # type: ignore[attr-defined]
    ProductConfiguration.objects.update(in_stock=3, slug="icons")
    Product.objects.update(supplier="them")
    rename(sandbox, icons.product_id, "Renamed by event")
    for name in ("Renamed by event", "Renamed by bootstrap"):
        sandbox.client.v1.products.update(icons.product_id, {"name": name})
        call_command("bootstrap_ecommerce", verbosity=0)
        icons = ProductConfiguration.objects.select_related("product").get()
        assert (icons.in_stock, icons.code, icons.sort_name) == (3, "ICONS", name.lower())  # type: ignore[attr-defined]
        assert (icons.product.name, icons.product.supplier) == (name, "them")  # type: ignore[attr-defined]
    assert Client().get("/store/icons/").status_code == 200
    sandbox.client.v1.products.create({"name": "Born from an event"})
    for event in events(sandbox, "product.created"):
        assert deliver(event).status_code == 200
    created = ProductConfiguration.objects.get(slug="born-from-an-event")
    assert (created.in_stock, created.code) == (7, "BORN-FROM-AN-EVENT")  # type: ignore[attr-defined]


def filter_default_manager(monkeypatch: pytest.MonkeyPatch, model: Any, **hidden: Any) -> None:
    """Let the model's default manager exclude some rows."""
    manager = model._default_manager
    get_queryset = manager.get_queryset
    monkeypatch.setattr(manager, "get_queryset", lambda: get_queryset().exclude(**hidden))


@pytest.mark.django_db
def test_sync_updates_products_that_the_default_manager_hides(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    icons = create_product(sandbox.client, "Icon set")
    create_product(sandbox.client, "Font")
    filter_default_manager(monkeypatch, ProductConfiguration, slug="icon-set")
    filter_default_manager(monkeypatch, Product, id=icons.product_id)
    rename(sandbox, icons.product_id, "Hidden icons")
    sandbox.client.v1.products.update(icons.product_id, {"name": "Hidden set"})
    call_command("bootstrap_ecommerce", verbosity=0)
    rows = ProductConfiguration._base_manager.order_by("pk")
    assert list(rows.values_list("slug", "sort_name")) == [("icon-set", "hidden set"), ("font", "font")]
    store = Client().get("/store/")
    assert [card.configuration.slug for card in store.context["cards"]] == ["font"]
    assert Client().get("/store/icon-set/").status_code == 404


@pytest.mark.django_db
def test_purchase_hidden_by_the_default_manager_is_not_shown(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = buy(as_ada, icons)
    assert as_ada.get("/store/").context["cards"][0].owned == purchase
    filter_default_manager(monkeypatch, Purchase, pk=purchase.pk)
    assert as_ada.get("/store/").context["cards"][0].owned is None
    assert as_ada.get("/purchases/").context["library"] == []
    assert as_ada.get(purchase.get_absolute_url()).status_code == 404


class ReplicaRouter:
    """Reads come from a replica, writes go to the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


@pytest.mark.django_db
def test_router_sends_pages_to_replica_and_sync_to_primary(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.SHARE_IMAGES = False
    purchase = buy(as_ada, icons)
    settings.DATABASE_ROUTERS = [f"{__name__}.ReplicaRouter"]
    connections["replica"] = connections["default"]  # a replica without lag
    response = as_ada.get("/store/")
    card = response.context["cards"][0]
    assert card.owned == purchase
    for row in (response.wsgi_request.user, card.owned, card.configuration, card.configuration.prices[0]):
        assert row._state.db == "replica"
    empty = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    connections["replica"] = ConnectionHandler(empty)["default"]  # has no tables, so that every query fails
    rename(sandbox, icons.product_id, "Renamed by event")
    sandbox.client.v1.products.update(icons.product_id, {"name": "Renamed by bootstrap"})
    call_command("bootstrap_ecommerce", verbosity=0)
    assert Product.objects.using("default").get().name == "Renamed by bootstrap"
    connections["replica"].close()
    del connections["replica"]
