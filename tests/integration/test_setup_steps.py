"""The steps of setting up a shop are listed on the admin's first page until all are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.core import design_tokens
from apps.ecommerce.models import Product, ProductConfiguration, Purchase, WebhookEvent
from apps.ecommerce.operations import setup_steps
from apps.users.models import User
from tests.factories import signed_in

pytestmark = pytest.mark.django_db

TITLES = [
    *("Name and colors", "Your first product", "A test purchase", "E-mail", "Stripe's keys"),
    *("Stripe's webhook", "Legal pages", "Domain"),
]


def open_steps(operator: Client) -> list[str]:
    steps = operator.get(reverse("admin:index")).context["setup_steps"]
    return [step.title for step in steps if not step.is_done]


def name_the_shop(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    settings.SITE_NAME, settings.SUPPORT_EMAIL = "Ada's shop", "ada@shop.example"
    tokens = {**design_tokens.read_tokens(), "--brand": "#7a1f4b"}
    monkeypatch.setattr(setup_steps, "read_tokens", lambda: tokens)


def add_product(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    Product.objects.update(metadata={})


def buy(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    product = Product.objects.get()
    values = {"product": product, "price": product.prices.get(), "livemode": False, "currency": "usd"}
    Purchase.objects.create(user=ada, email=ada.email, status="paid", paid_at=timezone.now(), **values)


def set_mail_server(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    settings.SENDS_MAIL, settings.EMAIL_BACKEND = True, "django.core.mail.backends.smtp.EmailBackend"


def set_live_key(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    settings.STRIPE_SECRET_KEY = "sk_live_1"


def receive_event(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    settings.STRIPE_WEBHOOK_SECRET = "whsec_1"
    WebhookEvent.objects.create(
        id="evt_1", type="ping", payload={"livemode": True}, stripe_created=timezone.now()
    )


def write_legal_pages(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    settings.SELLER_ADDRESS = ["Ada Ltd", "London"]
    settings.SHOP_DIR = Path(settings.BASE_DIR)  # the pages count as those of the shop


def set_domain(settings: Any, monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    settings.SITE_URL, settings.DEBUG = "https://shop.example", False


ACTS = dict(
    zip(
        TITLES,
        (
            *(name_the_shop, add_product, buy, set_mail_server, set_live_key),
            *(receive_event, write_legal_pages, set_domain),
        ),
        strict=True,
    )
)


@pytest.fixture
def new_shop(settings: Any, icons: ProductConfiguration) -> None:
    """Set the values of a new copy of the project, with the demo products."""
    settings.SITE_NAME, settings.SUPPORT_EMAIL, settings.SELLER_ADDRESS = "Workbench", "hello@example.com", []
    settings.SENDS_MAIL, settings.SITE_URL, settings.DEBUG = True, "http://127.0.0.1:8000", True
    settings.EMAIL_BACKEND = "apps.devtools.mailbox.EmailBackend"
    Product.objects.update(metadata={"demo": "true"})


@pytest.mark.usefixtures("new_shop")
@pytest.mark.parametrize("title", TITLES)
def test_each_step_is_completed_by_its_own_action_only(
    as_olive: Client, ada: User, settings: Any, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    settings.ADMIN_REQUIRES_MFA = False
    assert open_steps(as_olive) == TITLES
    ACTS[title](settings, monkeypatch, ada)
    assert open_steps(as_olive) == [other for other in TITLES if other != title]


@pytest.mark.usefixtures("new_shop")
def test_list_disappears_when_all_steps_are_done(
    as_olive: Client, ada: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Set up your shop: 0 of 8 steps" in as_olive.get(reverse("admin:index")).content.decode()
    for act in ACTS.values():
        act(settings, monkeypatch, ada)
    assert "Set up your shop" not in as_olive.get(reverse("admin:index"), secure=True).content.decode()


@pytest.mark.usefixtures("new_shop")
def test_colleague_without_permission_sees_no_steps(settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = False
    colleague = User.objects.create_user("writer@example.com", is_staff=True)
    assert "Set up your shop" not in signed_in(colleague).get(reverse("admin:index")).content.decode()


@pytest.mark.usefixtures("new_shop")
def test_hidden_product_does_not_count_as_the_first_product(as_olive: Client) -> None:
    Product.objects.update(metadata={})
    configuration = ProductConfiguration.objects.get()
    configuration.status = ProductConfiguration.Status.DRAFT
    configuration.save()
    assert "Your first product" in open_steps(as_olive)
