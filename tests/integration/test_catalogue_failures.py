"""A row of the catalogue that fails in any way is reported, keeps its last copy and does not stop the sync."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    models,
)
from django.db.models import QuerySet
from django.test import Client

from apps.ecommerce.catalogue import configurations, images, report, rows, search_columns, slugs, sync
from apps.ecommerce.catalogue.bought_prices import find_or_copy_price
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase, SearchWord
from apps.ecommerce.operations import doctor
from tests.factories import add_price, buy
from tests.integration.test_product_images import encoded
from tests.integration.test_product_names import bootstrap, price, product
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db

Plant = Callable[[pytest.MonkeyPatch, Exception], None]


class ErrorWithoutText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


UNEXPECTED = [
    RuntimeError("planted"),
    RecursionError("planted"),
    UnicodeEncodeError("utf-8", "planted", 0, 1, "planted"),
    OverflowError("planted"),
    MemoryError("planted"),
    AssertionError("planted"),
    LookupError("planted"),
    ValidationError("planted"),
    ErrorWithoutText(),
]


def is_bad(value: Any) -> bool:
    """Return whether one of the rows, objects or texts belongs to the product named Bad."""
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, ProductConfiguration):
            item = item.product_id
        if isinstance(item, dict):
            item = item["id"]
        if str(getattr(item, "id", item)).lower().startswith(("bad", "price_bad")):
            return True
    return False


def fail_if_bad(patch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException, at: int = 0) -> None:
    """Let a function raise an error if its argument at this position belongs to the product named Bad."""
    original = getattr(owner, name)

    def run(*args: Any, **kwargs: Any) -> Any:
        if is_bad(args[at]):
            raise error
        return original(*args, **kwargs)

    patch.setattr(owner, name, run)


def refuse(model: type[models.Model]) -> Plant:
    """Let the database refuse the bad row of a table."""
    write = QuerySet.bulk_create

    def plant(patch: pytest.MonkeyPatch, error: Exception) -> None:
        def bulk_create(table: QuerySet, batch: Any, **options: Any) -> Any:
            if table.model is model and is_bad(list(batch)):
                raise error
            return write(table, batch, **options)

        patch.setattr(QuerySet, "bulk_create", bulk_create)

    return plant


def fail(owner: Any, name: str) -> Plant:
    return lambda patch, error: fail_if_bad(patch, owner, name, error)


def set_stripe(lists: dict[str, list[Any]], prefix: str, amount: int, **fields: Any) -> None:
    ids = ("first", "bad", "good")
    lists["products"] = [product(key, f"{key.title()} {prefix}", **fields) for key in ids]
    lists["prices"] = [price(f"price_{key}", key, amount) for key in ids]


@pytest.fixture
def shop(stripe_lists: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Three products were copied, and have changed at Stripe since then."""
    set_stripe(stripe_lists, "old", 900)
    assert bootstrap()[2] == 0
    set_stripe(stripe_lists, "new", 1700)
    return stripe_lists


def names() -> dict[str, str]:
    return dict(Product.objects.values_list("id", "name"))


def amounts() -> dict[str, int | None]:
    return dict(Price.objects.values_list("id", "unit_amount"))


def failures(error_output: str) -> list[str]:
    return [line for line in error_output.splitlines() if line.startswith("not saved: ")]


ALL_NEW = {"first": "First new", "bad": "Bad new", "good": "Good new"}
BAD_OLD = ALL_NEW | {"bad": "Bad old"}
ALL_17 = {"price_first": 1700, "price_bad": 1700, "price_good": 1700}
BAD_9 = ALL_17 | {"price_bad": 900}

STEPS: dict[str, tuple[Plant, dict[str, str], dict[str, int]]] = {
    "build product": (fail(rows, "_build_product"), BAD_OLD, ALL_17),
    "check product": (fail(Product, "clean_fields"), BAD_OLD, ALL_17),
    "copy images": (fail(sync, "copy_images"), BAD_OLD, ALL_17),
    "save product": (refuse(Product), BAD_OLD, ALL_17),
    "build price": (fail(rows, "_build_price"), ALL_NEW, BAD_9),
    "check price": (fail(Price, "clean_fields"), ALL_NEW, BAD_9),
    "keep plan": (fail(sync, "_keep_plan"), ALL_NEW, BAD_9),
    "save price": (refuse(Price), ALL_NEW, BAD_9),
    "compute search columns": (fail(search_columns, "_fingerprint"), ALL_NEW, ALL_17),
    "save search columns": (refuse(ProductConfiguration), ALL_NEW, ALL_17),
}


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", STEPS)
def test_error_in_one_row_does_not_stop_the_others(
    shop: dict[str, list[Any]], caplog: pytest.LogCaptureFixture, step: str, error: Exception
) -> None:
    plant, expected_names, expected_amounts = STEPS[step]
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, error)
        _out, error_output, status = bootstrap()
    [line] = failures(error_output)
    assert "bad" in line
    assert "planted" in line or "ErrorWithoutText" in line
    assert (status, "could not be saved: 1 (see above)" in error_output) == (1, True)
    assert (names(), amounts()) == (expected_names, expected_amounts)
    if not isinstance(error, ValidationError):  # a ValidationError needs no traceback
        assert "Traceback" in caplog.text
    store = Client().get("/store/")
    assert [card.configuration.product_id for card in store.context["cards"]] == ["first", "bad", "good"]
    assert {"First new", "Good new"} <= {card.configuration.product.name for card in store.context["cards"]}
    assert Client().get("/store/bad-old/").status_code == 200
    assert bootstrap()[2] == 0
    assert (names(), amounts()) == (ALL_NEW, ALL_17)
    assert set(ProductConfiguration.objects.values_list("sort_name", "sort_price")) == {
        (name.lower(), 1700) for name in ALL_NEW.values()
    }


@pytest.mark.parametrize(
    "error", [DataError("planted"), IntegrityError("planted"), InternalError("planted")], ids=repr
)
@pytest.mark.parametrize("model", [Product, Price, ProductConfiguration])
def test_row_that_the_database_refuses_does_not_stop_the_others(
    stripe_lists: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, model: Any, error: Exception
) -> None:
    set_stripe(stripe_lists, "new", 1700)
    refuse(model)(monkeypatch, error)
    _out, error_output, status = bootstrap()
    assert [line.partition(": ")[2] for line in failures(error_output)] == [
        "price price_bad of bad: planted" if model is Price else "Bad new (bad): planted"
    ]
    assert status == 1
    assert not Price.objects.filter(product=None).exists()
    cards = Client().get("/store/").context["cards"]
    assert [card.configuration.product_id for card in cards] == ["first", "good"]


@pytest.mark.parametrize(
    "plant",
    [fail(slugs, "_generate_candidates"), fail(configurations, "_build_configuration")],
    ids=["slug", "configuration"],
)
def test_error_in_a_new_configuration_does_not_stop_the_others(
    stripe_lists: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, plant: Plant
) -> None:
    set_stripe(stripe_lists, "new", 1700)
    with monkeypatch.context() as patch:
        plant(patch, RuntimeError("planted"))
        _out, error_output, status = bootstrap()
    assert failures(error_output) == ["not saved: Bad new (bad): RuntimeError: planted"]
    assert status == 1
    assert set(ProductConfiguration.objects.values_list("product_id", flat=True)) == {"first", "good"}
    assert bootstrap()[2] == 0
    assert ProductConfiguration.objects.count() == 3


def test_row_whose_name_cannot_be_computed_is_reported_by_its_id(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_if_bad(monkeypatch, report, "_name_row", RecursionError("planted"))
    out, _error_output, status = bootstrap()
    assert (status, names()) == (0, ALL_NEW)
    assert "changed: the row 'bad'" in out
    set_stripe(shop, "newer", 1700)
    fail_if_bad(monkeypatch, rows, "_build_product", RuntimeError("planted"))
    monkeypatch.setattr(rows, "_describe", lambda model, item: 1 / 0)
    assert failures(bootstrap()[1]) == ["not saved: the row 'bad': RuntimeError: planted"]


def test_error_while_archiving_one_row_does_not_stop_the_others(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop["products"][:2], shop["prices"][:2]
    update = QuerySet.update

    def refuse_bad(table: QuerySet, **values: Any) -> int:
        if table.model is Product and table.filter(id="bad").exists():
            raise IntegrityError("planted")
        return update(table, **values)

    monkeypatch.setattr(QuerySet, "update", refuse_bad)
    out, error_output, status = bootstrap()
    assert failures(error_output) == ["not saved: Bad old (bad): planted"]
    assert (status, "archived: First old (first)" in out, "archived: Bad" in out) == (1, True, False)
    assert set(Product.objects.filter(active=True).values_list("id", flat=True)) == {"bad", "good"}


@pytest.mark.parametrize(
    "plant",
    [
        lambda patch: patch.setattr(images, "copy_image", raise_planted),
        lambda patch: patch.setattr(images, "download", raise_planted),
        lambda patch: patch.setattr(images.Image, "open", raise_planted),
        lambda patch: patch.setattr(images, "_resize", raise_planted),
        lambda patch: patch.setattr(storages["default"], "save", raise_no_space),
        lambda patch: patch.setattr(storages["default"], "exists", raise_no_space),
    ],
    ids=["copy", "download", "decode", "resize", "save", "exists"],
)
def test_unexpected_error_of_an_image_is_reported_and_the_product_saved(
    shop: dict[str, list[Any]],
    image_body: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    plant: Callable[[pytest.MonkeyPatch], None],
) -> None:
    monkeypatch.setattr(images, "download", lambda url, seconds: image_body)
    shop["products"][1]["images"] = ["https://images.example/a.png"]
    with monkeypatch.context() as patch:
        plant(patch)
        _out, error_output, status = bootstrap()
    [line] = failures(error_output)
    assert line.startswith("not saved: Bad new (bad): https://images.example/a.png: ")
    assert "planted" in line
    assert (status, names(), amounts()) == (1, ALL_NEW, ALL_17)
    assert Product.objects.get(id="bad").pictures == []
    assert "Traceback" in caplog.text
    assert Client().get("/store/bad-old/").status_code == 200
    assert bootstrap()[2] == 0
    [picture] = Product.objects.get(id="bad").pictures
    assert picture.width == 8
    with monkeypatch.context() as patch:  # an image that is copied already is not affected
        plant(patch)
        assert bootstrap()[2] == 0


def raise_planted(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("planted")


def raise_no_space(*args: Any, **kwargs: Any) -> None:
    raise OSError(28, "planted: No space left on device")


@pytest.fixture
def image_body(request: pytest.FixtureRequest) -> bytes:
    """Return another image for each test, so that no copy is stored yet."""
    return encoded("PNG", (8, 8), tuple(sha256(request.node.name.encode()).digest()[:3]))


@pytest.mark.parametrize(
    "error",
    [OperationalError("gone"), InterfaceError("closed"), KeyboardInterrupt(), SystemExit(3)],
    ids=repr,
)
@pytest.mark.parametrize("model", [Product, Price, ProductConfiguration])
def test_error_that_concerns_all_rows_stops_the_sync(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, model: Any, error: Any
) -> None:
    refuse(model)(monkeypatch, error)
    with pytest.raises(type(error)):
        bootstrap()


@pytest.mark.parametrize("function", ["_build_product", "_build_price"])
@pytest.mark.parametrize("error", [OperationalError("gone"), KeyboardInterrupt()], ids=repr)
def test_error_that_concerns_all_rows_stops_while_a_row_is_built(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, function: str, error: Any
) -> None:
    fail_if_bad(monkeypatch, rows, function, error)
    with pytest.raises(type(error)):
        bootstrap()


def test_bulk_writes_stay_bulk(shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = QuerySet.bulk_create

    def bulk_create(table: QuerySet, batch: Any, **options: Any) -> Any:
        if table.model is not SearchWord:  # one row for each word
            sizes.append(len(batch))
        return write(table, batch, **options)

    monkeypatch.setattr(QuerySet, "bulk_create", bulk_create)
    assert bootstrap()[2] == 0
    assert sizes == [3, 3, 3]


@pytest.mark.parametrize("step", ["build product", "save product", "build price", "save price"])
def test_doctor_reports_the_row_that_bootstrap_could_not_save(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    STEPS[step][0](monkeypatch, RuntimeError("planted"))
    bootstrap()
    finding = doctor._check_catalogue()
    assert not finding.ok
    assert "bad" in finding.message


def test_doctor_reports_a_product_without_configuration(
    stripe_lists: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_stripe(stripe_lists, "new", 1700)
    with monkeypatch.context() as patch:
        refuse(ProductConfiguration)(patch, IntegrityError("planted"))
        bootstrap()
    finding = doctor._check_catalogue()
    assert (finding.ok, "Bad new (bad)" in finding.message) == (False, True)
    assert ProductConfiguration.objects.count() == 2


def test_doctor_reports_outdated_search_columns(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_if_bad(patch, search_columns, "_fingerprint", RuntimeError("planted"))
        bootstrap()
        finding = doctor._check_catalogue()
        assert (finding.ok, "Bad new (bad): RuntimeError: planted" in finding.message) == (False, True)
    finding = doctor._check_catalogue()
    assert (finding.ok, "Bad new (bad)" in finding.message) == (False, True)
    bootstrap()
    assert doctor._check_catalogue().ok


def test_price_that_cannot_be_checked_hides_no_other_unsold_price(
    shop: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap()
    Price.objects.filter(id="price_good").update(refusal="Not today")

    def unsellable_reason(row: Price) -> str:
        if row.id == "price_bad":
            raise RuntimeError("planted")
        return row.refusal

    monkeypatch.setattr(Price, "unsellable_reason", property(unsellable_reason))
    shop["products"], shop["prices"] = [], []
    error_output = StringIO()
    monkeypatch.setattr(sync, "_copy_all", lambda *args: None)
    monkeypatch.setattr(sync, "update_rows", lambda *args, **values: [])
    call_command("bootstrap_ecommerce", stdout=StringIO(), stderr=error_output)
    assert error_output.getvalue().splitlines() == [
        "not sold: price price_good of good (Good new): Not today",
        "not sold: Bad new (bad): RuntimeError: planted",
    ]


@pytest.mark.parametrize("step", STEPS)
def test_unexpected_error_in_an_event_is_500_and_the_next_delivery_succeeds(
    sandbox: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.client.v1.products.create({"name": "Bad old", "id": "bad"})
    first = add_price(sandbox.client, "bad", 900)
    sync.sync_product("bad")
    sandbox.client.v1.products.update("bad", {"name": "Bad new"})
    second = add_price(sandbox.client, "bad", 1700)
    (event,) = events(sandbox, "product.updated")
    is_price = "price" in step
    with monkeypatch.context() as patch:
        STEPS[step][0](patch, RuntimeError("planted"))
        patch.setattr(f"{__name__}.is_bad", lambda value: is_bad_price(value, second) if is_price else True)
        status = deliver(event).status_code
    assert status == 500
    # A price that fails does not hold back its product. The product is written with its search columns or not at all.
    assert names() == {"bad": "Bad new" if is_price or step in ("copy images", "keep plan") else "Bad old"}
    assert set(amounts()) == ({first, second} if step in ("copy images", "keep plan") else {first})
    configuration = ProductConfiguration.objects.get()
    assert configuration.sort_name == Product.objects.get().name.lower()
    assert deliver(event).status_code == 200
    assert names() == {"bad": "Bad new"}
    assert set(amounts()) == {first, second}


def is_bad_price(value: Any, price_id: str) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return any((item["id"] if isinstance(item, dict) else item.id) == price_id for item in items)


def test_event_does_not_list_a_price_that_stripe_refused_to_sell(
    icons: ProductConfiguration, sandbox: Any
) -> None:
    for refused in icons.prices:
        refused.refusal = "Not today"
        refused.save()
    assert not ProductConfiguration.objects.get().listed
    sandbox.client.v1.products.update(icons.product_id, {"name": "Renamed"})
    assert deliver(events(sandbox, "product.updated")[0]).status_code == 200
    assert ProductConfiguration.objects.get().sort_name == "renamed"
    assert not ProductConfiguration.objects.get().listed


def test_unexpected_error_while_a_bought_price_is_copied_is_raised(
    icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = price("price_bought", icons.product_id)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_build_price", raise_planted)
        with pytest.raises(RuntimeError, match="planted"):
            find_or_copy_price(bought)
    assert find_or_copy_price(bought | {"currency": "xyz"}) is None
    assert find_or_copy_price(bought) == Price.objects.get(id="price_bought")


def test_lost_session_is_restored_although_another_price_cannot_be_saved(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = buy(as_ada, icons).price_id
    add_price(sandbox.client, icons.product_id, 1700)
    Purchase.objects.all().delete()
    Product.objects.all().delete()
    build = rows._build_price

    def fail_for_others(item: Any, *args: Any) -> Price:
        return build(item, *args) if item["id"] == bought else raise_planted()

    monkeypatch.setattr(rows, "_build_price", fail_for_others)
    call_command("reconcile_purchases", stdout=StringIO())
    assert Purchase.objects.get().price_id == bought
