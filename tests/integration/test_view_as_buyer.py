"""Operators see the shop as a buyer sees it. They can't change anything, and each view is in the audit log."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse
from django.utils import timezone

from apps.core.read_only import ReadOnly, read_only
from apps.ecommerce.back_office.roles import OPERATORS, SUPPORT
from apps.ecommerce.models import (
    Lesson,
    LessonProgress,
    OperatorAction,
    ProductConfiguration,
    Purchase,
    Section,
)
from apps.ecommerce.stripe_api.client import get_client
from apps.users.guests import SESSION_KEY, Guest, new_guest_token
from apps.users.models import User
from tests.factories import add_file, first_price, press_buy, signed_in
from tests.integration.urls import Shop, read_body
from tests.operator_actions import action_url, confirm

pytestmark = pytest.mark.django_db

COOKIE = "view_as_buyer"
STOP = "/view-as-buyer/stop/"


@pytest.fixture
def stan(db: None) -> User:
    """Return Stan, an operator who is not a superuser."""
    user = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    user.groups.add(Group.objects.get(name=OPERATORS))
    return user


@pytest.fixture
def as_stan(stan: User) -> Client:
    return signed_in(stan)


@pytest.fixture
def viewing(as_stan: Client, purchase: Purchase) -> Client:
    """Return Stan's browser while he sees the shop as Ada."""
    start(as_stan, purchase)
    return as_stan


def start(operator: Client, purchase: Purchase) -> Any:
    response = confirm(operator, action_url(purchase, "view_as_buyer"))
    assert (response.status_code, response["Location"]) == (302, purchase.get_absolute_url())
    return response


def start_at_customer(operator: Client, user: User) -> Any:
    url = f"/admin/ecommerce/purchase/view-as/{user.pk}/"
    page = operator.get(url)
    if page.status_code != 200:
        return page
    (token,) = re.findall(r'name="token" value="([^"]+)"', page.content.decode())
    return operator.post(url, {"token": token})


def signed_in_email(client: Client) -> str:
    """Return the e-mail address of the user who is signed in for the pages."""
    return str(client.get("/purchases/").context["user"].email)


# --- seeing -----------------------------------------------------------------------------------------------


def test_operator_sees_the_pages_of_the_buyer_with_a_banner(
    viewing: Client, as_ada: Client, ada: User, purchase: Purchase, icons: ProductConfiguration
) -> None:
    for url in (
        "/store/",
        "/purchases/",
        purchase.get_absolute_url(),
        f"/purchases/{icons.slug}/",
        "/nowhere/",
    ):
        page = viewing.get(url)
        assert page.status_code == as_ada.get(url).status_code
        assert f'action="{STOP}"' in page.content.decode()
        assert page.context["user"] == ada
        assert "no-store" in page["Cache-Control"]
        assert f'action="{STOP}"' not in as_ada.get(url).content.decode()


def test_stop_returns_to_the_operators_own_session(viewing: Client, stan: User, purchase: Purchase) -> None:
    key = viewing.session.session_key
    response = viewing.post(STOP)
    assert response["Location"] == f"/admin/ecommerce/purchase/{purchase.pk}/change/"
    assert viewing.cookies[COOKIE].value == ""
    assert (signed_in_email(viewing), viewing.session.session_key) == (stan.email, key)
    assert viewing.get("/admin/").status_code == 200
    assert viewing.get(purchase.get_absolute_url()).status_code == 404


def test_audit_log_says_who_saw_whom_from_when_to_when(
    viewing: Client, stan: User, ada: User, purchase: Purchase
) -> None:
    entry = OperatorAction.objects.get()
    assert (entry.operator, entry.action, entry.purchase) == (stan, "view_as_buyer", purchase)
    assert entry.details["user"] == str(ada.pk)
    assert entry.finished_at == entry.started_at + timedelta(minutes=30)  # the operator has not pressed Stop
    viewing.post(STOP)
    entry.refresh_from_db()
    assert entry.finished_at is not None
    assert entry.finished_at - entry.started_at < timedelta(minutes=1)


def test_view_starts_from_the_page_of_a_customer_without_orders(as_stan: Client, bob: User) -> None:
    link = f"/admin/ecommerce/purchase/view-as/{bob.pk}/"
    assert link in as_stan.get(f"/admin/users/user/{bob.pk}/change/").content.decode()
    assert start_at_customer(as_stan, bob)["Location"] == "/purchases/"
    assert signed_in_email(as_stan) == bob.email
    assert as_stan.post(STOP)["Location"] == f"/admin/users/user/{bob.pk}/change/"


def test_view_ends_after_thirty_minutes(viewing: Client, stan: User, purchase: Purchase) -> None:
    entries = OperatorAction.objects.all()
    entries.set_outcome(OperatorAction.Outcome.DONE, finished_at=timezone.now() - timedelta(seconds=1))
    before = entries.get().finished_at
    # The first request is not processed: a form of the buyer's page would act on the operator's account.
    response = viewing.post(
        f"/store/{purchase.product.configuration.slug}/buy/", {"price": purchase.price_id}
    )
    assert response["Location"] == f"/admin/ecommerce/purchase/{purchase.pk}/change/"
    assert not Purchase.objects.filter(user=stan).exists()
    assert entries.get().finished_at == before
    assert signed_in_email(viewing) == stan.email


def test_other_requests_need_no_additional_queries(as_ada: Client, icons: ProductConfiguration) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        as_ada.get("/art/x.svg")
    assert len(queries) == 0


# --- changing nothing -------------------------------------------------------------------------------------


def rows_of_all_tables() -> dict[str, list[Any]]:
    """Return all rows but those of sessions, which are the operator's own."""
    from django.apps import apps

    managers = [model._base_manager for model in apps.get_models() if model is not Session]
    return {
        manager.model._meta.label: list(manager.order_by("pk").values_list())
        for manager in managers
        if manager.db == DEFAULT_DB_ALIAS  # apps/shop may use others
    }


def test_no_url_changes_anything(populated_shop: Shop, settings: Any) -> None:
    """Open and post each URL of the site as the buyer, as a page, as JSON and with htmx."""
    settings.ADMIN_REQUIRES_MFA = False
    operator = signed_in(populated_shop.users["staff"])  # type: ignore[arg-type]
    start(operator, populated_shop.purchases["owner"])
    before = rows_of_all_tables()
    for url, url_path in populated_shop.urls("owner"):
        if url.name == "stop_view_as_buyer" or url.name.startswith("stripe_sandbox"):
            continue
        read_body(operator.get(url_path))
        if not url.is_admin:
            read_body(operator.get(url_path, headers={"HX-Request": "true", "Accept": "application/json"}))
        for headers in (
            ({},) if url.is_admin else ({}, {"HX-Request": "true"}, {"Accept": "application/json"})
        ):
            assert operator.post(url_path, headers=headers).status_code == 403, (url.name, headers)
    assert rows_of_all_tables() == before
    assert signed_in_email(operator) == "ada@example.com"


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_other_methods_are_refused(viewing: Client, method: str) -> None:
    assert getattr(viewing, method)("/purchases/").status_code == 403


def test_refusal_has_a_message_for_pages_htmx_and_programs(
    viewing: Client, icons: ProductConfiguration
) -> None:
    page = viewing.post("/accounts/logout/")
    assert page.status_code == 403
    assert f'action="{STOP}"' in page.content.decode()
    for headers in ({"HX-Request": "true"}, {"Accept": "application/json"}):
        answer = viewing.post(f"/store/{icons.slug}/buy/", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (403, "read_only")


@pytest.mark.parametrize(
    "name", ["account", "account_export", "account_delete", "account_email", "account_change_password",
             "account_logout", "mfa_index", "mfa_add_webauthn", "usersessions_list", "billing_details",
             "admin:index", "admin:users_user_changelist"],
)  # fmt: skip
def test_pages_of_the_account_and_of_the_admin_are_refused(viewing: Client, name: str, ada: User) -> None:
    response = viewing.get(reverse(name))
    assert response.status_code == 403
    assert f'action="{STOP}"' in response.content.decode()


def test_opening_a_lesson_is_not_counted_as_progress(
    viewing: Client, as_ada: Client, icons: ProductConfiguration, purchase: Purchase
) -> None:
    section = Section.objects.create(configuration=icons, title="Basics")
    lesson = Lesson.objects.create(section=section, title="Grids", text="Use a grid.")
    url = f"/purchases/{icons.slug}/lessons/{lesson.pk}/"
    assert "Use a grid." in viewing.get(url).content.decode()
    assert viewing.post(f"{url}done/").status_code == 403
    assert not LessonProgress.objects.exists()
    as_ada.get(url)
    assert LessonProgress.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_pages_of_an_unfinished_checkout_do_not_ask_stripe(
    as_stan: Client, as_ada: Client, purchase: Purchase, club: ProductConfiguration, disconnect_stripe: Any
) -> None:
    session = press_buy(as_ada, club).rpartition("/")[2]
    checkout = Purchase.objects.get(product=club.product)
    start(as_stan, purchase)
    disconnect_stripe()
    returned = f"/store/checkout/return/?session_id={session}"
    assert as_stan.get(returned).status_code == 403  # the return page would store when the buyer came back
    Purchase.objects.filter(pk=checkout.pk).update(returned_at=timezone.now())
    before = rows_of_all_tables()
    order = checkout.get_absolute_url()
    for url in (order, f"{order}?from=portal", f"{order}status/", "/purchases/changes/", returned):
        assert as_stan.get(url).status_code in (200, 204)
    assert rows_of_all_tables() == before


def test_orders_of_the_operators_own_browser_are_not_shown(
    viewing: Client, sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    """The operator has bought without signing in, for example to try it."""
    EmailAddress.objects.get_or_create(
        user=ada, email=ada.email, defaults={"verified": True, "primary": True}
    )
    token = new_guest_token()
    Purchase.objects.create_for(
        Guest(token), first_price(icons), "test", email="stan@example.com", status="paid"
    )
    session = viewing.session
    session[SESSION_KEY] = token
    session.save()
    page = viewing.get("/purchases/")
    assert page.status_code == 200
    assert "stan@example.com" not in page.content.decode()


def test_files_can_be_downloaded(viewing: Client, icons: ProductConfiguration) -> None:
    file = add_file(icons)
    response = read_body(viewing.get(f"/purchases/{icons.slug}/files/{file.pk}/"))
    assert (response.status_code, response.body) == (200, b"icons")
    assert "no-store" in response["Cache-Control"]


def writes_on_get(request: HttpRequest) -> HttpResponse:
    User.objects.filter(pk=request.user.pk).update(name="Changed")
    return HttpResponse("done")


async def reads_user(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(str(user))


urlpatterns = [path("write/", writes_on_get), path("who/", reads_user), path("", include("config.urls"))]


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF=__name__)
def test_founders_pages_that_write_are_refused(viewing: Client, as_ada: Client, ada: User) -> None:
    response = viewing.get("/write/")
    assert response.status_code == 403
    assert f'action="{STOP}"' in response.content.decode()
    ada.refresh_from_db()
    assert ada.name == "Ada Lovelace"
    assert as_ada.get("/write/").status_code == 200


@override_settings(ROOT_URLCONF=__name__)
def test_async_views_get_the_buyer_too(viewing: Client, ada: User) -> None:
    assert viewing.get("/who/").content.decode() == ada.email


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_to_stripe_and_no_row_is_written_while_reading_only(ada: User) -> None:
    changes = (
        ada.save,
        ada.delete,
        lambda: User.objects.update(name="x"),
        lambda: User.objects.create_user("x@y.z"),
    )
    with read_only():
        for change in changes:
            with pytest.raises(ReadOnly):
                change()
        with pytest.raises(ReadOnly):
            get_client()
        assert User.objects.get() == ada
    ada.save()


# --- attacks ----------------------------------------------------------------------------------------------


def test_only_operators_with_the_permission_start_a_view(
    bob: User, ada: User, purchase: Purchase, as_ada: Client
) -> None:
    url = action_url(purchase, "view_as_buyer")
    customer = f"/admin/ecommerce/purchase/view-as/{ada.pk}/"
    assert as_ada.get(url).status_code == 302  # to the sign-in page of the admin
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support = signed_in(bob)
    for address in (url, customer):
        assert (support.get(address).status_code, support.post(address).status_code) == (403, 403)
    bob.user_permissions.add(Permission.objects.get(codename="view_as_buyer"))
    start(support, purchase)


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_operators_and_blocked_accounts_are_not_seen(
    as_stan: Client, ada: User, purchase: Purchase, rights: dict[str, bool]
) -> None:
    User.objects.filter(pk=ada.pk).update(**rights)
    assert start_at_customer(as_stan, ada).status_code == 404
    assert as_stan.get(action_url(purchase, "view_as_buyer")).status_code == 302
    assert COOKIE not in as_stan.cookies


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_view_ends_when_the_buyer_becomes_an_operator(
    viewing: Client, stan: User, ada: User, rights: dict[str, bool]
) -> None:
    User.objects.filter(pk=ada.pk).update(**rights)
    assert viewing.get("/purchases/").status_code == 302
    assert signed_in_email(viewing) == stan.email


def lose_permission(stan: User) -> None:
    stan.groups.clear()


def lose_staff(stan: User) -> None:
    User.objects.filter(pk=stan.pk).update(is_staff=False)


@pytest.mark.parametrize("lose", [lose_permission, lose_staff])
def test_view_ends_when_the_operator_loses_the_right(viewing: Client, stan: User, lose: Any) -> None:
    lose(stan)
    response = viewing.get("/purchases/")
    assert response.status_code == 302
    assert signed_in_email(viewing) == stan.email
    assert OperatorAction.objects.get().finished_at <= timezone.now()  # type: ignore[operator]


def test_view_needs_the_second_factor(viewing: Client, stan: User, settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = True
    assert viewing.get("/purchases/").status_code == 302
    assert signed_in_email(viewing) == stan.email


def test_blocked_operator_sees_nothing(viewing: Client, stan: User) -> None:
    User.objects.filter(pk=stan.pk).update(is_active=False)
    assert "/login/" in viewing.get("/purchases/")["Location"]


@pytest.mark.parametrize("value", ["", "x", str(UUID(int=0)), "' OR 1=1"])
def test_invented_cookie_does_nothing(as_bob: Client, bob: User, value: str) -> None:
    as_bob.cookies[COOKIE] = value
    assert signed_in_email(as_bob) == bob.email
    assert as_bob.cookies[COOKIE].value == ""


def test_cookie_of_another_operator_does_nothing(
    viewing: Client, olive: User, as_bob: Client, bob: User, client: Client
) -> None:
    token = viewing.cookies[COOKIE].value
    for other, email in ((signed_in(olive), olive.email), (as_bob, bob.email)):
        other.cookies[COOKIE] = token
        assert signed_in_email(other) == email
    client.cookies[COOKIE] = token
    assert client.get("/purchases/").status_code == 302


def test_cookie_that_names_another_action_does_nothing(
    as_stan: Client, stan: User, ada: User, purchase: Purchase
) -> None:
    confirm(as_stan, action_url(purchase, "refresh"))
    as_stan.cookies[COOKIE] = str(OperatorAction.objects.get().token)
    assert signed_in_email(as_stan) == stan.email


def test_stopped_view_can_be_resumed_neither_by_its_cookie_nor_by_its_form(
    as_stan: Client, stan: User, purchase: Purchase
) -> None:
    url = action_url(purchase, "view_as_buyer")
    fields = dict(re.findall(r'name="(token|state)" value="([^"]+)"', as_stan.get(url).content.decode()))
    for _ in range(2):  # the button is pressed twice
        as_stan.post(url, fields)
    assert signed_in_email(as_stan) == "ada@example.com"
    token = as_stan.cookies[COOKIE].value
    as_stan.post(STOP)
    ended = OperatorAction.objects.get().finished_at
    as_stan.post(url, fields)
    as_stan.get("/purchases/")
    as_stan.cookies[COOKIE] = token
    as_stan.get("/purchases/")
    assert signed_in_email(as_stan) == stan.email
    assert OperatorAction.objects.get().finished_at == ended


def test_view_is_pinned_to_the_buyer_of_its_start(
    viewing: Client, ada: User, bob: User, purchase: Purchase
) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(user=bob)
    assert signed_in_email(viewing) == ada.email


def test_stop_needs_a_csrf_token_and_an_earlier_form_can_not_be_sent_later(
    stan: User, purchase: Purchase, icons: ProductConfiguration
) -> None:
    browser = signed_in(stan, enforce_csrf_checks=True)
    url = action_url(purchase, "view_as_buyer")
    fields = dict(
        re.findall(
            r'name="(token|state|csrfmiddlewaretoken)" value="([^"]+)"', browser.get(url).content.decode()
        )
    )
    assert browser.post(url, fields).status_code == 302
    page = browser.get(f"/store/{icons.slug}/").content.decode()
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page))
    assert browser.post(STOP).status_code == 403
    assert signed_in_email(browser) == "ada@example.com"
    assert browser.post(STOP, {"csrfmiddlewaretoken": token}).status_code == 302
    form = {"price": icons.prices[0].id, "csrfmiddlewaretoken": token}
    assert browser.post(f"/store/{icons.slug}/buy/", form).status_code == 403


@pytest.mark.parametrize("field", ["next", "redirect_to", "back"])
def test_stop_and_start_redirect_to_no_other_site(as_stan: Client, purchase: Purchase, field: str) -> None:
    evil = {field: "https://evil.example/"}
    url = action_url(purchase, "view_as_buyer")
    assert confirm(as_stan, url, **evil)["Location"] == purchase.get_absolute_url()
    response = as_stan.post(f"{STOP}?{field}=https://evil.example/", evil)
    assert response["Location"].startswith("/admin/")


def test_stop_without_a_view_is_a_404(as_bob: Client, client: Client) -> None:
    assert as_bob.post(STOP).status_code == 404
    assert as_bob.get(STOP).status_code == 405
    assert "/login/" in client.post(STOP)["Location"]


def test_signing_in_as_another_user_ends_the_view(viewing: Client, bob: User) -> None:
    viewing.force_login(bob)
    assert signed_in_email(viewing) == bob.email


def test_cookie_is_not_readable_by_scripts_and_not_stored(viewing: Client) -> None:
    cookie = viewing.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")


def test_page_seen_by_an_operator_reaches_no_other_user(
    viewing: Client, client: Client, as_bob: Client, cached_pages: None, page_cache_writes: list[Any]
) -> None:
    urls = ("/store/", "/store/icon-set/")
    for url in urls:
        assert STOP in viewing.get(url).content.decode()
    assert page_cache_writes == []
    for other in (client, as_bob):
        for url in urls:
            assert STOP not in other.get(url).content.decode()
