"""The product editor with two people, changes in Stripe's Dashboard, and a Stripe that fails in the middle."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import stripe
from django.test import Client

from apps.ecommerce.admin import price_forms, product_forms
from apps.ecommerce.catalogue import publish as publishing
from apps.ecommerce.models import Category, ProductConfiguration
from apps.users.models import User
from stripe_sandbox import storage, switches
from tests.concurrency import run_at_once
from tests.factories import signed_in
from tests.integration.editor_form import ADD, add_to_form, change_url, form_of, new_product, read_form, save
from tests.integration.test_product_editor import active_prices

pytestmark = pytest.mark.django_db(transaction=True)


def fail_requests(path: str, times: int = 3, status: int = 500) -> None:
    """Let the API fail: three times, because the SDK repeats a request twice."""
    switches.change(api_status=status, api_times=times, api_path=path)


def products(sandbox: Any) -> list[Any]:
    return list(sandbox.client.v1.products.list({"limit": 100}).data)


def test_change_in_the_dashboard_is_shown_and_not_overwritten(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"name": "Mine", "tagline": "Sharp"}
    sandbox.client.v1.products.update(icons.product_id, {"name": "Theirs"})
    response = save(as_olive, change_url(icons), form)
    assert response.status_code == 422
    assert "Theirs" in response.content.decode()
    assert sandbox.client.v1.products.retrieve(icons.product_id).name == "Theirs"
    icons.refresh_from_db()
    assert icons.tagline == ""
    again = form_of(response)
    assert again["name"] == "Mine"
    assert save(as_olive, change_url(icons), again).status_code == 302
    assert sandbox.client.v1.products.retrieve(icons.product_id).name == "Mine"


def test_value_that_only_others_have_changed_is_taken_into_the_form(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"tagline": "Sharp"}
    sandbox.client.v1.products.update(icons.product_id, {"name": "Theirs"})
    response = save(as_olive, change_url(icons), form)
    assert response.status_code == 422
    again = form_of(response)
    assert (again["name"], again["tagline"]) == ("Theirs", "Sharp")
    assert save(as_olive, change_url(icons), again).status_code == 302
    icons.refresh_from_db()
    assert (icons.product.name, icons.tagline) == ("Theirs", "Sharp")


def test_price_that_was_added_in_the_dashboard_is_shown(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"prices-0-amount": "29"}
    params: Any = {"product": icons.product_id, "currency": "usd", "unit_amount": 7700}
    added = sandbox.client.v1.prices.create(params)
    response = save(as_olive, change_url(icons), form)
    assert response.status_code == 422
    again = form_of(response)
    amounts = {again[f"prices-{number}-amount"] for number in range(2)}
    assert amounts == {"29.00", "77.00"}
    assert save(as_olive, change_url(icons), again).status_code == 302
    prices = active_prices(sandbox, icons)
    assert {price.unit_amount for price in prices} == {2900, 7700}
    assert added.id in {price.id for price in prices}


def test_price_that_was_archived_in_the_dashboard_is_not_made_again(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration, team: Any
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"tagline": "Sharp"}
    sandbox.client.v1.prices.update(team.id, {"active": False})
    response = save(as_olive, change_url(icons), form)
    assert response.status_code == 422
    assert save(as_olive, change_url(icons), form_of(response)).status_code == 302
    assert [price.unit_amount for price in active_prices(sandbox, icons)] == [1900]


def test_second_of_two_people_sees_the_changes_of_the_first(
    as_olive: Client, icons: ProductConfiguration
) -> None:
    first = read_form(as_olive, change_url(icons)) | {
        "description": "First",
        "faq-0-question": "A?",
        "faq-0-answer": "A",
    }
    second = read_form(as_olive, change_url(icons)) | {"description": "Second", "category": "Icons"}
    assert save(as_olive, change_url(icons), first).status_code == 302
    response = save(as_olive, change_url(icons), second)
    assert response.status_code == 422
    icons.refresh_from_db()
    assert (icons.description, icons.category) == ("First", None)
    again = form_of(response)
    assert (again["description"], again["faq-0-question"]) == ("Second", "A?")
    assert save(as_olive, change_url(icons), again).status_code == 302
    icons.refresh_from_db()
    assert (icons.description, str(icons.category), icons.faq.count()) == ("Second", "Icons", 1)


def test_row_that_is_saved_while_stripe_answers_is_not_overwritten(
    as_olive: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"description": "Mine", "name": "Icons"}
    write_default = publishing._Writer.write_default

    def write_while_another_saves(writer: Any, price_id: str) -> None:
        ProductConfiguration.objects.filter(pk=icons.pk).update(description="Theirs")
        write_default(writer, price_id)

    monkeypatch.setattr(publishing._Writer, "write_default", write_while_another_saves)
    assert save(as_olive, change_url(icons), form).status_code == 422
    icons.refresh_from_db()
    assert icons.description == "Theirs"


@pytest.mark.parametrize(
    "path", ["POST /v1/products", "POST /v1/prices", "POST /v1/products/*", "GET /v1/prices"]
)
def test_stripe_that_fails_in_the_middle_gets_no_second_product(
    as_olive: Client, sandbox: Any, path: str
) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    form = add_to_form(form, "prices", [{"amount": "9", "kind": "month", "currency": "usd"}], start=1)
    fail_requests(path)
    response = save(as_olive, ADD, form, "_publish")
    assert response.status_code == 422
    assert not ProductConfiguration.objects.filter(status="on_sale").exists()
    for _round in range(2):
        sandbox.deliver()  # webhooks of what was made
    assert b"Field notes" not in Client().get("/store/").content
    response = save(as_olive, ADD, form_of(response) | {"name": "Field notebook"}, "_publish")
    assert response.status_code == 302, response.content.decode()
    [product] = products(sandbox)
    assert product.name == "Field notebook"
    row = ProductConfiguration.objects.get()
    assert [price.unit_amount for price in active_prices(sandbox, row)] == [1900, 900]
    assert row.status == "on_sale"


def test_response_that_was_lost_gets_no_second_price(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"prices-0-amount": "29"}
    write_price = publishing._Writer.write_price

    def lose_response(*args: Any) -> str:
        write_price(*args)
        raise stripe.APIConnectionError("The connection was closed.")  # type: ignore[no-untyped-call]

    with monkeypatch.context() as patch:
        patch.setattr(publishing._Writer, "write_price", lose_response)
        response = save(as_olive, change_url(icons), form)
    assert response.status_code == 422
    assert save(as_olive, change_url(icons), form_of(response)).status_code == 302
    assert [price.unit_amount for price in active_prices(sandbox, icons)] == [2900]
    assert len(sandbox.client.v1.prices.list({"product": icons.product_id}).data) == 2


def test_form_that_is_sent_twice_makes_one_product(as_olive: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {
        "name": "Field notes",
        "prices-0-amount": "19",
        "faq-0-question": "A?",
        "faq-0-answer": "A",
    }
    assert save(as_olive, ADD, form, "_publish").status_code == 302
    assert save(as_olive, ADD, form, "_publish").status_code == 302
    row = ProductConfiguration.objects.get()
    assert (len(products(sandbox)), len(active_prices(sandbox, row)), row.faq.count()) == (1, 1, 1)
    changed = read_form(as_olive, change_url(row)) | {"prices-0-amount": "29"}
    for _press in range(2):
        assert save(as_olive, change_url(row), changed).status_code == 302
    assert [price.unit_amount for price in active_prices(sandbox, row)] == [2900]


def test_form_that_is_sent_twice_at_the_same_time_makes_one_product(olive: User, sandbox: Any) -> None:
    clients = [signed_in(olive) for _number in range(3)]
    form = read_form(clients[0], ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    form = add_to_form(form, "prices", [{"amount": "9", "kind": "month", "currency": "usd"}], start=1)

    def press(client: Client) -> int:
        return int(save(client, ADD, form, "_publish").status_code)

    assert 302 in run_at_once(partial(press, client) for client in clients)
    row = ProductConfiguration.objects.get()
    assert len(products(sandbox)) == 1
    assert sorted(price.unit_amount for price in active_prices(sandbox, row)) == [900, 1900]
    assert row.status == "on_sale"


def test_form_that_is_sent_again_after_the_back_button_does_not_overwrite(
    as_olive: Client, sandbox: Any
) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    assert save(as_olive, ADD, form, "_publish").status_code == 302
    row = ProductConfiguration.objects.get()
    edited = read_form(as_olive, change_url(row)) | {"name": "Edited"}
    assert save(as_olive, change_url(row), edited).status_code == 302
    assert save(as_olive, ADD, form | {"name": "Old page"}, "_publish").status_code == 422
    assert sandbox.client.v1.products.retrieve(row.product_id).name == "Edited"


@pytest.mark.parametrize(
    ("limit", "field", "values"),
    [
        ((product_forms, "MAX_FEATURE_LENGTH", 500), "features", {"features": "x" * 81}),
        ((price_forms, "MIN_CHARGES", {}), "minimum", {"prices-0-kind": "custom", "prices-0-minimum": "0.10"}),
        ((price_forms, "MAX_INTERVALS", {"week": 999}), "interval_count",
         {"prices-0-kind": "every", "prices-0-interval": "week", "prices-0-interval_count": "500"}),
    ],
)  # fmt: skip
def test_errors_of_stripe_appear_at_the_field(
    as_olive: Client, sandbox: Any, monkeypatch: pytest.MonkeyPatch, limit: Any, field: str, values: Any
) -> None:
    monkeypatch.setattr(*limit)
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"} | values
    response = save(as_olive, ADD, form, "_publish")
    assert response.status_code == 422
    forms = response.context["forms"]
    errors = forms.product.errors if field == "features" else forms.prices.forms[0].errors
    assert list(errors) == [field]
    page = response.content.decode()
    assert "must be" in page or "at least" in page
    good = {"features": "Paper", "prices-0-minimum": "5", "prices-0-interval_count": "5"}
    again = form_of(response) | {name: value for name, value in good.items() if name in values}
    assert save(as_olive, ADD, again, "_publish").status_code == 302
    assert len(products(sandbox)) == 1


def test_refused_second_price_does_not_repeat_the_first_one(
    as_olive: Client, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_forms, "MIN_CHARGES", {})
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    form = add_to_form(form, "prices", [{"kind": "custom", "minimum": "0.1", "currency": "usd"}], start=1)
    response = save(as_olive, ADD, form, "_publish")
    assert list(response.context["forms"].prices.forms[1].errors) == ["minimum"]
    again = form_of(response) | {"prices-0-amount": "20", "prices-1-minimum": "2"}
    assert save(as_olive, ADD, again, "_publish").status_code == 302
    fixed, custom = active_prices(sandbox, ProductConfiguration.objects.get())
    assert (custom.custom_unit_amount or fixed.custom_unit_amount).minimum == 200
    assert {price.unit_amount for price in (fixed, custom)} == {2000, None}


def test_key_without_permission_is_named(as_olive: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    switches.change(missing_permissions=["product_write"])
    response = save(as_olive, ADD, form, "_publish")
    assert response.status_code == 422
    assert "product_write" in response.content.decode()
    switches.change(missing_permissions=[])
    assert save(as_olive, ADD, form_of(response), "_publish").status_code == 302


def test_unreachable_stripe_loses_no_input(
    as_olive: Client, icons: ProductConfiguration, disconnect_stripe: Any
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"description": "A long text"}
    disconnect_stripe()
    response = save(as_olive, change_url(icons), form)
    assert response.status_code == 422
    assert form_of(response)["description"] == "A long text"


def test_product_that_was_deleted_at_stripe_is_not_made_again(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"tagline": "Sharp"}
    for price in active_prices(sandbox, icons):
        storage.delete(price.id)
    sandbox.client.v1.products.delete(icons.product_id)
    assert save(as_olive, change_url(icons), form).status_code == 422
    assert not products(sandbox)


def test_groups_are_found_again_in_any_case(as_olive: Client) -> None:
    new_product(as_olive, "One", "1", category="Fonts", tags="Serif")
    new_product(as_olive, "Two", "2", category="FONTS", tags="serif, SERIF")
    assert Category.objects.count() == 1
    [one, two] = ProductConfiguration.objects.all()
    assert [tag.name for tag in two.tags.all()] == [tag.name for tag in one.tags.all()] == ["Serif"]
