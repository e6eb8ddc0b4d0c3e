"""Attacks that try to get goods without paying, or another buyer's goods.

COVERED_ELSEWHERE lists attacks that other modules test.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, Suspension, WebhookEvent
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import owned
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
from tests.factories import add_file, add_price, buy, create_product, first_price, pay, press_buy
from tests.integration.urls import read_body
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db

COVERED_ELSEWHERE = {
    "opening the success page without paying": "test_payment_events.py::test_unpaid_session_grants_no_access",
    "a success page with a made-up session id": "test_payment_events.py::test_return_with_unknown_session_is_404",
    "the session id of another buyer's payment": "test_payment_events.py::test_other_users_get_404_for_a_purchase",
    "another shop's session": "test_payment_events.py::test_session_of_another_shop_is_ignored",
    "a price that does not exist": "test_buying.py::test_unknown_price_creates_nothing",
    "the price of a cheaper product": "test_buying.py::test_price_of_another_product_creates_nothing",
    "an archived price": "test_buying.py::test_archived_price_creates_nothing",
    "an amount in the form": "test_buying.py::test_amount_in_the_form_is_ignored",
    "a checkout started by a link": "test_buying.py::test_get_request_to_buy_creates_nothing",
    "a second free trial": "test_buying.py::test_trial_is_granted_once",
    "a webhook without signature": "test_payment_events.py::test_unsigned_event_is_refused",
    "a webhook with an invalid signature": ("test_payment_events.py::test_invalid_signature_is_refused"),
    "webhooks without a configured secret": "test_payment_events.py::test_webhook_without_secret_is_404",
    "paying with the sandbox in production": "test_sandbox.py::test_sandbox_with_live_key_stops_the_web_server",
    "goods bought in test mode": "test_payment_events.py::test_test_mode_purchase_grants_no_access_in_live_mode",
    "a gated page as another user": "test_gate.py::test_user_without_the_product_is_redirected_to_the_store",
    "a gated page after a refund": "test_gate.py::test_status_without_access_is_refused",
    "guessing the file's URL": "test_gate.py::test_download_has_a_filename_and_no_public_url",
    "sharing a download link": "test_s3_files.py::test_download_redirects_the_owner_to_a_link_valid_for_a_minute",
    "changing a download link": "test_s3_files.py::test_signed_link_opens_no_other_file",
    "an SVG as a product's picture": "test_product_images.py::test_invalid_image_is_replaced_by_drawn_art",
    "an SVG with script in /media/": "test_headers.py::test_media_shows_only_images_inline",
    "testing stolen cards": ("test_rate_limits.py::test_card_testers_with_many_accounts_share_an_ip_limit"),
    "script in a product's name": "test_store_pages.py::test_names_from_stripe_are_escaped",
    "script in a search query": "test_store_pages.py::test_sql_and_markup_in_a_search_are_plain_text",
    "script in a product's content": "test_gate.py::test_content_is_rendered_as_markdown_without_html",
    "an e-mail header in a product's name": "test_emails.py::test_each_email_has_text_and_escapes_values",
    "null bytes": "test_null_bytes.py",
}


def test_tests_listed_in_covered_elsewhere_exist() -> None:
    for attack, test in COVERED_ELSEWHERE.items():
        file, _, name = test.partition("::")
        assert f"def {name}" in (Path(__file__).parent / file).read_text(), attack


def test_replayed_event_does_not_undo_a_refund(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    (paid,) = events(sandbox, "checkout.session.completed")
    deliver(paid)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert owned(ada, icons.product) is None
    assert deliver(paid).status_code == 200
    assert deliver({**paid, "id": "evt_another_number"}).status_code == 200
    assert Purchase.objects.get().suspended_by == Suspension.REFUNDED
    assert owned(ada, icons.product) is None


def test_event_payload_is_not_trusted(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    """A signed event is only a reason to read the object from Stripe."""
    press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    session = {
        "id": purchase.session_id,
        "object": "checkout.session",
        "payment_status": "paid",
        "status": "complete",
    }
    forged = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1}
    assert deliver({**forged, "data": {"object": session}}).status_code == 200
    assert Purchase.objects.get().status == Status.OPEN
    assert owned(ada, icons.product) is None


def test_extra_form_fields_change_nothing(as_ada: Client, bob: User, icons: ProductConfiguration) -> None:
    more = {
        "status": "paid",
        "user": str(bob.pk),
        "amount_total": "0",
        "livemode": "on",
        "paid_at": "2020-01-01",
        "session_id": "cs_test_of_somebody",
        "next_path": "//evil.example/",
        "quantity": "0",
        "discounts[0][coupon]": "everything-free",
        "trial_period_days": "365",
    }
    as_ada.post("/store/icon-set/buy/", {"price": first_price(icons).id, **more})
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.email, purchase.amount_total) == (Status.OPEN, "ada@example.com", 1900)
    assert (purchase.currency, purchase.livemode, purchase.next_path) == ("usd", False, "")
    assert str(purchase.session_id) != "cs_test_of_somebody"


def test_repeated_price_parameter_does_not_change_the_price(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    sticker = create_product(sandbox.client, "Sticker", 100)
    for prices in (
        [first_price(sticker).id, first_price(icons).id],
        [first_price(icons).id, first_price(sticker).id],
    ):
        as_ada.post("/store/icon-set/buy/", {"price": prices})
    for purchase in Purchase.objects.all():
        assert (purchase.product, purchase.amount_total) == (icons.product, 1900)


def test_parameters_added_to_the_payment_page_do_not_change_the_amount(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    cheap = add_price(sandbox.client, icons.product_id, 100)
    url = press_buy(as_ada, icons)
    pay(f"{url}?amount=1&price={cheap}")
    as_ada.get(f"/store/checkout/return/?session_id={Purchase.objects.get().session_id}&amount_total=1")
    assert Purchase.objects.get().amount_total == 1900


def test_download_is_an_attachment_that_browsers_do_not_run(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    add_file(icons, "drawing.svg", b"<svg onload='alert(document.cookie)'/>")
    buy(as_ada, icons)
    response = read_body(as_ada.get("/purchases/icon-set/download/"))
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"


PARENT_PATHS = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//", "..%252f", "%c0%ae%c0%ae/")
SECRET_TEXT = "outside the folder"


@pytest.mark.parametrize("folder", ["media", "static", "dev/mail", "purchases/icon-set/download"])
def test_file_urls_cannot_leave_their_folder(
    as_ada: Client, settings: Any, tmp_path: Path, folder: str
) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    default_storage.save("products/a.png", ContentFile(b"x"))
    (tmp_path / "secret.txt").write_text(SECRET_TEXT)
    names = [
        f"{up * depth}{name}" for up in PARENT_PATHS for depth, name in ((1, "secret.txt"), (9, "etc/passwd"))
    ]
    names += [
        str(tmp_path / "secret.txt"),
        f"/{tmp_path}/secret.txt",
        "file:///etc/passwd",
        "a" * 5000,
        "products",
    ]
    names += ["products/a.png/x", "products/../../secret.txt", "./products/./../../secret.txt", "con", "a\nb"]
    for name in names:
        response = read_body(as_ada.get(f"/{folder}/{name}"))
        assert response.status_code in (301, 302, 400, 404), name
        assert SECRET_TEXT.encode() not in response.body
        assert b"root:" not in response.body


HOSTILE = '<script>alert("1")</script>'


def test_script_in_stripe_texts_is_escaped(
    as_ada: Client, olive: User, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the operator sees Stripe's error messages, which repeat the sent values."""
    buy(as_ada, icons)
    other = Client()
    other.force_login(User.objects.create_user("carol@example.com", "x"))
    error = json.dumps({"error": {"type": "invalid_request_error", "message": f"No such thing: {HOSTILE}"}})
    monkeypatch.setattr(InProcessClient, "request", lambda *args, **kwargs: (error, 400, {}))
    page = other.post("/store/icon-set/buy/", {"price": first_price(icons).id}, follow=True).content.decode()
    assert "message--error" in page
    assert "No such thing" not in page

    admin = Client()
    admin.force_login(olive)
    action = {
        "action": "refresh",
        "token": str(uuid4()),
        "_selected_action": [str(Purchase.objects.filter(user__email="ada@example.com")[0].pk)],
    }
    page = admin.post("/admin/ecommerce/purchase/", action, follow=True).content.decode()
    assert "No such thing" in page
    assert HOSTILE not in page


def test_script_in_a_users_email_or_name_is_escaped(
    olive: User, icons: ProductConfiguration, mailoutbox: list[Any]
) -> None:
    """A quoted local part may contain any characters."""
    mallory = User.objects.create_user("mallory@example.com", "x", name=HOSTILE)
    client = Client()
    client.force_login(mallory)
    purchase = buy(client, icons)
    mallory.email = f'"{HOSTILE.replace(chr(34), "")}"@example.com'  # Stripe would have refused it
    mallory.save()
    admin = Client()
    admin.force_login(olive)
    pages = [
        *(
            client.get(path)
            for path in ("/", "/accounts/", "/accounts/email/", "/purchases/", purchase.get_absolute_url())
        ),
        *(
            client.get(path)
            for path in ("/accounts/password/change/", "/accounts/delete/", "/store/icon-set/")
        ),
        *(admin.get(f"/admin/{path}/") for path in ("users/user", "ecommerce/purchase", "ecommerce/mail")),
        admin.get(f"/admin/users/user/{mallory.pk}/change/"),
        admin.get(f"/admin/ecommerce/purchase/{purchase.pk}/change/"),
    ]
    shown = [response.content.decode() for response in pages]
    assert any("&lt;script&gt;" in page for page in shown)
    for response, page in zip(pages, shown, strict=True):
        assert not re.search(r"<script>alert", page), response.request["PATH_INFO"]
    for mail in mailoutbox:
        assert all("<script>" not in body for body, _kind in mail.alternatives)


def test_event_payload_is_escaped_in_the_admin(olive: User) -> None:
    WebhookEvent.objects.create(
        id="evt_1", type=HOSTILE, payload={"note": HOSTILE}, stripe_created="2026-01-01T00:00Z", error=HOSTILE
    )
    admin = Client()
    admin.force_login(olive)
    for path in ("", "evt_1/change/"):
        assert HOSTILE not in admin.get(f"/admin/ecommerce/webhookevent/{path}").content.decode()
