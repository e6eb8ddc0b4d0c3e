"""A NUL character, which PostgreSQL can't store or compare, is a client error and never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import bought, signed_in

NUL = "a\x00b"


def admin_lists() -> list[str]:
    return [
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry
    ]


def test_nul_in_query_strings_is_no_server_error(as_ada: Client, icons: ProductConfiguration) -> None:
    order = bought(as_ada, icons).get_absolute_url()
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
                assert client.get(page, {name: NUL}).status_code < 500, (page, name)


def test_nul_in_forms_is_no_server_error(as_ada: Client, icons: ProductConfiguration) -> None:
    forms: dict[str, dict[str, str]] = {
        "/store/icon-set/buy/": {"price": NUL, "next": NUL},
        "/accounts/login/": {"login": NUL, "password": NUL, "next": NUL},
        "/accounts/signup/": {"email": f"{NUL}@example.com", "password1": NUL},
        "/accounts/password/reset/": {"email": f"{NUL}@example.com"},
        "/accounts/email/": {"email": f"{NUL}@example.com", "action_add": ""},
    }
    for page, form in forms.items():
        for client in (as_ada, Client()):
            assert client.post(page, form).status_code < 500, page


@pytest.mark.parametrize("name", admin_lists())
def test_nul_in_admin_lists_is_no_server_error(olive: User, name: str) -> None:
    client, address = signed_in(olive), reverse(name)
    model_admin: Any = next(
        row for model, row in admin.site._registry.items() if model._meta.model_name in name
    )
    parameters = {"q": NUL, "o": NUL, "p": NUL, "_facets": NUL, "id__exact": NUL}
    for entry in model_admin.list_filter:
        field = entry if isinstance(entry, str) else entry[0]
        parameters |= {f"{field}__exact": NUL, f"{field}__isempty": NUL}
    for parameter, value in parameters.items():
        assert client.get(address, {parameter: value}).status_code < 500, parameter
    for other in (reverse(name.replace("changelist", "change"), args=[NUL]), f"{address}?pk={NUL}"):
        assert client.get(other).status_code < 500, other
