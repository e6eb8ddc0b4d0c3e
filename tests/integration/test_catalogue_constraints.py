"""Fields, constraints and triggers that a founder adds to the catalogue's tables concern single rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.test import Client

from apps.ecommerce.catalogue import sync
from apps.ecommerce.models import Price, Product, ProductConfiguration
from tests.factories import add_price
from tests.integration.test_catalogue_failures import (
    ALL_17,
    ALL_NEW,
    BAD_9,
    BAD_OLD,
    amounts,
    failures,
    names,
    set_stripe,
)
from tests.integration.test_product_names import bootstrap, price, product
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(stripe_lists: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Three products were copied, and have changed at Stripe since then."""
    set_stripe(stripe_lists, "old", 900)
    assert bootstrap()[2] == 0
    set_stripe(stripe_lists, "new", 1700)
    return stripe_lists


@contextmanager
def added_field(model: type[models.Model], name: str, field: Any) -> Iterator[None]:
    """Add a field to the class and to the table, as a founder's migration does. Existing rows get its default."""
    field.contribute_to_class(model, name)
    try:
        with connection.schema_editor() as editor:
            editor.add_field(model, field)
        field.default = models.NOT_PROVIDED  # a default of the migration only
        field.__dict__.pop("_get_default", None)
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.remove_field(model, field)
        model._meta.local_fields.remove(field)
        model._meta._expire_cache()  # type: ignore[attr-defined]
        delattr(model, name)


@contextmanager
def added_constraint(model: type[models.Model], constraint: Any) -> Iterator[None]:
    model._meta.constraints.append(constraint)  # SQLite builds the table again, from these
    with connection.schema_editor() as editor:
        editor.add_constraint(model, constraint)
    try:
        yield
    finally:
        model._meta.constraints.remove(constraint)
        with connection.schema_editor() as editor:
            editor.remove_constraint(model, constraint)


@contextmanager
def trigger(table: str, condition: str) -> Iterator[None]:
    """Let a trigger refuse rows."""
    on_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if on_sqlite:
            for action in ("INSERT", "UPDATE"):
                cursor.execute(
                    f"CREATE TRIGGER refuse_{action} BEFORE {action} ON {table} WHEN {condition} "
                    "BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END"
                )
        else:
            cursor.execute(
                "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN "
                "RAISE EXCEPTION 'refused by a trigger'; END $$ LANGUAGE plpgsql"
            )
            cursor.execute(
                f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW WHEN ({condition}) "
                "EXECUTE FUNCTION refuse()"
            )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if on_sqlite:
                cursor.execute("DROP TRIGGER refuse_INSERT")
                cursor.execute("DROP TRIGGER refuse_UPDATE")
            else:
                cursor.execute(f"DROP TRIGGER refuse ON {table}")
                cursor.execute("DROP FUNCTION refuse")


PRODUCT_CHECK = CheckConstraint(condition=~Q(name="Bad new"), name="no_bad_product")
PRICE_CHECK = CheckConstraint(condition=~Q(id="price_bad") | Q(unit_amount__lt=1000), name="no_bad_price")
COLUMNS_CHECK = CheckConstraint(condition=~Q(sort_name="bad new"), name="no_bad_columns")
REFUSALS: dict[str, tuple[Callable[[], Any], dict[str, str], dict[str, int]]] = {
    "product constraint": (lambda: added_constraint(Product, PRODUCT_CHECK), BAD_OLD, ALL_17),
    "price constraint": (lambda: added_constraint(Price, PRICE_CHECK), ALL_NEW, BAD_9),
    "configuration constraint": (
        lambda: added_constraint(ProductConfiguration, COLUMNS_CHECK),
        ALL_NEW,
        ALL_17,
    ),
    "product trigger": (lambda: trigger("ecommerce_product", "NEW.name = 'Bad new'"), BAD_OLD, ALL_17),
    "price trigger": (
        lambda: trigger("ecommerce_price", "NEW.id = 'price_bad' AND NEW.unit_amount = 1700"),
        ALL_NEW,
        BAD_9,
    ),
    "configuration trigger": (
        lambda: trigger("ecommerce_productconfiguration", "NEW.sort_name = 'bad new'"),
        ALL_NEW,
        ALL_17,
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refused_row_keeps_its_last_copy_and_the_others_are_written(
    shop: dict[str, list[Any]], refusal: str
) -> None:
    refuse, expected_names, expected_amounts = REFUSALS[refusal]
    with refuse():
        _out, error_output, status = bootstrap()
        [line] = failures(error_output)
        assert ("bad" in line, status) == (True, 1)
        assert (names(), amounts()) == (expected_names, expected_amounts)
        assert Client().get("/store/").content.decode().count('class="card"') == 3
    assert bootstrap()[2] == 0
    assert (names(), amounts()) == (ALL_NEW, ALL_17)


def test_two_rows_with_the_same_unique_value_do_not_stop_the_others(shop: dict[str, list[Any]]) -> None:
    with added_constraint(Product, UniqueConstraint(fields=["name"], name="one_name")):
        shop["products"][1]["name"] = "First new"
        _out, error_output, status = bootstrap()
        assert len(failures(error_output)) == 1
        assert (status, names()) == (1, BAD_OLD)


def test_value_that_an_index_cannot_hold_does_not_stop_the_others(shop: dict[str, list[Any]]) -> None:
    """PostgreSQL reports it as an OperationalError (54000 program_limit_exceeded)."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's indexes have no maximum")
    index = models.Index(fields=["description"], name="by_description")
    with connection.schema_editor() as editor:
        editor.add_index(Product, index)
    try:
        shop["products"][1]["description"] = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))
        _out, error_output, status = bootstrap()
        assert len(failures(error_output)) == 1
        assert (status, names()) == (1, BAD_OLD)
    finally:
        with connection.schema_editor() as editor:
            editor.remove_index(Product, index)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (lambda: models.CharField(max_length=20, default="us"), "us"),
        (lambda: models.IntegerField(default=7), 7),
        (lambda: models.CharField(max_length=20, unique=True, null=True), None),
    ],
    ids=["text", "number", "unique"],
)
@pytest.mark.parametrize("model", [Product, Price])
def test_required_field_without_default_does_not_stop_updates(
    shop: dict[str, list[Any]], model: Any, field: Callable[[], Any], value: Any
) -> None:
    with added_field(model, "supplier", field()):
        if value is None:
            for row in model.objects.all():
                model.objects.filter(pk=row.pk).update(supplier=row.pk)
        shop["products"].append(product("added"))
        shop["prices"].append(price("price_added", "added"))
        _out, error_output, _status = bootstrap()
        assert {key: name for key, name in names().items() if key != "added"} == ALL_NEW
        assert {key: amount for key, amount in amounts().items() if key != "price_added"} == ALL_17
        kept = dict(model.objects.exclude(pk__endswith="added").values_list("pk", "supplier"))
        assert kept == {pk: value or pk for pk in kept}
        # A number has no value for a new row, so that the database refuses that row only.
        assert len(failures(error_output)) == (value == 7)
        assert model.objects.filter(pk__endswith="added").exists() == (value != 7)


def test_event_updates_a_product_with_a_required_field(sandbox: Any) -> None:
    sandbox.client.v1.products.create({"name": "Icon set", "id": "icons"})
    sync.sync_product("icons")
    with added_field(Product, "stock", models.IntegerField(default=7)):
        sandbox.client.v1.products.update("icons", {"name": "Renamed"})
        (event,) = events(sandbox, "product.updated")
        assert deliver(event).status_code == 200
        assert Product.objects.values_list("name", "stock").get() == ("Renamed", 7)


def test_refused_price_does_not_hold_back_its_product_in_an_event(sandbox: Any) -> None:
    sandbox.client.v1.products.create({"name": "Icon set", "id": "icons"})
    first = add_price(sandbox.client, "icons", 900)
    sync.sync_product("icons")
    check = CheckConstraint(condition=~Q(unit_amount=1300), name="no_thirteen")
    with added_constraint(Price, check):
        add_price(sandbox.client, "icons", 1300)
        third = add_price(sandbox.client, "icons", 1700)
        sandbox.client.v1.products.update("icons", {"active": False})
        (event,) = events(sandbox, "product.updated")
        assert deliver(event).status_code == 500
        assert not Product.objects.get().active
        assert set(amounts()) == {first, third}
        assert Client().get("/store/icon-set/").status_code == 404
    assert deliver(event).status_code == 200
    assert Price.objects.count() == 3


def test_refused_product_is_not_half_written_by_an_event(sandbox: Any) -> None:
    sandbox.client.v1.products.create({"name": "Bad old", "id": "bad"})
    first = add_price(sandbox.client, "bad", 900)
    sync.sync_product("bad")
    for constraint in (PRODUCT_CHECK, COLUMNS_CHECK):
        with added_constraint(Product if constraint is PRODUCT_CHECK else ProductConfiguration, constraint):
            sandbox.client.v1.products.update("bad", {"name": "Bad new"})
            add_price(sandbox.client, "bad", 1700)
            event = events(sandbox, "product.updated")[0]
            assert deliver(event).status_code == 500
            assert (names(), set(amounts())) == ({"bad": "Bad old"}, {first})
            assert ProductConfiguration.objects.get().sort_name == "bad old"
    assert deliver(event).status_code == 200
    assert (names(), Price.objects.count()) == ({"bad": "Bad new"}, 3)


@pytest.mark.parametrize("known", [True, False])
def test_product_deleted_during_the_sync_does_not_stop_the_others(
    stripe_lists: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    if known:
        set_stripe(stripe_lists, "old", 900)
        bootstrap()
    set_stripe(stripe_lists, "new", 1700)
    with monkeypatch.context() as patch:
        save_page = sync._save_page

        def delete_first(model: Any, *args: Any) -> None:
            if model is Price:
                Product.objects.filter(id="bad").delete()
            save_page(model, *args)

        patch.setattr(sync, "_save_page", delete_first)
        _out, error_output, status = bootstrap()
    [line] = failures(error_output)
    assert ("price price_bad of bad" in line, status) == (True, 1)
    assert amounts() == {"price_first": 1700, "price_good": 1700}
    assert set(ProductConfiguration.objects.values_list("product_id", flat=True)) == {"first", "good"}
    assert bootstrap()[2] == 0
    assert (names(), amounts()) == (ALL_NEW, ALL_17)


def test_configuration_deleted_during_the_sync_is_created_again(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        archive = sync._archive

        def delete_first(*args: Any) -> None:
            archive(*args)
            ProductConfiguration.objects.filter(product="bad").delete()

        patch.setattr(sync, "_archive", delete_first)
        assert bootstrap()[2] == 0
    assert set(ProductConfiguration.objects.values_list("sort_name", flat=True)) == {
        name.lower() for name in ALL_NEW.values()
    }
