from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from stripe_sandbox.resources import products

KEY: Any = {"idempotency_key": "order-1"}
IN_USE = (409, "idempotency_key_in_use")


def test_repeated_request_replays_response(sandbox: Any) -> None:
    create = sandbox.client.v1.products.create
    first, again = create({"name": "A"}, KEY), create({"name": "A"}, KEY)
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Original-Request"] == first.last_response.request_id
    assert len(sandbox.events("product.created")) == 1
    assert sandbox.events()[0]["request"] == {
        "id": first.last_response.request_id,
        "idempotency_key": "order-1",
    }


@pytest.mark.parametrize("what", ["parameters", "endpoint"])
def test_key_cannot_be_reused_for_another_request(sandbox: Any, what: str) -> None:
    v1 = sandbox.client.v1
    v1.products.create({"name": "A"}, KEY)
    with pytest.raises(stripe.IdempotencyError, match=f"same {what}") as caught:
        v1.products.create({"name": "B"}, KEY) if what == "parameters" else v1.customers.create({}, KEY)
    assert caught.value.http_status == 400


def test_validation_errors_are_not_stored(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    missing: Any = {"currency": "usd", "unit_amount": 100, "product": "prod_later"}
    with pytest.raises(stripe.InvalidRequestError, match="No such product"):
        v1.prices.create(missing, KEY)
    v1.products.create({"name": "A", "id": "prod_later"})
    with pytest.raises(stripe.InvalidRequestError, match="No such product"):
        v1.prices.create(missing, KEY)
    other: Any = {"idempotency_key": "order-2"}
    with pytest.raises(stripe.InvalidRequestError, match="Missing required param: unit_amount"):
        v1.prices.create({"currency": "usd", "product": "prod_later"}, other)
    assert v1.prices.create(missing, other).unit_amount == 100


def test_concurrent_requests_with_one_key_run_once(sandbox: Any) -> None:
    def create(_: int) -> str:
        try:
            return str(sandbox.client.v1.products.create({"name": "A"}, KEY).id)
        except stripe.APIError as error:
            return f"{error.http_status} {error.json_body['error']['code']}"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(create, range(32)))
    assert len(outcomes.keys() - {"409 idempotency_key_in_use"}) == 1
    assert len(sandbox.client.v1.products.list().data) == 1


def test_concurrent_request_gets_409(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()
    build = products.new

    def slow(name: str, **fields: Any) -> Any:
        entered.set()
        assert leave.wait(10)
        return build(name, **fields)

    monkeypatch.setattr(products, "new", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sandbox.client.v1.products.create, {"name": "A"}, KEY)
        assert entered.wait(10)
        with pytest.raises(stripe.APIError) as caught:
            sandbox.client.v1.products.create({"name": "A"}, KEY)
        assert (caught.value.http_status, caught.value.json_body["error"]["code"]) == IN_USE
        leave.set()
        assert first.result().name == "A"


def test_concurrent_threads_can_write(sandbox: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: sandbox.client.v1.products.create({"name": f"p{n}"}), range(64)))
    assert len(sandbox.client.v1.products.list({"limit": 100}).data) == 64


def test_key_length_is_limited(sandbox: Any) -> None:
    with pytest.raises(stripe.IdempotencyError):
        sandbox.client.v1.products.create({"name": "A"}, {"idempotency_key": "k" * 256})
