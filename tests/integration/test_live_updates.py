"""Open pages are updated when a purchase of their user changes, with few queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases import refresh
from tests.factories import buy, pay, press_buy, url_path

pytestmark = pytest.mark.django_db

CHANGES = "/purchases/changes/"
DAY = timedelta(days=1)


def version_in(page: Any) -> str:
    """Return the version of the purchases in the page's polling URL."""
    found = re.search(rf'hx-get="{CHANGES}\?seen=(\w+)"', page.content.decode())
    assert found, "this page does not poll"
    return found[1]


def trigger_in(page: Any) -> str:
    """Return the hx-trigger of the page's polling element."""
    found = re.search(rf'hx-get="{CHANGES}[^>]*hx-trigger="([^"]+)"', page.content.decode())
    assert found
    return found[1]


def has_changes(client: Client, seen: str) -> bool:
    answer = client.get(CHANGES, {"seen": seen})
    assert answer.content == b""
    assert answer["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert (answer.status_code == 200) == ("HX-Trigger" in answer)
    return answer.status_code == 200


def test_all_pages_with_purchases_poll_with_the_same_version(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    order = buy(as_ada, icons).get_absolute_url()
    paths = ["/store/", "/store/icon-set/", "/purchases/", "/purchases/icon-set/", order]
    seen = {version_in(as_ada.get(path)) for path in paths}
    assert len(seen) == 1
    assert not has_changes(as_ada, seen.pop())


@pytest.mark.parametrize("path", ["/store/", "/store/icon-set/", "/purchases/"])
def test_pages_poll_only_while_a_purchase_is_pending(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, path: str
) -> None:
    purchase = buy(as_ada, icons)
    assert trigger_in(as_ada.get(path)) == "awake from:body"
    Purchase.objects.filter(pk=purchase.pk).update(status=Status.PROCESSING)
    assert trigger_in(as_ada.get(path)) == "every 30s, awake from:body"
    assert trigger_in(as_bob.get(path)) == "awake from:body"


def test_visitor_pages_do_not_poll(client: Client, icons: ProductConfiguration) -> None:
    for path in ("/store/", "/store/icon-set/"):
        page = client.get(path).content.decode()
        assert CHANGES not in page
        assert "data-live" not in page
    assert client.get(CHANGES).status_code == 302


def test_purchase_of_another_user_is_not_a_change(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    version_of_bob, version_of_ada = version_in(as_bob.get("/store/")), version_in(as_ada.get("/store/"))
    buy(as_ada, icons)
    assert has_changes(as_ada, version_of_ada)
    assert not has_changes(as_bob, version_of_bob)


def _refund(purchase: Purchase, sandbox: Any) -> None:
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()


def _add_purchase(purchase: Purchase, sandbox: Any) -> None:
    purchase.pk, purchase.public_id, purchase.session_id, purchase.order_number = None, uuid4(), None, ""
    purchase.status = Status.EXPIRED
    purchase.save()


def _end_grace_period(purchase: Purchase, sandbox: Any) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(past_due_since=timezone.now() - 30 * DAY)


def _end_paid_period(purchase: Purchase, sandbox: Any) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(paid_until=timezone.now() - 30 * DAY)


def _end_period(purchase: Purchase, sandbox: Any) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(cancel_at=timezone.now())


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({}, _refund),
        ({}, _add_purchase),
        (
            {
                "status": Status.PAST_DUE,
                "paid_until": timezone.now(),
                "past_due_since": timezone.now(),
            },
            _end_grace_period,
        ),
        ({"status": Status.ACTIVE, "paid_until": timezone.now() + DAY}, _end_paid_period),
        (
            {
                "status": Status.ACTIVE,
                "paid_until": timezone.now() + DAY,
                "cancel_at": timezone.now() + DAY,
            },
            _end_period,
        ),
    ],
)
def test_every_change_updates_the_version(
    as_ada: Client,
    icons: ProductConfiguration,
    sandbox: Any,
    before: dict[str, Any],
    change: Callable[[Purchase, Any], None],
) -> None:
    purchase = buy(as_ada, icons)
    Purchase.objects.filter(pk=purchase.pk).update(**before)
    seen = version_in(as_ada.get("/store/"))
    assert not has_changes(as_ada, seen)
    change(purchase, sandbox)
    assert has_changes(as_ada, seen)
    assert not has_changes(as_ada, version_in(as_ada.get("/store/")))


def test_open_page_refreshes_without_a_webhook(as_ada: Client, icons: ProductConfiguration) -> None:
    back = url_path(pay(press_buy(as_ada, icons)))
    purchase = Purchase.objects.get()
    seen = version_in(as_ada.get("/store/"))
    assert not has_changes(as_ada, seen)  # open checkouts are not refreshed from Stripe
    Purchase.objects.update(status=Status.PROCESSING)
    assert has_changes(as_ada, seen)
    purchase.refresh_from_db()
    assert purchase.status == Status.PAID
    assert purchase.changes.latest("id").cause == "an open page"
    assert as_ada.get(back).status_code == 200


def test_poll_runs_three_queries_for_any_number_of_purchases(
    as_ada: Client,
    ada: Any,
    icons: ProductConfiguration,
    django_assert_num_queries: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    press_buy(as_ada, icons)
    pending = Purchase.objects.get()
    for number in range(50):
        Purchase.objects.create(
            user=ada,
            email=ada.email,
            product_id=pending.product_id,
            price_id=pending.price_id,
            status=Status.EXPIRED,
            livemode=False,
            currency="usd",
            session_id=f"cs_{number}",
        )
    with django_assert_num_queries(3):  # session, user, purchases
        as_ada.get(CHANGES)
    as_ada.get(f"/store/checkout/return/?session_id={pending.session_id}")
    monkeypatch.setattr(refresh, "MIN_INTERVAL_SECONDS", 600)
    status = f"{pending.get_absolute_url()}status/?view=return"
    with django_assert_num_queries(3):  # refreshed from Stripe a moment ago
        page = as_ada.get(status)
    with django_assert_num_queries(3):
        assert as_ada.get(f"{status}&seen={page.context['seen']}").status_code == 204


def test_return_page_polls_until_the_purchase_is_final(as_ada: Client, icons: ProductConfiguration) -> None:
    url = press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    page = as_ada.get(f"/store/checkout/return/?session_id={purchase.session_id}").content.decode()
    status = f"{purchase.get_absolute_url()}status/"
    assert f'hx-get="{status}?view=return&amp;seen=' in page
    assert CHANGES not in page
    pay(url)
    Purchase.objects.update(synced_at=None)
    fragment = as_ada.get(f"{status}?view=return")
    assert f'hx-get="{status}' not in fragment.content.decode()
    assert not has_changes(as_ada, version_in(fragment))
    assert 'id="live"' in page
    assert re.search(r'id="live"[^>]*hx-swap-oob="true"', fragment.content.decode())
    assert as_ada.get(f"{status}?view=badge").status_code == 404


def test_open_gated_page_redirects_to_the_order_after_a_refund(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    gate, htmx = "/purchases/icon-set/", {"HX-Request": "true"}
    assert as_ada.get(gate, headers=htmx).status_code == 200
    _refund(purchase, sandbox)
    answer = as_ada.get(gate, headers=htmx)
    assert (answer.status_code, answer["HX-Redirect"]) == (200, purchase.get_absolute_url())
    assert answer.content == b""
    assert as_bob.get(gate, headers=htmx)["HX-Redirect"] == icons.get_absolute_url()
    assert as_ada.get(gate)["Location"] == "/store/?product=icon-set"


def test_polling_return_page_redirects_to_the_page_that_required_the_product(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    as_ada.get("/purchases/icon-set/?chapter=3")
    back = url_path(pay(press_buy(as_ada, icons)))
    assert as_ada.get(back, headers={"HX-Request": "true"})["HX-Redirect"] == "/purchases/icon-set/?chapter=3"
