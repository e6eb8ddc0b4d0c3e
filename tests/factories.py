"""Functions that create products, purchases and clients for tests, through Stripe's API and the shop's pages."""

from __future__ import annotations

from typing import Any

import stripe
from django.core import mail
from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile
from django.test import Client
from django.utils import timezone

from apps.core import page_cache, self_request
from apps.ecommerce.catalogue.search_columns import set_search_columns
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import (
    FileVersion,
    Mail,
    Price,
    Product,
    ProductConfiguration,
    ProductFile,
    Purchase,
)
from apps.users.models import User
from config import service_settings
from config.env_urls import email_url

VISA = "4242424242424242"
DECLINED = "4000000000000002"


def signed_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def create_product(
    client: stripe.StripeClient, name: str = "Icon set", amount: int = 1900, **recurring: Any
) -> ProductConfiguration:
    """Create a product with one price at Stripe and in the store; `interval="month"` makes it a subscription."""
    product = client.v1.products.create({"name": name})
    add_price(client, product.id, amount, **recurring)
    sync_catalogue()
    return ProductConfiguration.objects.get(product_id=product.id)


def add_price(client: stripe.StripeClient, product_id: str, amount: int, **recurring: Any) -> str:
    """Create another price at Stripe and return its id; the next sync copies it to the store."""
    params: Any = {"product": product_id, "currency": "usd", "unit_amount": amount}
    return client.v1.prices.create({**params, **({"recurring": recurring} if recurring else {})}).id


def create_many_products(count: int, start: int = 0) -> None:
    """Create products at $9 in the store only, named "Thing 0" (`start`), "Thing 1" …"""
    now, rows, prices = timezone.now(), [], []
    for i in range(start, start + count):
        product = Product(id=f"prod_{i}", name=f"Thing {i}", synced_at=now)
        price = Price(id=f"price_{i}", product=product, currency="usd", unit_amount=900, synced_at=now)
        price.type = Price.Type.ONE_TIME
        row = ProductConfiguration(product=product, slug=f"thing-{i}", position=i)
        row.prices = [price]
        set_search_columns(row)
        rows.append(row)
        prices.append(price)
    Product.objects.bulk_create(row.product for row in rows)
    Price.objects.bulk_create(prices)
    ProductConfiguration.objects.bulk_create(rows)
    page_cache.invalidate()


def add_file(
    configuration: ProductConfiguration, filename: str = "icons.zip", data: bytes = b"icons", **fields: Any
) -> ProductFile:
    """Add a file with one version to a product, for example `add_file(icons, plan="team")`."""
    file = ProductFile.objects.create(configuration=configuration, **{"name": filename, **fields})
    add_version(file, filename, data)
    return file


def add_version(
    file: ProductFile, filename: str = "icons.zip", data: bytes = b"icons", **fields: Any
) -> FileVersion:
    return FileVersion.objects.create(file=file, upload=ContentFile(data, name=filename), **fields)


def first_price(configuration: ProductConfiguration) -> Price:
    return configuration.prices[0]


def press_buy(
    client: Client, configuration: ProductConfiguration, price: Price | None = None, currency: str = ""
) -> str:
    """Press Buy and return the URL of the hosted page."""
    form = {"price": (price or first_price(configuration)).id} | ({"currency": currency} if currency else {})
    response = client.post(f"/store/{configuration.slug}/buy/", form)
    assert response.status_code == 303, response.content
    return response["Location"]


def pay(url: str, card: str = VISA, **fields: str) -> str:
    """Pay on the hosted page and return the redirect's URL, or "" if the card is declined."""
    form = {
        "email": "ada@example.com",
        "cardNumber": card,
        "cardExpiry": "12 / 40",
        "cardCvc": "123",
        "billingName": "Ada Lovelace",
        "billingCountry": "GB",
        "billingPostalCode": "SW1A 1AA",
        **fields,
    }
    response = Client().post(url_path(url), form)
    assert response.status_code < 500, response.content[:500]
    return str(response.headers.get("Location", ""))


def url_path(url: str) -> str:
    """Return the path and query of a URL."""
    return "/" + url.split("/", 3)[3]


def buy(
    client: Client, configuration: ProductConfiguration, price: Price | None = None, card: str = VISA
) -> Purchase:
    """Press Buy, pay, return to the shop, and return the purchase. Nothing is paid for a free product."""
    url = press_buy(client, configuration, price)
    response = client.get(url if url.startswith("/purchases/") else url_path(pay(url, card)))
    assert response.status_code in (200, 302), response.content[:500]
    return Purchase.objects.filter(product=configuration.product).latest("id")


def save_in_admin(operator: Client, url: str, changes: dict[str, Any]) -> Any:
    """Post the form of an admin page: these fields, and its inlines as they are, also those of apps/shop."""
    data: dict[str, Any] = {}
    for inline in operator.get(url).context["inline_admin_formsets"]:
        for form in (inline.formset.management_form, *inline.formset.forms):
            values = {field.html_name: field.value() for field in form}
            data |= {name: value for name, value in values.items() if _is_sent(value)}
    return operator.post(url, data | changes)


def _is_sent(value: Any) -> bool:
    """Return whether a browser sends the value: not a file that is stored already."""
    return value is not None and not isinstance(value, FieldFile)


LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
NO_MAIL_SERVER = "smtp://127.0.0.1:9"


def sent_kinds() -> list[str]:
    """Return the kinds (Mail.Kind) of the e-mails that were sent to buyers, in order."""
    kinds = list(Mail.objects.exclude(sent_at=None).order_by("pk").values_list("kind", flat=True))
    assert len(kinds) == len(sent_to_buyers())
    return kinds


def sent_to_buyers() -> list[Any]:
    """Return the e-mails about purchases, in order."""
    return [message for message in mail.outbox if "X-Order" in message.extra_headers]


def readiness(**headers: str) -> Any:
    """Return the response of /readyz with its details, as stripe_doctor requests it."""
    return Client().get("/readyz", headers={"Authorization": self_request.authorization_header(), **headers})


def set_email_url(settings: Any, url: str) -> None:
    """Send e-mails by this EMAIL_URL, or by LOCMEM or NO_MAIL_SERVER."""
    for name, value in service_settings.email(*email_url(url)).items():
        setattr(settings, name, value)
