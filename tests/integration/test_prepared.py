"""Prepared questions answer as querysets do, and do as they do; on whichever database the tests run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import models
from django.http import Http404
from django.test import Client
from django.utils import timezone

from apps.ecommerce.mine import purchase_of, purchases_of
from apps.ecommerce.models import Price, ProductConfiguration, Purchase, WebhookEvent
from apps.prepared import Insert, Select, Update
from apps.users.models import User
from tests.factories import bought

pytestmark = pytest.mark.django_db


def columns(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_rows_are_as_a_queryset_gives_them(as_ada: Client, ada: User, icons: ProductConfiguration) -> None:
    purchase = bought(as_ada, icons)
    moment = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    Purchase.objects.update(trial_end=moment, cancel_at=None)
    purchase.refresh_from_db()
    for found in (
        purchases_of(ada),
        [purchase_of(ada, purchase.public_id)],
        Select(Purchase, "id", lock=True)(purchase.pk),
    ):
        assert [columns(row) for row in found] == [columns(purchase)]
    [configuration] = Select(ProductConfiguration, "product")(icons.product_id)
    assert columns(configuration) == columns(icons)
    [product] = Select(type(icons.product), "id")(icons.product_id)
    assert columns(product) == columns(icons.product)  # with its JSON
    [found, _same] = [*purchases_of(ada), *purchases_of(ada)]
    found.failure_message = "saved as any other"
    found.save()
    assert Purchase.objects.get().failure_message == "saved as any other"


def test_rows_come_in_the_models_order(icons: ProductConfiguration) -> None:
    [first] = icons.product.prices.all()
    for number, amount in enumerate((700, 100, 500)):
        Price.objects.create(
            id=f"price_{number}",
            product=icons.product,
            currency="usd",
            unit_amount=amount,
            type="one_time",
            synced_at=timezone.now(),
        )
    assert [row.unit_amount for row in Select(Price, "product")(icons.product_id)] == [
        100,
        500,
        700,
        first.unit_amount,
    ]


def test_somebody_elses_purchase_does_not_exist(
    as_ada: Client, ada: User, bob: User, icons: ProductConfiguration
) -> None:
    purchase = bought(as_ada, icons)
    assert purchases_of(bob) == []
    with pytest.raises(Http404):
        purchase_of(bob, purchase.public_id)


def test_a_new_row_is_written_once() -> None:
    def event(kind: str) -> WebhookEvent:
        now = timezone.now()
        return WebhookEvent(
            id="evt_1", type=kind, payload={"a": [1, None, "é"]}, stripe_created=now, attempts=1
        )

    insert, first = Insert(WebhookEvent), event("first")
    assert insert(first) == 1
    assert insert(event("second")) == 0
    found = WebhookEvent.objects.get()
    assert columns(found) == columns(first)
    assert found.received_at
    Update(WebhookEvent, "error", "processed_at")("evt_1", "no", first.stripe_created)
    assert Update(WebhookEvent, "error")("evt_2", "nobody's") == 0
    found.refresh_from_db()
    assert (found.error, found.processed_at, found.type) == ("no", first.stripe_created, "first")


def test_of_many_who_come_at_once_one_writes() -> None:
    now = timezone.now()
    WebhookEvent.objects.create(id="evt_1", type="any", payload={}, stripe_created=now)
    WebhookEvent.objects.create(id="evt_2", type="any", payload={}, stripe_created=now)
    claim, before = Update(WebhookEvent, "processed_at", older="processed_at"), now - timedelta(seconds=2)
    assert claim("evt_1", before, before) == 1  # it was empty
    assert claim("evt_1", now, before) == 0  # not older
    assert claim("evt_1", now, now) == 1
    assert claim("evt_1", now, now) == 0
    assert [row.processed_at for row in WebhookEvent.objects.order_by("id")] == [now, None]


def test_a_session_that_is_over_or_made_up_is_nobodys(as_ada: Client, ada: User, settings: Any) -> None:
    assert get_user(as_ada) == ada  # type: ignore[arg-type]
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not as_ada.get("/purchases/").wsgi_request.user.is_authenticated
    as_ada.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    assert as_ada.get("/purchases/").status_code == 302


def test_who_may_not_sign_in_any_more_is_nobody_at_once(as_ada: Client, ada: User) -> None:
    assert as_ada.get("/purchases/").status_code == 200
    User.objects.update(is_active=False)
    assert as_ada.get("/purchases/").status_code == 302
