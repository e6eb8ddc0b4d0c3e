from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from stripe_sandbox import errors, forms

names = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=8)
values = st.recursive(
    st.text(max_size=8) | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def to_tree(value: Any) -> Any:
    """Return the value as hashes of text, as decoding returns it."""
    if isinstance(value, dict):
        return {key: to_tree(nested) for key, nested in value.items()}
    if isinstance(value, list):
        return {str(index): to_tree(nested) for index, nested in enumerate(value)}
    return str(value).lower() if isinstance(value, bool) else str(value)


def replace_booleans_in_lists(value: Any) -> Any:
    """Replace booleans in lists, which the SDK encodes as "True"; Stripe has no lists of booleans."""
    if isinstance(value, dict):
        return {key: replace_booleans_in_lists(nested) for key, nested in value.items()}
    if isinstance(value, list):
        return [0 if isinstance(item, bool) else replace_booleans_in_lists(item) for item in value]
    return value


@given(st.dictionaries(names, values, max_size=4).map(replace_booleans_in_lists))
def test_decode_reverses_the_sdks_encoding(params: dict[str, Any]) -> None:
    assert forms.decode(urlencode(list(_api_encode(params)))) == to_tree(params)


def test_lists_without_indexes_are_numbered() -> None:
    assert forms.decode("expand[]=a&expand[]=b") == {"expand": {"0": "a", "1": "b"}}


@pytest.mark.parametrize(
    ("encoded", "items"),
    [
        ("i[][price]=a&i[][quantity]=1&i[][price]=b&i[][quantity]=2",
         [{"price": "a", "quantity": "1"}, {"price": "b", "quantity": "2"}]),
        ("i[][price]=a&i[][price]=b&i[][quantity]=2", [{"price": "a"}, {"price": "b", "quantity": "2"}]),
        ("i[][data][x]=1&i[][data][y]=2&i[][data][x]=3", [{"data": {"x": "1", "y": "2"}}, {"data": {"x": "3"}}]),
        ("i[][tags][]=1&i[][name]=a", [{"tags": ["1"], "name": "a"}]),
    ],
)  # fmt: skip
def test_hashes_in_lists_without_indexes_are_grouped(encoded: str, items: list[Any]) -> None:
    assert forms.decode(encoded) == {"i": to_tree(items)}


def test_last_of_two_values_is_used() -> None:
    assert forms.decode("name=a&name=b") == {"name": "b"}


@pytest.mark.parametrize("encoded", ["a=1&a[b]=2", "a[b]=1&a=2", "a[b]=1&a[b][c]=2"])
def test_name_cannot_be_both_value_and_hash(encoded: str) -> None:
    with pytest.raises(errors.ApiError):
        forms.decode(encoded)


LISTS: list[dict[str, Any]] = [
    {"expand": ["data.product", "data.currency_options"]},
    {"types": ["price.created", "charge.*"], "created": {"gte": "1"}},
    {"items": [{"price": "price_1", "quantity": "2"}, {"price": "price_2", "quantity": "1"}]},
    {"line_items": [
        {"price_data": {"currency": "usd", "product_data": {"name": "A", "images": ["a", "b"]}}, "quantity": "1"},
        {"price_data": {"currency": "usd", "product_data": {"name": "B", "images": ["c"]}}, "quantity": "2"},
    ]},
    {"custom_fields": [
        {"key": "a", "dropdown": {"options": [{"label": "x", "value": "1"}, {"label": "y", "value": "2"}]}},
        {"key": "b", "dropdown": {"options": [{"label": "z", "value": "3"}]}},
    ]},
    {"saved_payment_method_options": {"allow_redisplay_filters": ["always", "limited"]}},
    {"features": {"subscription_update": {"products": [
        {"product": "prod_1", "prices": ["price_1", "price_2"]},
        {"product": "prod_2", "prices": ["price_3"]},
    ]}}},
    {"discounts": [{"coupon": "A"}, {"coupon": "B"}]},
]  # fmt: skip


@pytest.mark.parametrize("params", LISTS, ids=lambda params: next(iter(params)))
def test_brackets_mean_the_same_as_indexes(params: dict[str, Any]) -> None:
    indexed = list(_api_encode(params))
    rack = [(re.sub(r"\[\d+\]", "[]", name), value) for name, value in indexed]
    assert any("[]" in name for name, _ in rack)
    assert forms.decode(urlencode(rack)) == forms.decode(urlencode(indexed))
