"""The tables of the reference pages are complete: fields, statuses and handled events."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.models import (
    Category,
    Consent,
    DiscountCode,
    FaqEntry,
    FileVersion,
    LegalText,
    Lesson,
    LessonProgress,
    LicenceKey,
    Mail,
    OperatorAction,
    Price,
    Product,
    ProductConfiguration,
    ProductFile,
    Purchase,
    PurchaseStatus,
    Refund,
    SearchWord,
    Section,
    StatusChange,
    StripeCustomer,
    SubscriptionChange,
    Tag,
    WebhookEvent,
    Withdrawal,
)
from apps.ecommerce.purchases import entitlements
from apps.ecommerce.purchases.entitlements import owned
from apps.users.models import AddressChange, User
from stripe_sandbox import testing
from tests.factories import buy

MODELS: list[type[Model]] = [
    *(Product, Price, DiscountCode, ProductConfiguration, Category, Tag, FaqEntry),
    *(Section, Lesson, LessonProgress, ProductFile, FileVersion, LicenceKey),
    *(Purchase, Refund, SubscriptionChange, StatusChange, Mail, WebhookEvent, StripeCustomer),
    *(Consent, LegalText, Withdrawal, SearchWord, OperatorAction),
    *(User, AddressChange),
]


def read_table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the rows below a heading."""
    text = (settings.BASE_DIR / "docs" / page).read_text()
    section = re.split(r"^#+ ", text.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [row.split(" | ") for row in rows[1:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", cell)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_all_fields_are_documented(model: type[Model]) -> None:
    documented = {name for row in read_table("data-models.md", model.__name__) for name in names(row[0])}
    fields = {
        field.name
        for field in (*model._meta.concrete_fields, *model._meta.many_to_many)
        if field.name != "id" or "id" in documented
    }
    assert documented == fields


def test_statuses_that_give_access_are_documented(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    rows = {names(status)[0]: access for status, _meaning, access in read_table("data-models.md", "Statuses")}
    assert set(rows) == set(PurchaseStatus.values)
    for status, access in rows.items():
        now, day = timezone.now(), timedelta(days=1)
        Purchase.objects.update(
            status=status, has_paid=True, paid_until=now - day, past_due_since=now - day, suspended_by=""
        )
        assert (owned(ada, icons.product) == purchase) == access.startswith("yes"), status


def test_functions_about_access_exist() -> None:
    rows = read_table("gating.md", "In Python")
    functions = [name for cell, _returns in rows for name in re.findall(r"^`(\w+)\(", cell)]
    assert functions
    assert [name for name in functions if not hasattr(entitlements, name)] == []


def test_middlewares_are_documented_in_their_order() -> None:
    documented = [cells[0].strip("`") for cells in read_table("architecture.md", "Our own middlewares")]
    ours = [name for name in settings.MIDDLEWARE if name.startswith("apps.")]
    assert [name for name in documented if name in ours] == ours
    assert set(documented) - set(ours) <= {"apps.devtools.middleware.link_error_pages"}


def test_handled_events_are_documented() -> None:
    events = [name for row in read_table("webhooks.md", "Handled events") for name in names(row[0])]
    assert sorted(events) == sorted(webhooks.HANDLERS)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"STRIPE_WEBHOOK_SECRET": ""}, 404),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_of_another_endpoint"}, 400),
        ({"ALLOWED_HOSTS": ["shop.example.com"]}, 400),
        ({"SECURE_SSL_REDIRECT": True}, 301),
        ({"MAINTENANCE": True}, 503),
    ],
)
def test_refused_webhooks_are_documented(settings: Any, changes: dict[str, Any], status: int) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    response = Client().post("/webhooks/stripe/", b"{}", content_type="application/json")
    assert response.status_code == status
    faq = (settings.BASE_DIR / "docs" / "faq.md").read_text()
    responses = [cells[0] for cells in read_table("webhooks.md", "Responses")]
    assert f"## The webhook answers {status}" in faq or str(status) in responses


def test_fixtures_and_functions_for_tests_exist() -> None:
    sandbox_plugin = Path(testing.__file__)
    files = [settings.BASE_DIR / "tests" / name for name in ("plugins/shop.py", "factories.py")]
    defined = re.findall(r"^def (\w+)", "".join(map(Path.read_text, [*files, sandbox_plugin])), re.MULTILINE)
    rows = read_table("testing.md", "Your own tests")
    documented = [name for cell, _meaning in rows for name in re.findall(r"`(\w+)", cell)]
    assert set(documented) <= set(defined)
    assert len(documented) > 10


@pytest.mark.parametrize("page", ["faq.md", "webhooks.md", "testing.md", "data-models.md"])
def test_quoted_texts_exist(page: str) -> None:
    folders = ("apps", "scripts", "templates")
    files = [path for folder in folders for path in (settings.BASE_DIR / folder).rglob("*.*")]
    code = "".join(path.read_text() for path in files if path.suffix in (".py", ".html", ".txt")).lower()
    text = (settings.BASE_DIR / "docs" / page).read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    quoted = [" ".join(quote.split()) for quote in re.findall(r'"([^"]+)"', prose)]
    assert [quote for quote in quoted if quote.lower() not in code] == []
