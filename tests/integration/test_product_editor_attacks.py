"""Hostile and mistaken input in the product editor is refused with a message, and permissions are those of Django."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import create_product, signed_in
from tests.integration.editor_form import ADD, add_to_form, change_url, form_of, new_product, read_form, save
from tests.integration.test_product_editor import active_prices, png

pytestmark = pytest.mark.django_db(transaction=True)

BASE = "/admin/ecommerce/productconfiguration/"


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def staff_with(*permissions: str) -> Client:
    user = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return signed_in(user)


def nothing_was_sold(sandbox: Any) -> bool:
    is_at_stripe = bool(sandbox.client.v1.products.list().data)
    return not is_at_stripe and not ProductConfiguration.objects.exists()


def test_html_in_all_fields_is_shown_as_text(as_olive: Client) -> None:
    bad = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    names = ("tagline", "description", "payment_text", "specifications", "content", "category", "tags")
    texts = dict.fromkeys(names, bad) | {"features": bad[:60], "prices-0-nickname": bad}
    texts |= {"faq-0-question": bad, "faq-0-answer": bad}
    row = new_product(as_olive, bad, "19", **texts, **{"pictures-0-file": png(), "pictures-0-alt": bad})
    pages = [row.get_absolute_url(), "/store/", change_url(row), f"{BASE}order/", BASE]
    for page in pages:
        html = as_olive.get(page).content.decode()
        assert "<script>alert" not in html, page
        assert "<img src=x" not in html, page
    text = as_olive.post(f"{BASE}preview-text/", {"text": bad}).content.decode()
    assert "<script>" not in text
    assert "<img" not in text


MISTAKES: list[dict[str, str]] = [
    {"name": ""},
    {"name": "   "},
    {"name": "\u200b"},
    {"name": "x" * 251},
    {"tagline": "x" * 201},
    {"features": "\n".join("x" * 16)},
    {"features": "x" * 81},
    {"slug": "Ünïcode/../x"},
    {"slug": "checkout"},
    {"licence_keys": "maybe"},
    {"max_activations": "-1"},
    {"tags": ",".join(map(str, range(21)))},
    {"category": "x" * 81},
    {"prices-0-amount": ""},
    {"prices-0-amount": "1e5"},
    {"prices-0-amount": "-5"},
    {"prices-0-amount": "0.2"},  # less than Stripe charges in dollars
    {"prices-0-amount": "99999999999"},
    {"prices-0-amount": "19.999"},
    {"prices-0-currency": "xxz"},
    {"prices-0-currency": ""},
    {"prices-0-currency": "jpy", "prices-0-amount": "19.99"},
    {"prices-0-currency": "kwd", "prices-0-amount": "1.255"},
    {"prices-0-kind": "sometimes"},
    {"prices-0-kind": "every", "prices-0-interval": "year", "prices-0-interval_count": "4"},
    {"prices-0-kind": "every", "prices-0-interval_count": "0"},
    {"prices-0-kind": "month", "prices-0-trial_days": "731"},
    {"prices-0-kind": "custom", "prices-0-minimum": "10", "prices-0-preset": "5"},
    {"prices-0-kind": "custom", "prices-0-minimum": "10", "prices-0-maximum": "5"},
    {"prices-0-kind": "custom", "prices-0-minimum": "0.1"},
    {"faq-0-question": "Only a question?"},
    {"prices-TOTAL_FORMS": "x"},
]  # fmt: skip


def test_mistakes_are_refused_before_anything_is_written(as_olive: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    for fields in MISTAKES:
        response = save(as_olive, ADD, form | fields, "_publish")
        assert response.status_code == 422, fields
        assert 'class="errorlist' in response.content.decode(), fields
        assert nothing_was_sold(sandbox), fields


def test_fifty_prices_are_sold_and_more_are_refused(as_olive: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes"}
    rows = [{"amount": str(number + 1), "currency": "usd"} for number in range(51)]
    response = save(as_olive, ADD, add_to_form(form, "prices", rows), "_publish")
    assert response.status_code == 422
    assert nothing_was_sold(sandbox)
    response = save(as_olive, ADD, add_to_form(form, "prices", rows[:50]), "_publish")
    assert response.status_code == 302
    assert len(active_prices(sandbox, ProductConfiguration.objects.get())) == 50


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few kilobytes that has many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * ((width // 8 + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiny() -> bytes:
    file = BytesIO()
    Image.new("RGB", (10, 10)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("page.png", b"<html><script>alert(1)</script></html>"),
        ("report.pdf", b"%PDF-1.7"),
        ("empty.png", b""),
        ("cut.png", png().read()[:200]),
        ("bomb.png", bomb(20_000, 20_000)),
        ("tiny.png", tiny()),
        ("large.png", png().read() + bytes(30_000_000)),
        ("photo.tiff", b"II*\0"),
    ],
)
def test_files_that_are_not_usable_images_are_refused(
    as_olive: Client, sandbox: Any, name: str, content: bytes
) -> None:
    file = SimpleUploadedFile(name, content, "image/png")
    form = read_form(as_olive, ADD) | {
        "name": "Field notes",
        "prices-0-amount": "19",
        "pictures-0-file": file,
    }
    response = save(as_olive, ADD, form, "_publish")
    assert response.status_code == 422
    assert response.context["forms"].pictures.forms[0].errors["file"]
    assert nothing_was_sold(sandbox)


def test_picture_that_the_page_has_not_made_is_refused(as_olive: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    assert save(as_olive, ADD, form | {"pictures-0-saved": "../../etc/passwd"}, "_publish").status_code == 422
    assert nothing_was_sold(sandbox)


def test_slug_of_another_product_is_refused_with_a_message(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    form = read_form(as_olive, ADD) | {"name": "Other", "prices-0-amount": "19", "slug": icons.slug.upper()}
    response = save(as_olive, ADD, form, "_publish")
    assert response.status_code == 422
    assert response.context["forms"].product.errors["slug"]
    assert len(sandbox.client.v1.products.list().data) == 1
    twin = new_product(as_olive, "Icon set", "19")  # an address is made from the name
    assert twin.slug != icons.slug


@pytest.mark.parametrize("state", ["", "nonsense", "eyJ9:1:x"])
def test_page_with_a_changed_state_is_opened_again(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration, state: str
) -> None:
    for url in (ADD, change_url(icons)):
        form = read_form(as_olive, url) | {"name": "Changed", "prices-0-amount": "1", "state": state}
        assert save(as_olive, url, form)["Location"] == url
    assert [product.name for product in sandbox.client.v1.products.list().data] == ["Icon set"]


def test_state_of_another_product_is_refused(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    other = create_product(sandbox.client, "Club", 900)
    form = read_form(as_olive, change_url(icons)) | {"name": "Changed"}
    assert save(as_olive, change_url(other), form)["Location"] == change_url(other)
    assert {product.name for product in sandbox.client.v1.products.list().data} == {"Icon set", "Club"}


def test_staff_without_permission_neither_see_nor_write(icons: ProductConfiguration, sandbox: Any) -> None:
    client = staff_with("view_purchase")
    for url in (ADD, change_url(icons), f"{BASE}order/", f"{BASE}{icons.pk}/owner-preview/"):
        assert client.get(url).status_code == 403, url
        assert client.post(url, {"name": "x"}).status_code == 403, url
    assert client.post(f"{BASE}preview-text/", {"text": "x"}).status_code == 403


def test_staff_who_may_only_view_can_not_change(icons: ProductConfiguration) -> None:
    client = staff_with("view_productconfiguration")
    assert client.post(change_url(icons), {"name": "x"}).status_code == 403
    page = client.get(change_url(icons), follow=True)
    assert (page.status_code, b"Icon set" in page.content, b"_save" in page.content) == (200, True, False)
    assert client.get(ADD).status_code == 403
    assert client.post(f"{BASE}order/", {"order": [icons.pk]}).status_code == 403


def test_new_categories_and_tags_need_their_permissions(icons: ProductConfiguration) -> None:
    client = staff_with("view_productconfiguration", "change_productconfiguration")
    form = read_form(client, change_url(icons))
    for field in ("category", "tags"):
        response = save(client, change_url(icons), form | {field: "New"})
        assert response.status_code == 422
        assert response.context["forms"].product.errors[field]
    assert save(client, change_url(icons), form | {"tagline": "Sharp"}).status_code == 302


def test_values_survive_a_second_save_unchanged(as_olive: Client, sandbox: Any) -> None:
    row = new_product(
        as_olive, "Field\tnotes", "19", description="\n\n# A\r\n\r\nB\n", payment_text=" x ", tags="b,a"
    )
    before = sandbox.client.v1.products.retrieve(row.product_id).updated
    events = len(sandbox.events())
    for _save in range(2):
        assert save(as_olive, change_url(row), read_form(as_olive, change_url(row))).status_code == 302
    assert sandbox.client.v1.products.retrieve(row.product_id).updated == before
    assert len(sandbox.events()) == events
    assert form_of(as_olive.get(change_url(row)))["name"] == "Field notes"
