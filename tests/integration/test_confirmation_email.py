"""The e-mail after a purchase opens the product, and has its files, the receipt and the seller's address."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from apps.ecommerce.content.goods_in_emails import email_picture
from apps.ecommerce.models import Mail, ProductConfiguration, ProductFile, Purchase
from apps.ecommerce.models.pictures import Picture
from apps.ecommerce.purchases.emails.messages import build_email
from apps.users.models import User
from tests.factories import add_file, buy, sent_to_buyers, url_path

pytestmark = pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit

SITE = "http://127.0.0.1:8000"


def bodies(message: Any) -> tuple[str, str]:
    """Return the plain text, and the HTML with its entities replaced."""
    return str(message.body), unescape(str(message.alternatives[0][0]))


def links(html: str) -> list[str]:
    return re.findall(r'<a [^>]*href="([^"]+)"', html)


def button(html: str) -> str:
    (url,) = re.findall(r'<a class="button" href="([^"]+)"', html)
    return str(url)


def download_url(html: str) -> str:
    (url,) = [url for url in links(html) if "/purchases/download/" in url]
    return url


def test_button_opens_the_product_and_the_text_has_the_same_links(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    add_file(icons, "icons.zip")
    purchase = buy(as_ada, icons)
    text, html = bodies(sent_to_buyers()[0])
    assert button(html) == f"{SITE}/purchases/icon-set/"
    wanted = {button(html), f"{SITE}{purchase.get_absolute_url()}", download_url(html)}
    assert wanted <= set(links(html))
    assert wanted <= set(re.findall(r"https?://\S+", text))
    for body in (text, html):
        assert "Icon set" in body
        assert "$19.00" in body
    for url in wanted:  # each URL opens
        response = as_ada.get(url_path(url))
        response.close()
        assert response.status_code == 200, url


def test_only_downloads_work_without_signing_in(as_ada: Client, icons: ProductConfiguration) -> None:
    add_file(icons, "icons.zip")
    buy(as_ada, icons)
    _text, html = bodies(sent_to_buyers()[0])
    stranger = Client()
    assert b"".join(stranger.get(url_path(download_url(html)))) == b"icons"
    assert "_auth_user_id" not in stranger.session
    for url in links(html):
        if "/purchases/" in url and url != download_url(html):
            assert "/accounts/login/" in stranger.get(url_path(url))["Location"], url


def test_download_link_ends_with_the_access(
    as_ada: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    add_file(icons, "icons.zip")
    purchase = buy(as_ada, icons)
    url = url_path(download_url(bodies(sent_to_buyers()[0])[1]))
    now = time.time()
    with patch("django.core.signing.time.time", return_value=now + 31 * 86400):
        assert Client().get(url)["Location"].startswith("/purchases/icon-set/files/")
    Purchase.objects.update(suspended_by="refunded")
    assert Client().get(url)["Location"] == purchase.get_absolute_url()
    Purchase.objects.update(suspended_by="")
    assert Client().get(url[:-4] + "abc/").status_code == 404
    User.objects.all().delete()
    assert Client().get(url).status_code == 404


def test_download_link_sends_no_file_of_another_plan(as_ada: Client, icons: ProductConfiguration) -> None:
    file = add_file(icons, "icons.zip")
    buy(as_ada, icons)
    url = url_path(download_url(bodies(sent_to_buyers()[0])[1]))
    ProductFile.objects.filter(pk=file.pk).update(plan="team")
    assert Client().get(url)["Location"] == icons.get_absolute_url()


def test_email_lists_only_files_of_the_plan_that_was_bought(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    add_file(icons, "everyone.zip", name="For everyone")
    add_file(icons, "team.zip", name="For teams", plan="team")
    buy(as_ada, icons)
    for body in bodies(sent_to_buyers()[0]):
        assert "For everyone" in body
        assert "For teams" not in body


def test_confirmation_names_the_seller_of_the_day_of_the_order(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.SELLER_ADDRESS = ["Ink Ltd", "1 Quay <Street>", "Cork"]
    buy(as_ada, icons)
    settings.SELLER_ADDRESS = ["Another Ltd"]
    text, html = bodies(sent_to_buyers()[0])
    for line in ("Ink Ltd", "1 Quay <Street>", "Cork"):
        assert line in text
        assert line in html
    assert "1 Quay <Street>" not in str(sent_to_buyers()[0].alternatives[0][0])  # the address is escaped


def test_picture_is_a_small_copy_with_an_absolute_url_and_no_text_depends_on_it(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    picture = {
        "address": "products/abc",
        "width": 1440,
        "height": 1080,
        "widths": [160, 768, 1440],
        "alt": "x",
    }
    ProductConfiguration.objects.update(pictures=[picture])
    purchase = buy(as_ada, icons)
    _text, html = bodies(sent_to_buyers()[0])
    assert re.findall(r'<img [^>]*src="([^"]+)"[^>]*alt=""', html) == [f"{SITE}/media/products/abc-768.webp"]
    assert re.sub("<img[^>]*>", "", html).count("Icon set") >= 3
    assert 'name="color-scheme" content="light dark"' in html
    assert purchase.order_number in html


def test_drawing_is_not_in_the_email(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    assert "<img" not in bodies(sent_to_buyers()[0])[1]


def test_email_of_a_purchase_without_access_leads_to_the_order(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    add_file(icons, "icons.zip")
    purchase = buy(as_ada, icons)
    purchase.suspended_by = "refunded"
    text, html = bodies(build_email(Mail.Kind.CONFIRMED, purchase, purchase.payments.first()))
    assert button(html) == f"{SITE}{purchase.get_absolute_url()}"
    assert "/download/" not in text + html


def test_email_uses_the_largest_copy_of_a_small_picture() -> None:
    assert email_picture(Picture("products/a", 384, 288, [160, 384])).endswith("/media/products/a-384.webp")
    assert email_picture(Picture("/static/a.png", 384, 288)).endswith("/static/a.png")
    assert email_picture(Picture("/art/a.svg", 384, 288)) == ""
