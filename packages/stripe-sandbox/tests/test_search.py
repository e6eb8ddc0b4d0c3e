"""The search query language."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from stripe_sandbox.testing import Sandbox


@pytest.fixture
def products(sandbox: Sandbox) -> Any:
    products = sandbox.client.v1.products
    for name, metadata in (
        ("Icon set", {"kind": "art"}),
        ("Fonts", {"kind": "art", "dear": "yes"}),
        ("Club", {}),
    ):
        products.create({"name": name, "metadata": metadata, "active": name != "Club"})
    return products


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name:'icon set'", ["Icon set"]),
        ('name~"ON"', ["Fonts", "Icon set"]),
        ("active:'true' AND metadata['kind']:'art'", ["Fonts", "Icon set"]),
        ("metadata['kind']:'art' -metadata['dear']:'yes'", ["Icon set"]),
        ('metadata["kind"]:null', ["Club"]),
        ("name:'Club' OR name:'Fonts'", ["Club", "Fonts"]),
        ("active:'false'", ["Club"]),
        ("description:'x'", []),
    ],
)
def test_query_finds_objects(products: Any, query: str, names: list[str]) -> None:
    assert [product.name for product in products.search({"query": query}).data] == names


@pytest.mark.parametrize(
    "query",
    ["", "name", "colour:'red'", "metadata:'a'", "name['a']:'b'", "active>'a'", "name:'a' AND active:'b' OR active:'c'",
     "name:'a' )"],
)  # fmt: skip
def test_invalid_query_is_refused(products: Any, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        products.search({"query": query})
    assert caught.value.param == "query"


def test_numbers_are_compared(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({"name": "Ada"})
    search = sandbox.client.v1.customers.search
    assert search({"query": f"created>={customer.created} AND created<{customer.created + 60}"}).data
    assert not search({"query": f"created>{customer.created}"}).data
    with pytest.raises(stripe.InvalidRequestError):
        search({"query": "created~'1'"})


def test_results_are_paginated(sandbox: Sandbox) -> None:
    for number in range(5):
        sandbox.client.v1.customers.create({"name": f"Ada {number}"})
    page = sandbox.client.v1.customers.search({"query": "name~'ada'", "limit": 2})
    assert (len(page.data), page.has_more) == (2, True)
    assert [customer.name for customer in page.auto_paging_iter()] == [
        f"Ada {number}" for number in range(4, -1, -1)
    ]


def test_found_objects_can_be_expanded(sandbox: Sandbox) -> None:
    product = sandbox.product("Club")
    params: Any = {"query": f"product:'{product.id}'", "expand": ["data.product", "data.currency_options"]}
    (price,) = sandbox.client.v1.prices.search(params).data
    assert price.product.name == "Club"
    assert price.currency_options[price.currency].unit_amount == price.unit_amount
