"""The admin carries the shop's name and theme, has a short menu, and is where operators land."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import models
from django.test import Client
from django.urls import reverse

from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.models import (
    ExternalSale,
    LicenceKey,
    Payment,
    ProductConfiguration,
    Purchase,
    Section,
    WebhookEvent,
)
from apps.users import admin_site
from apps.users.models import User
from tests.account_actions import sign_in
from tests.factories import add_file, signed_in
from tests.integration.test_external_sales import sell_elsewhere
from tests.plugins.clock import Clock, totp_code

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "olive-runs-this"
INLINE = re.compile(
    r"<style|<script(?![^>]* src=)(?![^>]* type=\"application/json)|\sstyle=|\son[a-z]+=", re.I
)


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = False


def page_of(operator: Client, path: str) -> str:
    response = operator.get(path)
    assert response.status_code == 200, (path, response)
    return response.content.decode()


def menu_of(operator: Client) -> list[str]:
    return [link["url"] for link in operator.get("/admin/").context["menu"]]


def pages(purchase: Purchase, user: User) -> list[str]:
    row = purchase.product.configuration.pk
    orders, products, users = (
        f"/admin/{name}/" for name in ("ecommerce/purchase", "ecommerce/productconfiguration", "users/user")
    )
    return [
        *(
            "/admin/",
            "/admin/ecommerce/",
            "/admin/search/",
            "/admin/search/?q=ada",
            "/admin/password_change/",
        ),
        *(orders, f"{orders}{purchase.pk}/change/", f"{orders}{purchase.pk}/change/?all"),
        f"{orders}{purchase.pk}/actions/refresh/",
        *(products, f"{products}add/", f"{products}{row}/change/", f"{products}{row}/settings/"),
        *(f"{products}order/", f"{products}{row}/history/", f"/admin/ecommerce/lesson/of-product/{row}/"),
        *(users, f"{users}add/", f"{users}{user.pk}/change/", f"{users}{user.pk}/delete/"),
        *(f"{users}{user.pk}/history/", f"{users}{user.pk}/password/", f"{users}?_popup=1"),
        *("/admin/ecommerce/payment/", "/admin/ecommerce/webhookevent/", "/admin/auth/group/add/"),
    ]


def test_each_page_has_the_shops_name_stylesheet_and_no_inline_code(
    as_olive: Client, ada: User, purchase: Purchase, settings: Any
) -> None:
    settings.SITE_NAME = "Corner Shop"
    for path in pages(purchase, ada):
        page = page_of(as_olive, path)
        assert re.search(r"<title>[^<]*· Corner Shop</title>", page), path
        assert not re.search("Django (administration|site admin)|Site administration", page), path
        assert "css/admin.css" in page, path
        assert not INLINE.findall(page), (path, INLINE.findall(page))


def test_pages_follow_the_shops_theme_switch(as_olive: Client, purchase: Purchase) -> None:
    paths = ("/admin/", "/admin/ecommerce/purchase/", "/admin/users/user/add/")
    for path in paths:
        assert not re.search(r'<body class="[^"]*theme-', page_of(as_olive, path)), path
    as_olive.post("/theme/", {"theme": "dark", "next": "/admin/"})
    for path in paths:
        assert re.search(r'<body class="[^"]*theme-dark', page_of(as_olive, path)), path
        assert "js/theme.js" not in page_of(as_olive, path)  # the script of Django's theme switch


def test_menu_has_what_the_operator_may_see(as_olive: Client) -> None:
    orders, events = (reverse(f"admin:ecommerce_{name}_changelist") for name in ("purchase", "webhookevent"))
    assert {orders, events, reverse("admin:users_user_changelist")} < set(menu_of(as_olive))
    sue = User.objects.create_user("sue@example.com", "sue-helps-out", is_staff=True)
    as_sue = signed_in(sue)
    assert menu_of(as_sue) == []
    sue.user_permissions.add(Permission.objects.get(codename="view_purchase"))
    assert menu_of(as_sue) == [orders]
    sue.groups.add(Group.objects.get(name=SUPPORT))
    assert set(menu_of(as_sue)) == set(menu_of(as_olive)) - {reverse("admin_exports")}  # support is read only


def test_menu_marks_the_current_list(as_olive: Client, purchase: Purchase) -> None:
    for path in ("/admin/ecommerce/purchase/", f"/admin/ecommerce/purchase/{purchase.pk}/change/"):
        links = as_olive.get(path).context["menu"]
        assert [link["url"] for link in links if link["is_current"]] == ["/admin/ecommerce/purchase/"]


def test_menu_leaves_out_a_page_that_the_shop_has_removed(
    as_olive: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = admin_site.MenuItem("Sales", "Gone", "admin:gone_changelist", "ecommerce.view_purchase")
    before = menu_of(as_olive)
    monkeypatch.setattr(admin_site, "menu", [item, *admin_site.menu])
    assert menu_of(as_olive) == before


def test_first_page_links_all_tables(as_olive: Client) -> None:
    page = page_of(as_olive, "/admin/")
    tables = page.partition("<details")[2]
    for model in (Payment, Purchase, ExternalSale, WebhookEvent, Group, User):
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert f'href="{url}"' in tables, url


def test_apps_add_values_to_the_first_page(as_olive: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_site, "index_context", [lambda request: {"who": request.user.email}])
    assert as_olive.get("/admin/").context["who"] == "olive@example.com"


def test_page_without_permission_has_no_search_and_no_menu(as_ada: Client) -> None:
    response = as_ada.get("/admin/", follow=True)
    assert "admin-search" not in response.content.decode()


# --- lists --------------------------------------------------------------------------------------------------


def test_each_cell_of_a_list_names_its_column(as_olive: Client, purchase: Purchase) -> None:
    page = page_of(as_olive, "/admin/ecommerce/purchase/")
    row = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.search(r'<th data-label="Order number" class="field-order_number"><a href', row)
    assert '<td data-label="Status" class="field-status">' in row
    assert '<td class="action-checkbox">' in row
    assert len(re.findall("<t[dh] data-label", row)) == len(re.findall("<t[dh] ", row)) - 1


def test_cells_of_an_editable_list_and_of_inlines_name_their_columns(
    as_olive: Client, purchase: Purchase
) -> None:
    page = page_of(as_olive, "/admin/ecommerce/productconfiguration/")
    assert re.search(r'<td data-label="Status" class="field-status"><select', page)
    page = page_of(as_olive, f"/admin/ecommerce/purchase/{purchase.pk}/change/?all")
    assert '<td class="field-amount_total" data-label="Amount total">' in page


# --- links to the shop --------------------------------------------------------------------------------------


def test_link_to_the_shop_never_leads_to_a_missing_page(
    as_olive: Client, purchase: Purchase, icons: ProductConfiguration, sandbox: Any
) -> None:
    sell_elsewhere(sandbox, icons, "eve@example.com")
    add_file(icons)
    lessons = Section.objects.create(configuration=icons, title="Start")
    lessons.lessons.create(title="First")
    LicenceKey.objects.create(configuration=icons, key="AB12")
    icons.faq.create(question="Why?", answer="Because.")
    icons.status = ProductConfiguration.Status.HIDDEN
    icons.save()
    checked = set()
    for model, model_admin in admin.site._registry.items():
        if model.__module__.startswith("apps.shop."):
            continue
        row: models.Model | None = model._default_manager.first()
        url = model_admin.get_view_on_site_url(row) if row else None
        if url:
            checked.add(model)
            assert as_olive.get(url, follow=True).status_code == 200, (model, url)
    assert ProductConfiguration in checked


# --- after signing in ---------------------------------------------------------------------------------------


def test_operator_lands_in_the_admin(client: Client, olive: User) -> None:
    assert sign_in(client, olive.email, PASSWORD)["Location"] == "/admin/"
    assert client.get("/accounts/login/")["Location"] == "/admin/"


def test_operator_of_a_group_lands_in_the_admin(client: Client) -> None:
    sue = User.objects.create_user("sue@example.com", "sue-helps-out", is_staff=True)
    sue.groups.add(Group.objects.get(name=SUPPORT))
    assert sign_in(client, sue.email, "sue-helps-out")["Location"] == "/admin/"


def test_operator_returns_to_the_page_that_asked_to_sign_in(client: Client, olive: User) -> None:
    assert sign_in(client, olive.email, PASSWORD, next="/store/")["Location"] == "/store/"


def test_staff_without_permissions_and_buyers_land_in_the_shop(client: Client, ada: User) -> None:
    User.objects.create_user("sue@example.com", "sue-helps-out", is_staff=True)
    assert sign_in(client, "sue@example.com", "sue-helps-out")["Location"] == "/purchases/"
    ada.user_permissions.add(Permission.objects.get(codename="view_purchase"))
    assert sign_in(Client(), ada.email, "ada-buys-things")["Location"] == "/purchases/"


def test_operator_lands_in_the_admin_after_the_second_factor(
    client: Client, olive: User, clock: Clock, settings: Any
) -> None:
    settings.ADMIN_REQUIRES_MFA = True
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(olive, secret)
    assert sign_in(client, olive.email, PASSWORD)["Location"].startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in client.session
    code = {"code": totp_code(secret, clock)}
    assert client.post("/accounts/2fa/authenticate/", code)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_operator_without_a_required_second_factor_is_asked_to_add_one(
    client: Client, olive: User, settings: Any
) -> None:
    settings.ADMIN_REQUIRES_MFA = True
    sign_in(client, olive.email, PASSWORD)
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/accounts/2fa/"
