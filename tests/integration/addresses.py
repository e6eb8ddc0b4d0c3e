"""Every address of the site, found in the URL configuration, and a shop in which each leads somewhere.

A new address is found by itself. One with a parameter that nobody knows here fails, and says what to add.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.ecommerce.models import ProductConfiguration, Purchase, StripeCustomer
from apps.users.models import User
from tests.factories import bought, press_buy, signed_in

PARAMETER = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>")
MODEL = re.compile(r"^admin/(\w+)/(\w+)/")
# unproven: staff who have shown no second factor
WHO = ("visitor", "stranger", "owner", "refunded", "unproven", "staff")


@dataclass(frozen=True)
class Address:
    """One entry of the URL configuration: "purchase", purchases/order/<uuid:public_id>/."""

    name: str
    route: str
    view: Any = field(compare=False)

    @property
    def is_admins(self) -> bool:
        return self.route.startswith("admin/")


def every_address(of: URLResolver | None = None, route: str = "", space: str = "") -> Iterator[Address]:
    """All of them, in order, except those of apps.devtools. One without a name is called by its route."""
    for entry in (of or get_resolver()).url_patterns:
        here = route + str(entry.pattern)
        if here == "dev/":
            continue
        if isinstance(entry, URLResolver):
            yield from every_address(entry, here, f"{entry.namespace}:" if entry.namespace else space)
        else:
            assert isinstance(entry, URLPattern)
            yield Address(space + entry.name if entry.name else here, here, entry.callback)


@dataclass
class Shop:
    """Ada owns icons and a subscription, Rosa got her money back, Bob looks around, Otto and Olive operate."""

    people: dict[str, User | None]
    known: dict[str, dict[str, str]]  # name of an address, or "" for all ▶ parameter ▶ value
    orders: dict[str, Purchase]

    def client(self, who: str, **options: Any) -> Client:
        user = self.people[who]
        if user is None:
            return Client(**options)
        client = signed_in(user, **options)
        if who == "staff":
            session = client.session
            session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "at": time.time()}]
            session["account_authentication_methods_user"] = str(user.pk)
            session.save()
        return client

    def path(self, address: Address, who: str = "visitor") -> str:
        """Where it is for this person: an order is one's own, or Ada's for those who have none."""

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name == "public_id":
                return str(self.orders.get(who, self.orders["owner"]).public_id)
            if name == "object_id" and (model := MODEL.match(address.route)):
                return str(_row_of(*model.groups()))
            for place in (address.name, ""):
                if name in self.known.get(place, {}):
                    return self.known[place][name]
            raise AssertionError(f"tests/integration/addresses.py: what is <{name}> of {address.name}?")

        return "/" + PARAMETER.sub(value, address.route).replace("^", "").replace("$", "")


def open_shop(sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration) -> Shop:
    """Everybody has been here before."""
    make = User.objects.create_user
    people: dict[str, User | None] = {
        "visitor": None,
        "stranger": make("bob@example.com", "bob-looks-around"),
        "owner": make("ada@example.com", "ada-buys-things", name=CANARY),
        "refunded": make("rosa@example.com", "rosa-changed-her-mind"),
        "unproven": User.objects.create_superuser("otto@example.com", "otto-is-new-here"),
        "staff": User.objects.create_superuser("olive@example.com", "olive-runs-this"),
    }
    ada, rosa = (signed_in(people[who]) for who in ("owner", "refunded"))  # type: ignore[arg-type]
    icons.download.save("icons.zip", ContentFile(CANARY.encode()))
    default_storage.save("products/picture.png", ContentFile(b"\x89PNG"))
    subscription = bought(ada, club)
    orders = {"owner": bought(ada, icons), "refunded": bought(rosa, icons)}
    sandbox.client.v1.refunds.create({"payment_intent": orders["refunded"].payment_intent_id})
    for _round in range(3):
        sandbox.deliver()  # webhooks: the refund, and events for the operator to look at
    customer = StripeCustomer.objects.get(user=people["owner"]).id
    portal = sandbox.client.v1.billing_portal.sessions.create(
        {"customer": customer, "return_url": "http://testserver/purchases/"}
    )
    checkout = press_buy(signed_in(people["stranger"]), icons).rpartition("/")[2]  # type: ignore[arg-type]
    invoice = sandbox.client.v1.invoices.list({"customer": customer}).data[0].id
    known = {
        "": {
            "slug": icons.slug,
            "product_slug": icons.slug,
            "digest": "old",
            "seed": "x",
            "section": "pages",
            "pk": "1",
            "key": "nonsense",
            "token": "nonsense",
            "uidb36": "1",
            "session_id": checkout,
            "subscription_id": str(subscription.subscription_id),
            "invoice_id": invoice,
            "object_id": invoice,
            "kind": "invoice",
            "path": "products",
            "content_type_id": str(ContentType.objects.get_for_model(ProductConfiguration).pk),
            "id": str(people["stranger"].pk),  # type: ignore[union-attr]
            "app_label": "ecommerce",
            "url": "nowhere/",
        },
        "icon": {"name": "icon-192"},
        "media": {"name": "products/picture.png"},
        "admin:view_on_site": {"object_id": str(icons.pk)},
    }
    known |= {
        address.name: {"session_id": portal.id}
        for address in every_address()
        if address.name.startswith("stripe_sandbox:portal")
    }
    return Shop(people, known, orders)


CANARY = "Ada Canary Lovelace"  # stands in everything of Ada's; nobody else may ever read it


def _row_of(app_label: str, model: str) -> Any:
    """A row to look at in the admin; 0, which leads nowhere, where there is none."""
    if app_label == "r":
        return 0
    row = apps.get_model(app_label, model).objects.order_by("pk").first()
    return row.pk if row else 0


def read(response: Any) -> Any:
    """To its end, as a browser does; that closes files."""
    if response.streaming:
        response.body = b"".join(response.streaming_content)
    else:
        response.body = response.content
    return response
