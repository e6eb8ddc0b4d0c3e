from __future__ import annotations

from typing import Any

import pytest
import stripe


def types(sandbox: Any) -> list[str]:
    return [event["type"] for event in sandbox.events()]


def test_update_events_contain_old_values(sandbox: Any) -> None:
    product = sandbox.product(metadata={"slug": "icons"})
    sandbox.client.v1.products.update(product.id, {"active": False, "metadata": {"tone": "warm", "slug": ""}})
    event = sandbox.events("product.updated")[-1]
    assert event["data"]["object"]["active"] is False
    previous = event["data"]["previous_attributes"]
    assert previous["active"] is True
    assert previous["metadata"] == {"slug": "icons", "tone": None}
    assert "name" not in previous


def test_unchanged_object_emits_no_event(sandbox: Any) -> None:
    product = sandbox.product(name="Icons")
    sandbox.client.v1.products.update(product.id, {"name": "Icons"})
    assert "product.updated" not in types(sandbox)


def test_create_update_and_delete_emit_events(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    product, customer = v1.products.create({"name": "A"}), v1.customers.create({"email": "a@example.com"})
    v1.products.delete(product.id)
    v1.customers.update(customer.id, {"email": "b@example.com"})
    v1.customers.delete(customer.id)
    price = v1.products.retrieve(sandbox.product().id).default_price
    v1.prices.update(price, {"nickname": "Launch"})
    assert types(sandbox) == [
        "product.created", "customer.created", "product.deleted", "customer.updated", "customer.deleted",
        "price.created", "product.created", "price.updated",
    ]  # fmt: skip


def test_price_amount_is_immutable(sandbox: Any) -> None:
    price = sandbox.product().default_price
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: unit_amount"):
        sandbox.client.v1.prices.update(price, {"unit_amount": 5})


def test_default_price_cannot_be_archived(sandbox: Any) -> None:
    v1, product = sandbox.client.v1, sandbox.product()
    with pytest.raises(stripe.InvalidRequestError, match="default price of its product"):
        v1.prices.update(product.default_price, {"active": False})
    other = v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 1})
    v1.products.update(product.id, {"default_price": other.id})
    assert v1.prices.update(product.default_price, {"active": False}).active is False
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        v1.products.update(product.id, {"default_price": product.default_price})


def test_default_price_must_belong_to_product(sandbox: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="belongs to another") as caught:
        sandbox.client.v1.products.update(
            sandbox.product().id, {"default_price": sandbox.product().default_price}
        )
    assert caught.value.param == "default_price"


def test_product_with_prices_cannot_be_deleted(sandbox: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="user-created prices"):
        sandbox.client.v1.products.delete(sandbox.product().id)


def test_duplicate_product_id_is_rejected(sandbox: Any) -> None:
    assert sandbox.product(id="prod_icons").id == "prod_icons"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sandbox.product(id="prod_icons")
    assert caught.value.code == "resource_already_exists"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"unit_amount": 1}, "currency"),
        ({"currency": "usd"}, "unit_amount"),
        ({"currency": "usd", "unit_amount": 1, "unit_amount_decimal": "1.5"}, "unit_amount"),
        ({"currency": "usd", "unit_amount": -1}, "unit_amount"),
        ({"currency": "xxx", "unit_amount": 1}, "currency"),
        ({"currency": "usd", "unit_amount": 1, "recurring": {}}, "recurring[interval]"),
        ({"currency": "usd", "unit_amount": 1, "recurring": {"interval": "year", "interval_count": 4}},
         "recurring[interval_count]"),
        ({"currency": "usd", "unit_amount": 1, "product_data": {"name": "A"}}, "product"),
    ],
)  # fmt: skip
def test_invalid_price_is_rejected(sandbox: Any, params: dict[str, Any], param: str) -> None:
    body = {"product": sandbox.product().id, **params}
    if "recurring" in params and not params["recurring"]:
        body["recurring"] = {"interval_count": 1}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sandbox.client.v1.prices.create(body)
    assert (caught.value.http_status, caught.value.param) == (400, param)


def test_amounts_keep_their_decimals(sandbox: Any) -> None:
    create = sandbox.client.v1.prices.create
    product = sandbox.product().id
    exact = create({"product": product, "currency": "JPY", "unit_amount_decimal": "1200"})
    assert (exact.unit_amount, exact.unit_amount_decimal, exact.currency) == (1200, 1200, "jpy")
    tiny = create({"product": product, "currency": "usd", "unit_amount_decimal": "0.05"})
    assert (tiny.unit_amount, str(tiny.unit_amount_decimal)) == (None, "0.05")


def test_lookup_key_is_unique_until_transferred(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    params: Any = {
        "product": sandbox.product().id,
        "currency": "usd",
        "unit_amount": 1,
        "lookup_key": "monthly",
    }
    first = v1.prices.create(params)
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        v1.prices.create(params)
    second = v1.prices.create({**params, "transfer_lookup_key": True})
    assert [price.id for price in v1.prices.list({"lookup_keys": ["monthly"]})] == [second.id]
    assert v1.prices.retrieve(first.id).lookup_key is None


def test_required_fields_cannot_be_unset(sandbox: Any) -> None:
    update = sandbox.client.v1.products.update
    product = sandbox.product(description="Words")
    assert update(product.id, {"description": ""}).description is None
    with pytest.raises(stripe.InvalidRequestError) as caught:
        update(product.id, {"name": ""})
    assert (caught.value.code, caught.value.param) == ("parameter_invalid_empty", "name")


def test_deleted_customer_has_only_its_id(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "a@example.com"})
    v1.customers.delete(customer.id)
    assert v1.customers.retrieve(customer.id).deleted is True
    assert v1.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        v1.customers.update(customer.id, {"name": "Ada"})


def test_plans_are_the_recurring_prices(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    once = str(sandbox.product("Icon set").default_price)
    monthly = str(sandbox.product("Club", 900, recurring={"interval": "month"}).default_price)
    (plan,) = v1.plans.list({"active": True}).data
    assert (plan.id, plan.amount, plan.interval, plan.object) == (monthly, 900, "month", "plan")
    assert v1.plans.retrieve(monthly).product == plan.product
    with pytest.raises(stripe.InvalidRequestError, match="No such plan"):
        v1.plans.retrieve(once)


def test_objects_that_cannot_be_created_have_empty_lists(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    assert list(v1.credit_notes.list({"customer": customer}).auto_paging_iter()) == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        v1.credit_notes.list({"customer": "cus_none"})
