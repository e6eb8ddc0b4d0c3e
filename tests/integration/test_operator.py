"""The admin lets Olive answer "I paid but have no access" and does not let her edit Stripe's data."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import (
    Mail,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    StripeCustomer,
    WebhookEvent,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from tests.factories import buy, pay, press_buy, save_in_admin
from tests.operator_actions import hidden_fields
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db


def admin_url(model: Any, page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:ecommerce_{model.__name__.lower()}_{page}", args=args)


def confirm_rows(operator: Client, url: str, action: dict[str, Any]) -> Any:
    """Run an action on rows of a list, and confirm it."""
    page = operator.post(url, action)
    assert page.status_code == 200
    return operator.post(url, {**action, **hidden_fields(page.content.decode())}, follow=True)


def test_each_admin_list_and_page_opens(
    as_ada: Client, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    deliver(events(sandbox, "checkout.session.completed")[0])
    for model in (ProductConfiguration, Product, Purchase, WebhookEvent, StripeCustomer):
        assert as_olive.get(admin_url(model)).status_code == 200, model
        row = model.objects.first()
        assert as_olive.get(admin_url(model, "change", quote(str(row.pk)))).status_code == 200, model
    assert as_olive.get(admin_url(Purchase), {"q": "ada@example.com"}).status_code == 200


def test_fields_copied_from_stripe_are_read_only(
    as_ada: Client, as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    for model, pk in ((Purchase, purchase.pk), (Product, quote(icons.product_id))):
        assert as_olive.post(admin_url(model, "change", pk), {"status": "refunded"}).status_code == 403
        assert as_olive.post(admin_url(model, "delete", pk), {"post": "yes"}).status_code == 403
        assert as_olive.get(admin_url(model, "add")).status_code == 403
    purchase.refresh_from_db()
    assert purchase.status == Status.PAID


def test_founder_can_edit_product_configuration(as_olive: Client, icons: ProductConfiguration) -> None:
    form = {
        "slug": "icons",
        "position": "3",
        "tagline": "Sharp at 16 px",
        "content": "# Yours",
        "status": "hidden",
    }
    file = ContentFile(b"zip", name="icons.zip")
    response = save_in_admin(
        as_olive, admin_url(ProductConfiguration, "settings", icons.pk), {**form, "download": file}
    )
    assert response.status_code == 302, response.content
    icons.refresh_from_db()
    assert (icons.slug, icons.status, icons.tagline) == ("icons", "hidden", "Sharp at 16 px")
    page = as_olive.get(admin_url(ProductConfiguration, "settings", icons.pk)).content.decode()
    assert "icons" in page
    assert 'href="/media/' not in page
    assert b"Icon set" not in Client().get("/store/").content


def test_refresh_action_syncs_from_stripe(
    as_ada: Client, as_olive: Client, olive: User, icons: ProductConfiguration
) -> None:
    pay(press_buy(as_ada, icons))
    purchase = Purchase.objects.get()
    action = {"action": "refresh", "_selected_action": [purchase.pk]}
    page = confirm_rows(as_olive, admin_url(Purchase), action)
    assert "paid" in page.content.decode()
    purchase.refresh_from_db()
    assert purchase.status == Status.PAID
    last = purchase.changes.last()
    assert last is not None
    assert last.cause == "refreshed by olive@example.com"


def test_list_names_emails_of_the_founder(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration
) -> None:
    mail = Mail.objects.create(purchase=buy(as_ada, icons), kind="tips", about="first access")
    for url in (admin_url(Mail), admin_url(Mail, "change", mail.pk)):
        cells = re.findall(r"kind_label.*?>\s*(\w+)\s*</", as_olive.get(url).content.decode(), re.DOTALL)
        assert "tips" in cells


def test_event_can_be_processed_again(
    as_ada: Client,
    as_olive: Client,
    icons: ProductConfiguration,
    sandbox: Any,
    settings: Any,
    disconnect_stripe: Any,
) -> None:
    pay(press_buy(as_ada, icons))
    (event,) = events(sandbox, "checkout.session.completed")
    before = settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE
    disconnect_stripe()
    deliver(event)
    assert WebhookEvent.objects.get().error
    action = {"action": "process_again", "_selected_action": [event["id"]]}
    confirm_rows(as_olive, admin_url(WebhookEvent), action)
    assert (WebhookEvent.objects.get().attempts, WebhookEvent.objects.get().processed_at) == (2, None)
    settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE = before
    confirm_rows(as_olive, admin_url(WebhookEvent), action)
    assert WebhookEvent.objects.get().processed_at is not None
    assert Purchase.objects.get().status == Status.PAID


def test_buyer_cannot_open_the_admin(as_ada: Client, icons: ProductConfiguration) -> None:
    for model in (ProductConfiguration, Product, Purchase, WebhookEvent, StripeCustomer):
        assert as_ada.get(admin_url(model)).status_code == 302
    assert Price.objects.count() == 1
