"""Random requests that the SDK's types allow get a valid object or an error with a message."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode
from typing_extensions import is_typeddict

from stripe_sandbox import api, params, routes
from stripe_sandbox.testing.sdk_types import check_response

HEADERS = {"Authorization": "Bearer sk_test_x"}
IDS = [
    "prod_1",
    "price_1",
    "price_2",
    "cus_1",
    "nope",
    "",
    "usd",
    "jpy",
    "https://shop.example/",
    "a@example.com",
]


def values(hint: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Generate values of this type."""
    options = []
    for option in params._options(hint):
        if get_origin(option) is Literal:
            options.append(st.sampled_from(get_args(option)))
        elif is_typeddict(option) and depth < 4:
            options.append(requests(option, depth + 1))
        elif get_origin(option) is list:
            options.append(st.lists(values(get_args(option)[0], depth), min_size=1, max_size=2))
        elif get_origin(option) is dict:
            options.append(
                st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", ""]), max_size=2)
            )
        elif option in _SIMPLE_TYPES:
            options.append(_SIMPLE_TYPES[option])
    return st.one_of(*options) if options else st.none()


_SIMPLE_TYPES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.sampled_from(IDS) | st.text(max_size=5),
    int: st.sampled_from([0, 1, 100, 2_000_000_000]) | st.integers(-5, 5000),
    bool: st.booleans(),
    float: st.floats(0, 100),
    Decimal: st.decimals(0, 1000, places=3),
}


def requests(
    schema: Any, depth: int = 0, supported: frozenset[str] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Generate some parameters of this TypedDict, on the top level mostly supported ones."""
    fields = params._fields(schema)
    top_level = {path.partition(".")[0] for path in supported} if supported is not None else fields.keys()
    required = {name: values(hint, depth) for name, (hint, needed) in fields.items() if needed}
    optional = {
        name: values(hint, depth)
        for name, (hint, needed) in fields.items()
        if not needed and name in top_level
    }
    return st.fixed_dictionaries(required, optional=optional)


POSTS = [route for route in routes.ROUTES if route.method == "POST"]
EXAMPLE_IDS = {"/v1/products/{id}": "prod_1", "/v1/prices/{id}": "price_1", "/v1/customers/{id}": "cus_1"}


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_request_gets_a_valid_response(sandbox: Any, route: routes.Route, data: st.DataObject) -> None:
    if not sandbox.events():
        product = sandbox.product(id="prod_1")
        for fields in ({}, {"recurring": {"interval": "month"}}):
            sandbox.client.v1.prices.create(
                {"product": product.id, "currency": "usd", "unit_amount": 100, **fields}
            )
    ids = [item.id for item in sandbox.client.v1.prices.list().data]
    body = data.draw(requests(route.schema, supported=route.supported))
    encoded = urlencode(list(_api_encode(body))).replace("price_1", ids[0]).replace("price_2", ids[-1])
    path = route.path.replace("{id}", EXAMPLE_IDS.get(route.path, "nope").replace("price_1", ids[0]))
    response = api.handle("POST", path, HEADERS, encoded.encode(), "", "http://shop.example")
    answer = json.loads(response.body)
    assert response.status in (200, 400, 404), answer
    if response.status == 200:
        check_response(answer)
    else:
        assert answer["error"]["message"]
