from __future__ import annotations

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
