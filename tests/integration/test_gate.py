"""`@product_required`, its class mixin and `{% if_owned %}` admit owners and redirect others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.views import View
from django.views.generic import TemplateView

from apps.ecommerce.models import ACCESS_STATUSES, FileVersion, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases import entitlements
from apps.ecommerce.purchases.decorators import ProductRequiredMixin, product_required
from apps.users.models import User
from tests.factories import add_file, buy, pay, press_buy, url_path

pytestmark = pytest.mark.django_db


@pytest.fixture
def icons_file(icons: ProductConfiguration) -> ProductConfiguration:
    add_file(icons, "Icon set — v2.zip", bytes(range(256)) * 4)
    return icons


GATED = ["/purchases/icon-set/", "/purchases/icon-set/download/"]


@pytest.mark.parametrize("path", GATED)
def test_visitor_is_redirected_to_sign_in(icons_file: ProductConfiguration, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/purchases/icon-set/"  # the page with the download


@pytest.mark.parametrize("path", GATED)
def test_user_without_the_product_is_redirected_to_the_store(
    as_bob: Client, icons_file: ProductConfiguration, path: str
) -> None:
    response = as_bob.get(path)
    assert response.status_code == 302
    assert response["Location"] == "/store/?product=icon-set"


@pytest.mark.parametrize("path", GATED)
def test_owner_gets_an_uncacheable_response(
    as_ada: Client, icons_file: ProductConfiguration, path: str
) -> None:
    buy(as_ada, icons_file)
    response = as_ada.get(path)
    response.close()
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]


def test_status_without_access_is_refused(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    statuses = [status for status in Status if status not in ACCESS_STATUSES]
    assert statuses
    for status in statuses:
        Purchase.objects.update(status=status)
        assert as_ada.get("/purchases/icon-set/").status_code == 302, status


def test_predicate_and_queryset_of_access_agree(as_ada: Client, icons: ProductConfiguration) -> None:
    from datetime import timedelta

    from django.utils import timezone

    now = timezone.now()
    purchase = buy(as_ada, icons)
    times = [None, now - timedelta(days=30), now - timedelta(days=1), now + timedelta(days=1)]
    for status in Status:
        for started in times:
            for ends in times:
                for live in (False, True):
                    fields = {
                        "status": status,
                        "current_period_start": started,
                        "cancel_at": ends,
                        "livemode": live,
                    }
                    Purchase.objects.update(**fields)
                    purchase.refresh_from_db()
                    assert entitlements.purchases_with_access(now).exists() == entitlements.has_access(
                        purchase, now
                    ), fields


def test_unknown_product_is_404(as_ada: Client, sandbox: Any) -> None:
    assert as_ada.get("/purchases/nothing/").status_code == 404
    assert as_ada.get("/purchases/nothing/download/").status_code == 404


def create_request(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/anything/")
    request.user = user
    request.session = {}  # type: ignore[assignment]
    request._messages = type("Messages", (), {"add": lambda *args: None})()  # type: ignore[attr-defined]
    return request


def test_gate_sets_product_and_purchase_on_the_request(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)

    @product_required
    def by_url(request: Any, product_slug: str) -> HttpResponse:
        return HttpResponse(f"{request.product_config.pk} {request.product_purchase.pk}")

    @product_required(product_slug="icon-set")
    def by_slug(request: Any) -> HttpResponse:
        return HttpResponse(f"{request.product_config.pk} {request.product_purchase.pk}")

    class ByClass(ProductRequiredMixin, View):
        def get(self, request: Any, product_slug: str) -> HttpResponse:
            return HttpResponse(f"{request.product_config.pk} {request.product_purchase.pk}")

    expected = f"{icons.pk} {purchase.pk}".encode()
    assert by_url(create_request(ada), product_slug="icon-set").content == expected
    assert by_slug(create_request(ada)).content == expected
    assert ByClass.as_view()(create_request(ada), product_slug="icon-set").content == expected
    for view in (by_url, ByClass.as_view()):
        assert view(create_request(AnonymousUser()), product_slug="icon-set").status_code == 302
        with pytest.raises(Http404):
            view(create_request(ada), product_slug="nothing")


@pytest.mark.django_db(transaction=True)
def test_gate_works_for_async_views(
    as_ada: Client, ada: User, bob: User, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)

    @product_required
    async def view(request: Any, product_slug: str) -> HttpResponse:
        await asyncio.sleep(0)
        return HttpResponse(str(request.product_config.slug))

    assert asyncio.run(view(create_request(ada), product_slug="icon-set")).content == b"icon-set"
    assert asyncio.run(view(create_request(bob), product_slug="icon-set")).status_code == 302


def test_protected_view_without_a_product_says_what_is_missing(ada: User) -> None:
    @product_required
    def view(request: HttpRequest) -> HttpResponse:
        raise AssertionError("opened")

    with pytest.raises(ImproperlyConfigured, match="set product_slug, or add <slug:product_slug> to the URL"):
        view(create_request(ada))
    with pytest.raises(TypeError, match='product_slug="icon-set"'):
        product_required("icon-set")  # type: ignore[arg-type]


def test_mixin_after_the_view_class_is_refused() -> None:
    with pytest.raises(TypeError, match="Lesson: ProductRequiredMixin must come before"):
        type("Lesson", (TemplateView, ProductRequiredMixin), {})


def test_if_owned_shows_its_content_to_owners_only(
    as_ada: Client, ada: User, bob: User, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)
    template = Template("{% load store %}{% if_owned thing %}yes{% else %}no{% endif_owned %}")
    bare = Template("{% load store %}{% if_owned thing %}yes{% endif_owned %}")
    for thing in (icons, icons.product):
        for user, text in ((ada, "yes"), (bob, "no"), (AnonymousUser(), "no")):
            context = Context({"thing": thing, "request": create_request(user)})
            assert template.render(context) == text
            assert bare.render(context) == text.replace("no", "")


def test_if_owned_names_a_variable_that_the_template_lacks(as_ada: Client, ada: User) -> None:
    template = Template("{% load store %}{% if_owned prodcut %}yes{% else %}no{% endif_owned %}")
    with pytest.raises(ValueError, match="this template has no prodcut"):
        template.render(Context({"request": create_request(ada)}))


# --- download ---------------------------------------------------------------------------------------------


CONTENT = bytes(range(256)) * 4


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def test_download_has_a_filename_and_no_public_url(as_ada: Client, icons_file: ProductConfiguration) -> None:
    buy(as_ada, icons_file)
    response = as_ada.get("/purchases/icon-set/download/")
    assert body_of(response) == CONTENT
    assert response["Content-Type"] == "application/zip"
    assert "attachment" in response["Content-Disposition"]
    assert ".zip" in response["Content-Disposition"]
    upload = FileVersion.objects.get().upload
    name = upload.name
    for guess in (
        f"/media/{name}",
        f"/static/{name}",
        f"/private/{name}",
        f"/{name}",
        f"/media/../private/{name}",
    ):
        assert as_ada.get(guess).status_code in (400, 404), guess
    with pytest.raises(ValueError, match="no URL"):
        upload.url  # noqa: B018


def test_range_request_returns_the_requested_bytes(as_ada: Client, icons_file: ProductConfiguration) -> None:
    buy(as_ada, icons_file)
    for range_header, status, body in (
        ("bytes=0-9", 206, CONTENT[:10]),
        ("bytes=1000-", 206, CONTENT[1000:]),
        ("bytes=-24", 206, CONTENT[-24:]),
        ("bytes=-5000", 206, CONTENT),
        ("bytes=1020-9999", 206, CONTENT[1020:]),
        ("bytes=1024-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=9-3", 200, CONTENT),
        ("bytes=0-1,4-5", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        ("bytes=-", 200, CONTENT),
    ):
        response = as_ada.get("/purchases/icon-set/download/", headers={"range": range_header})
        assert response.status_code == status, range_header
        assert body_of(response) == body, range_header
        assert response["Accept-Ranges"] == "bytes", range_header
        if status == 206:
            assert int(response["Content-Length"]) == len(body), range_header
            assert response["Content-Range"].endswith("/1024"), range_header
        if status == 416:
            assert response["Content-Range"] == "bytes */1024", range_header


def test_range_of_another_version_returns_the_whole_file(
    as_ada: Client, icons_file: ProductConfiguration
) -> None:
    buy(as_ada, icons_file)
    headers = {"range": "bytes=0-9", "if-range": '"another-version"'}
    whole = as_ada.get("/purchases/icon-set/download/", headers=headers)
    assert (whole.status_code, body_of(whole)) == (200, CONTENT)
    etag = whole["ETag"]
    same = as_ada.get("/purchases/icon-set/download/", headers={"range": "bytes=0-9", "if-range": etag})
    assert same.status_code == 206


def test_download_of_a_product_without_a_file_is_404(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    assert as_ada.get("/purchases/icon-set/download/").status_code == 404


def test_content_is_rendered_as_markdown_without_html(as_ada: Client, icons: ProductConfiguration) -> None:
    ProductConfiguration.objects.update(
        content="# Hi\n\n<script>alert(1)</script> [x](javascript:alert(1)) **bold**"
    )
    buy(as_ada, icons)
    page = as_ada.get("/purchases/icon-set/").content.decode()
    assert "<strong>bold</strong>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


# --- files and JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "remembered"),
    [
        ({}, True),
        ({"accept": "text/html", "sec-fetch-dest": "document"}, True),
        ({"sec-fetch-dest": "image"}, False),
        ({"sec-fetch-dest": "empty"}, False),
    ],
)
def test_only_pages_are_remembered(
    as_ada: Client, icons_file: ProductConfiguration, headers: dict[str, str], remembered: bool
) -> None:
    as_ada.get("/purchases/icon-set/", headers=headers)
    assert bool(as_ada.session.get("next_paths")) == remembered


def test_buyer_of_a_refused_download_comes_to_the_order(
    as_ada: Client, icons_file: ProductConfiguration
) -> None:
    as_ada.get("/purchases/icon-set/download/")
    back = url_path(pay(press_buy(as_ada, icons_file)))
    page = as_ada.get(back)
    assert page.status_code == 200
    assert "/purchases/icon-set/download/" in page.content.decode()


def test_page_opens_once_after_paying(as_ada: Client, icons: ProductConfiguration) -> None:
    """If the requested URL is a file, the browser stays on the order page, which must not request it again."""
    as_ada.get("/purchases/icon-set/")
    back = url_path(pay(press_buy(as_ada, icons)))
    assert as_ada.get(back)["Location"] == "/purchases/icon-set/"
    assert as_ada.get(back).status_code == 200


def test_refusal_as_json(client: Client, as_ada: Client, icons: ProductConfiguration) -> None:
    headers = {"accept": "application/json"}
    for visitor, status, error in ((client, 401, "sign_in_required"), (as_ada, 403, "product_required")):
        response = visitor.get("/purchases/icon-set/", headers=headers)
        assert (response.status_code, response.json()["error"]) == (status, error)
        assert response.json()["url"] == "http://testserver/store/icon-set/"
        assert "no-store" in response["Cache-Control"]
    buy(as_ada, icons)
    assert as_ada.get("/purchases/icon-set/", headers=headers).status_code == 200
