"""A null byte, which PostgreSQL cannot store or compare, causes no server error."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import buy, signed_in

NULL_BYTE = "a\x00b"


def admin_lists() -> list[str]:
    return [
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry
    ]


def test_null_byte_in_query_strings_causes_no_server_error(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    order = buy(as_ada, icons).get_absolute_url()
    pages = [
        "/",
        "/store/",
        "/store/icon-set/",
        "/accounts/login/",
        "/accounts/signup/",
        "/purchases/",
        order,
    ]
    pages += [f"{order}status/", "/store/checkout/return/", "/purchases/icon-set/", "/art/x.svg"]
    names = [
        "q",
        "sort",
        "type",
        "page",
        "next",
        "view",
        "seen",
        "from",
        "canceled",
        "session_id",
        "price",
        "owned",
    ]
    for page in pages:
        for name in names:
            for client in (as_ada, Client()):
                assert client.get(page, {name: NULL_BYTE}).status_code < 500, (page, name)


@pytest.mark.parametrize("query", ["q=a%00b", "q=a\0b", "q=a%0%000b", "q=a%0\x000b", "q=a%%00%000000b"])
def test_no_null_byte_remains_in_a_query_string(icons: ProductConfiguration, query: str) -> None:
    request = Client().get("/store/", QUERY_STRING=query).wsgi_request
    assert request.GET["q"] in ("ab", "a00b")


def test_null_byte_in_forms_causes_no_server_error(as_ada: Client, icons: ProductConfiguration) -> None:
    forms: dict[str, dict[str, str]] = {
        "/store/icon-set/buy/": {"price": NULL_BYTE, "next": NULL_BYTE},
        "/accounts/login/": {"login": NULL_BYTE, "password": NULL_BYTE, "next": NULL_BYTE},
        "/accounts/signup/": {"email": f"{NULL_BYTE}@example.com", "password1": NULL_BYTE},
        "/accounts/password/reset/": {"email": f"{NULL_BYTE}@example.com"},
        "/accounts/email/": {"email": f"{NULL_BYTE}@example.com", "action_add": ""},
    }
    for page, form in forms.items():
        for client in (as_ada, Client()):
            assert client.post(page, form).status_code < 500, page


@pytest.mark.parametrize("name", admin_lists())
def test_null_byte_in_admin_lists_causes_no_server_error(olive: User, name: str) -> None:
    client, url = signed_in(olive), reverse(name)
    model_admin: Any = next(
        row for model, row in admin.site._registry.items() if model._meta.model_name in name
    )
    parameters = {
        "q": NULL_BYTE,
        "o": NULL_BYTE,
        "p": NULL_BYTE,
        "_facets": NULL_BYTE,
        "id__exact": NULL_BYTE,
    }
    for entry in model_admin.list_filter:
        if isinstance(entry, type):
            parameters[entry.parameter_name] = NULL_BYTE
            continue
        field = entry if isinstance(entry, str) else entry[0]
        parameters |= {f"{field}__exact": NULL_BYTE, f"{field}__isempty": NULL_BYTE}
    for parameter, value in parameters.items():
        assert client.get(url, {parameter: value}).status_code < 500, parameter
    for other in (reverse(name.replace("changelist", "change"), args=[NULL_BYTE]), f"{url}?pk={NULL_BYTE}"):
        assert client.get(other).status_code < 500, other
