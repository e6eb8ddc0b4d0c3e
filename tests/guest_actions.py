"""Actions of buyers without an account."""

from __future__ import annotations

import re

from django.test import Client

from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from tests.factories import first_price, pay, sent_to_buyers, url_path

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


def press_buy(browser: Client, configuration: ProductConfiguration, price: Price | None = None) -> str:
    """Press Buy as a visitor, and return where it leads."""
    form = {"price": (price or first_price(configuration)).id}
    response = browser.post(f"/store/{configuration.slug}/buy/", form, headers=OWN_PAGE)
    assert response.status_code == 303, response.content
    return response["Location"]


def buy(browser: Client, configuration: ProductConfiguration, email: str = "gina@example.com") -> Purchase:
    back = pay(press_buy(browser, configuration), email=email)
    assert browser.get(url_path(back)).status_code == 200
    return Purchase.objects.latest("pk")


def emailed_link(position: int = -1) -> str:
    """Return the path of the main link of an e-mail."""
    return url_path(re.findall(r"http://\S+/purchases/link/\S+", sent_to_buyers()[position].body)[0])


def goods_url(configuration: ProductConfiguration) -> str:
    return f"/purchases/{configuration.slug}/"
