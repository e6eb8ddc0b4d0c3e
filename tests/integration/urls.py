"""All URLs of the site's URL configuration, and a shop in which each of them opens a page.

New URLs of apps/shop are found without a change here; apps/shop/tests/access.py can contain values of their parameters.
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
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve
from django.urls.converters import get_converters
from django.utils import timezone

import config.urls
from apps.ecommerce.content.unsubscribe import unsubscribe_path
from apps.ecommerce.models import (
    ExternalSale,
    Lesson,
    ProductConfiguration,
    Purchase,
    Section,
    StripeCustomer,
)
from apps.shop import urls as shop_urls
from apps.shop.tests import access
from apps.users.models import User
from tests.factories import add_file, buy, press_buy, signed_in

PARAMETER = re.compile(r"\(\?P<(\w+)>((?:[^()]|\([^()]*\))*)\)|<(?:(\w+):)?(\w+)>")
# Tried in this order for parameters of apps/shop that access.py does not name.
SAMPLE_VALUES = (
    "icon-set",
    "1",
    "2026",
    "00000000-0000-4000-8000-000000000000",
    "2026-01-31",
    "12",
    "a",
    "icon-set/",
)
TEMPLATE_PATTERNS = {(type(entry.pattern), str(entry.pattern)) for entry in config.urls.urlpatterns}
MODEL = re.compile(r"^admin/(\w+)/(\w+)/")
# unproven: a member of staff who has not used a second factor
ROLES = ("visitor", "stranger", "owner", "refunded", "unproven", "staff")


@dataclass(frozen=True)
class SiteURL:
    """One entry of the URL configuration: "purchase", purchases/order/<uuid:public_id>/."""

    name: str
    route: str
    view: Any = field(compare=False)
    is_shop: bool = False  # whether apps/shop contains it

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("admin/")


def site_urls(
    resolver: URLResolver | None = None, prefix: str = "", namespace: str = "", is_shop: bool = False
) -> Iterator[SiteURL]:
    """Yield the URLs in order, except those of apps.devtools and of packages that apps/shop includes.

    The route is the name of a URL without a name.
    """
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if route == "dev/":
            continue
        # apps/shop may have a ROOT_URLCONF of its own.
        is_added = resolver is None and (type(entry.pattern), str(entry.pattern)) not in TEMPLATE_PATTERNS
        of_shop = is_shop or is_added
        if isinstance(entry, URLResolver):
            if of_shop and not getattr(entry.urlconf_module, "__name__", "apps.").startswith("apps."):
                continue  # for example Wagtail's: the package has tests of its own
            inner = f"{entry.namespace}:" if entry.namespace else namespace
            yield from site_urls(entry, route, inner, of_shop or entry.urlconf_module is shop_urls)
        else:
            assert isinstance(entry, URLPattern)
            yield SiteURL(namespace + entry.name if entry.name else route, route, entry.callback, of_shop)


@dataclass
class Shop:
    """Ada owns icons and a subscription, Rosa has a refund, Bob owns nothing, Otto and Olive are staff."""

    users: dict[str, User | None]  # role ▶ object
    parameters: dict[str, dict[str, str]]  # name of a URL, or "" for all ▶ parameter ▶ value
    purchases: dict[str, Purchase]  # role ▶ object

    def client(self, role: str, **options: Any) -> Client:
        user = self.users[role]
        if user is None:
            return Client(**options)
        client = signed_in(user, **options)
        if role == "staff":
            session = client.session
            session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "at": time.time()}]
            session["account_authentication_methods_user"] = str(user.pk)
            session.save()
        return client

    def path(self, url: SiteURL, role: str = "visitor") -> str:
        """Return the path for this role. Roles without a purchase get Ada's."""

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[4]
            if url.is_shop:
                return self._shop_value(url, name, match, role)
            known = self._known_value(url, name, role)
            assert known, (
                f"Add a value for <{name}> of {url.name} to `parameters` in tests/integration/urls.py."
            )
            return known

        return "/" + PARAMETER.sub(value, url.route).replace("^", "").replace("$", "").replace("\\.", ".")

    def urls(self, role: str = "visitor") -> Iterator[tuple[SiteURL, str]]:
        """Yield the URLs and their paths for this role, without those that a URL of apps/shop replaces."""
        shop_routes = {url.route for url in site_urls() if url.is_shop}
        for url in site_urls():
            path = self.path(url, role)
            if url.is_shop or _route(path) not in shop_routes:
                yield url, path

    def _known_value(self, url: SiteURL, name: str, role: str) -> str:
        if name == "public_id":
            return str(self.purchases.get(role, self.purchases["owner"]).public_id)
        if name == "payment_id":
            return self.purchases.get(role, self.purchases["owner"]).payments.get().stripe_id
        if name == "object_id" and (model := MODEL.match(url.route)):
            return str(_first_row_pk(*model.groups()))
        return next(
            (self.parameters[key][name] for key in (url.name, "") if name in self.parameters.get(key, {})), ""
        )

    def _shop_value(self, url: SiteURL, name: str, match: re.Match[str], role: str) -> str:
        """Return the value of access.py, or one that the parameter's converter or regular expression accepts."""
        if name in (given := access.PARAMETERS.get(url.name, {})):
            return given[name]
        converter = get_converters().get(match[3] or "str")
        pattern = match[2] or (converter.regex if converter else "")
        for sample in (self._known_value(url, name, role), *SAMPLE_VALUES):
            if sample and re.fullmatch(pattern, sample):
                return sample
        raise AssertionError(
            f"Add a value for <{name}> of {url.name} to PARAMETERS in apps/shop/tests/access.py."
        )


def create_shop(sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration) -> Shop:
    create_user = User.objects.create_user
    users: dict[str, User | None] = {
        "visitor": None,
        "stranger": create_user("bob@example.com", "bob-looks-around"),
        "owner": create_user("ada@example.com", "ada-buys-things", name=PRIVATE_TEXT),
        "refunded": create_user("rosa@example.com", "rosa-changed-her-mind"),
        "unproven": User.objects.create_superuser("otto@example.com", "otto-is-new-here"),
        "staff": User.objects.create_superuser("olive@example.com", "olive-runs-this"),
    }
    ada, rosa = (signed_in(users[role]) for role in ("owner", "refunded"))  # type: ignore[arg-type]
    file = add_file(icons, data=PRIVATE_TEXT.encode())
    section = Section.objects.create(configuration=icons, title="Basics")
    lesson = Lesson.objects.create(section=section, title="Grids", text=PRIVATE_TEXT)
    preview = Lesson.objects.create(section=section, title="Strokes", is_preview=True)
    for row, content in ((lesson, PRIVATE_TEXT), (preview, "Everybody may see it.")):
        row.video_file.save("lesson.mp4", ContentFile(content.encode()))
    default_storage.save("products/picture.png", ContentFile(b"\x89PNG"))
    subscription = buy(ada, club)
    purchases = {"owner": buy(ada, icons), "refunded": buy(rosa, icons)}
    sandbox.client.v1.refunds.create({"payment_intent": purchases["refunded"].payment_intent_id})
    for _round in range(3):
        sandbox.deliver()  # the refund, and events for the admin
    customer = StripeCustomer.objects.get(user=users["owner"]).id
    features = {
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "subscription_cancel": {"enabled": True},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "products": [{"product": club.product_id, "prices": [club.prices[0].id]}],
        },
    }
    pages = sandbox.client.v1.billing_portal
    configuration = pages.configurations.create({"features": features}).id
    portal = pages.sessions.create(
        {
            "customer": customer,
            "return_url": "http://testserver/purchases/",
            "configuration": configuration,
        }
    )
    checkout = press_buy(signed_in(users["stranger"]), icons).rpartition("/")[2]  # type: ignore[arg-type]
    invoice = sandbox.client.v1.invoices.list({"customer": customer}).data[0].id
    price = icons.prices[0]
    sale = {"price": price, "currency": price.currency, "amount": 1900, "livemode": False}
    ExternalSale.objects.create(id="cs_elsewhere", sold_at=timezone.now(), **sale)
    key = icons.issued_keys.create(key="PRIVATE-KEY", purchase=purchases["owner"])
    activation = key.activations.create(instance=PRIVATE_TEXT, seen_at=timezone.now())
    parameters = {
        "": {
            "slug": icons.slug,
            "product_slug": icons.slug,
            "lesson_id": str(lesson.pk),
            "configuration_id": str(icons.pk),
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
            "action_name": "refresh",
            "kind": "invoice",
            "path": "products",
            "content_type_id": str(ContentType.objects.get_for_model(ProductConfiguration).pk),
            "id": str(users["stranger"].pk),  # type: ignore[union-attr]
            "app_label": "ecommerce",
            "url": "nowhere/",
            "activation_id": str(activation.pk),
            "user_id": str(users["stranger"].pk),  # type: ignore[union-attr]
        },
        "lesson_preview": {"lesson_id": str(preview.pk)},
        "lesson_preview_video": {"lesson_id": str(preview.pk)},
        "icon": {"name": "icon-192"},
        "media": {"name": "products/picture.png"},
        "admin:view_on_site": {"object_id": str(icons.pk)},
        "unsubscribe": {"token": unsubscribe_path(purchases["owner"]).split("/")[-2]},
        "purchased_file": {"file_id": str(file.pk)},
        "purchased_version": {"file_id": str(file.pk), "version_id": str(file.versions.get().pk)},
        "sample": {"file_id": str(add_file(icons, "sample.zip", is_sample=True, position=9).pk)},
    }
    parameters |= {
        url.name: {"session_id": portal.id}
        for url in site_urls()
        if url.name.startswith("stripe_sandbox:portal")
    }
    return Shop(users, parameters, purchases)


PRIVATE_TEXT = "Ada Canary Lovelace"  # in Ada's name and files; no other user may see it


def _route(path: str) -> str | None:
    try:
        return resolve(path).route
    except Resolver404:
        return None


def _first_row_pk(app_label: str, model: str) -> Any:
    """Return the primary key of the model's first row, or 0 if the table is empty."""
    try:
        rows = apps.get_model(app_label, model)._default_manager
    except LookupError:  # admin/r/…, and pages that are not of a model
        return 0
    row = rows.order_by("pk").first()
    return row.pk if row else 0


def read_body(response: Any) -> Any:
    """Read the response to its end, which closes its file, and set `response.body`."""
    if response.streaming:
        response.body = b"".join(response.streaming_content)
    else:
        response.body = response.content
    return response
