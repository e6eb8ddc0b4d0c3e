"""Pagination, filters, expansion and metadata."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from stripe_sandbox import storage
from stripe_sandbox.resources import products


def names(page: Any) -> list[str]:
    return [item.name for item in page.data]


@pytest.fixture
def ten_products(sandbox: Any) -> Any:
    for number in range(10):
        sandbox.client.v1.products.create(
            {"name": f"p{number}", "id": f"prod_{number}", "active": number % 2 == 0}
        )
    return sandbox.client.v1.products


def test_list_is_paginated_newest_first(ten_products: Any) -> None:
    page = ten_products.list({"limit": 4})
    assert names(page) == ["p9", "p8", "p7", "p6"]
    assert page.has_more
    assert [product.name for product in page.auto_paging_iter()] == [f"p{n}" for n in range(9, -1, -1)]
    last = ten_products.list({"limit": 2, "starting_after": "prod_2"})
    assert (names(last), last.has_more) == (["p1", "p0"], False)


def test_list_is_paginated_backwards(ten_products: Any) -> None:
    page = ten_products.list({"limit": 2, "ending_before": "prod_5"})
    assert (names(page), page.has_more) == (["p7", "p6"], True)
    assert names(ten_products.list({"limit": 5, "ending_before": "prod_8"})) == ["p9"]


def test_pagination_keeps_filters(ten_products: Any) -> None:
    active = ten_products.list({"limit": 2, "active": True})
    assert [product.name for product in active.auto_paging_iter()] == ["p8", "p6", "p4", "p2", "p0"]
    assert names(ten_products.list({"ids": ["prod_1", "prod_3"]})) == ["p3", "p1"]
    assert names(ten_products.list({"created": {"gt": int(time.time()) + 60}})) == []


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"starting_after": "prod_x"}, "starting_after"),
        ({"starting_after": "prod_1", "ending_before": "prod_2"}, "ending_before"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_invalid_pagination_is_rejected(ten_products: Any, params: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        ten_products.list(params)
    assert (caught.value.http_status, caught.value.param) == (400, param)


def test_page_of_large_table_is_fast(sandbox: Any) -> None:
    with storage.transaction():
        for number in range(10_000):
            products.new(f"p{number}", active=number % 2 == 0)
    last = sandbox.client.v1.products.list({"limit": 1, "active": True}).data[0]
    started = time.process_time()  # unlike the time of day, it does not depend on other processes
    for _ in range(5):
        page = sandbox.client.v1.products.list({"limit": 100, "active": True, "starting_after": last.id})
    assert len(page.data) == 100
    assert (time.process_time() - started) / 5 < 0.25  # 10 ms on an idle machine


def test_expand_replaces_ids_by_objects(sandbox: Any) -> None:
    product = sandbox.product(recurring={"interval": "month"})
    v1 = sandbox.client.v1
    assert v1.prices.retrieve(
        product.default_price, {"expand": ["product.default_price"]}
    ).product.default_price.product
    assert v1.products.list({"expand": ["data.default_price"]}).data[0].default_price.unit_amount == 1900
    assert (
        v1.products.update(product.id, {"name": "B", "expand": ["default_price"]}).default_price.object
        == "price"
    )
    assert v1.products.create({"name": "C", "expand": ["default_price"]}).default_price is None


@pytest.mark.parametrize(
    "path",
    [
        "name",
        "nothing",
        "default_price.product.default_price.product.default_price",
        "images",
        "default_price.currency",
    ],
)
def test_invalid_expand_is_rejected(sandbox: Any, path: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sandbox.client.v1.products.retrieve(sandbox.product().id, {"expand": [path]})
    assert (caught.value.http_status, path in str(caught.value)) == (400, True)


def test_expanding_a_list_requires_data_prefix(sandbox: Any) -> None:
    sandbox.product()
    with pytest.raises(stripe.InvalidRequestError, match=r"data\.default_price"):
        sandbox.client.v1.products.list({"expand": ["default_price"]})


def test_rejected_expand_creates_nothing(sandbox: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.client.v1.products.create({"name": "A", "expand": ["name"]})
    assert sandbox.client.v1.products.list().data == []
    assert sandbox.events() == []


def test_metadata_merges_and_unsets(sandbox: Any) -> None:
    update = sandbox.client.v1.customers.update
    customer = sandbox.client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    assert update(customer.id, {"metadata": {"b": "", "c": "3"}}).metadata.to_dict() == {"a": "1", "c": "3"}
    assert update(customer.id, {"name": "Ada"}).metadata.to_dict() == {"a": "1", "c": "3"}
    assert update(customer.id, {"metadata": ""}).metadata.to_dict() == {}


@pytest.mark.parametrize(
    "metadata",
    [{"k" * 41: "v"}, {"k": "v" * 501}, {f"k{n}": "v" for n in range(51)}],
    ids=["key", "value", "number"],
)
def test_metadata_has_limits(sandbox: Any, metadata: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sandbox.client.v1.customers.create({"metadata": metadata})
    assert caught.value.param == "metadata"


@pytest.mark.parametrize("path", ["data.data.object", "data.data", "data.data.object.customer"])
def test_objects_of_events_cannot_be_expanded(sandbox: Any, path: str) -> None:
    sandbox.product()
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded") as caught:
        sandbox.client.v1.events.list({"expand": [path]})
    assert caught.value.http_status == 400


def test_embedded_rows_are_paginated(sandbox: Any) -> None:
    customer = sandbox.client.v1.customers.create({}).id
    prices = [sandbox.product(recurring={"interval": "month"}).default_price for _ in range(5)]
    plan: Any = {
        "customer": customer,
        "items": [{"price": price} for price in prices],
        "trial_period_days": 7,
    }
    subscription = sandbox.client.v1.subscriptions.create(plan).id
    list_items = sandbox.client.v1.subscription_items.list
    page = list_items({"subscription": subscription, "limit": 2})
    assert page.has_more
    ids = [item.id for item in page.auto_paging_iter()]
    assert ids == [item.id for item in list_items({"subscription": subscription}).data]
    back = list_items({"subscription": subscription, "limit": 2, "ending_before": ids[4]})
    assert ([item.id for item in back.data], back.has_more) == (ids[2:4], True)
    for wrong in ({}, {"subscription": "sub_x"}, {"subscription": subscription, "starting_after": "si_x"}):
        with pytest.raises(stripe.InvalidRequestError):
            list_items(wrong)


def test_lines_of_a_preview_can_be_listed(sandbox: Any) -> None:
    customer = sandbox.client.v1.customers.create({}).id
    price = sandbox.product(recurring={"interval": "month"}).default_price
    plan: Any = {"customer": customer, "items": [{"price": price}], "trial_period_days": 7}
    subscription = sandbox.client.v1.subscriptions.create(plan).id
    preview = sandbox.client.v1.invoices.create_preview({"subscription": subscription})
    lines = sandbox.client.v1.invoices.line_items.list(preview.id)
    assert [line.id for line in lines.data] == [line.id for line in preview.lines.data]
