"""The sync copies all of Stripe's products and prices to the store."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.ecommerce.catalogue import sync
from apps.ecommerce.models import Price, Product, ProductConfiguration
from stripe_sandbox import bootstrap as sandbox_bootstrap
from stripe_sandbox import storage
from tests.factories import add_price, create_product
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db


def bootstrap(capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    call_command("bootstrap_ecommerce", **options)
    return capsys.readouterr().out


def create_products(sandbox: Any, count: int) -> None:
    for number in range(count):
        product = sandbox.client.v1.products.create({"name": f"Thing {number}", "id": f"prod_{number:04}"})
        add_price(sandbox.client, product.id, 100 + number)


def test_all_pages_of_the_list_are_copied(sandbox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create_products(sandbox, 250)
    out = bootstrap(capsys)
    assert "500 added, 0 changed, 0 archived" in out
    assert Product.objects.count() == Price.objects.count() == ProductConfiguration.objects.count() == 250
    assert ProductConfiguration.objects.values("slug").distinct().count() == 250
    assert ProductConfiguration.objects.values("position").distinct().count() == 250


def test_second_sync_changes_nothing(sandbox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create_products(sandbox, 3)
    bootstrap(capsys)
    before = list(ProductConfiguration.objects.values())
    assert "0 added, 0 changed, 0 archived, 6 unchanged" in bootstrap(capsys)
    assert list(ProductConfiguration.objects.values()) == before


def test_changed_and_archived_products_are_reported(sandbox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create_products(sandbox, 3)
    bootstrap(capsys)
    sandbox.client.v1.products.update("prod_0001", {"name": "Better thing"})
    sandbox.client.v1.products.update("prod_0002", {"active": False})
    out = bootstrap(capsys)
    assert "changed: Better thing (prod_0001)" in out
    assert "archived: Thing 2 (prod_0002)" in out
    assert Product.objects.get(id="prod_0001").name == "Better thing"
    assert not Product.objects.get(id="prod_0002").active


def test_edits_in_the_admin_are_kept(
    sandbox: Any, icons: ProductConfiguration, capsys: pytest.CaptureFixture[str]
) -> None:
    ProductConfiguration.objects.update(
        slug="mine", tagline="Mine", content="Mine", status="hidden", position=7
    )
    sandbox.client.v1.products.update(icons.product_id, {"name": "Other name"})
    bootstrap(capsys)
    edited = ProductConfiguration.objects.get()
    assert (edited.slug, edited.tagline, edited.content, edited.status, edited.position) == (
        "mine",
        "Mine",
        "Mine",
        "hidden",
        7,
    )


def test_dry_run_reports_changes_and_writes_nothing(sandbox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create_products(sandbox, 3)
    assert "6 would be added" in bootstrap(capsys, dry_run=True)
    assert not Product.objects.exists()
    bootstrap(capsys)
    sandbox.client.v1.products.update("prod_0002", {"active": False})
    sandbox.client.v1.products.update("prod_0001", {"name": "Better thing"})
    out = bootstrap(capsys, dry_run=True)
    assert "would be archived: Thing 2 (prod_0002)" in out
    assert "would be changed: Better thing (prod_0001)" in out
    assert Product.objects.filter(active=True, name__startswith="Thing").count() == 3


def test_interrupted_sync_is_completed_by_the_next_one(
    sandbox: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted sync archives nothing, and its pages are complete."""
    create_products(sandbox, 250)
    save_page, pages = sync._save_page, []

    def stop_after_two_pages(*args: Any, **kwargs: Any) -> None:
        if len(pages) == 2:
            raise KeyboardInterrupt
        pages.append(1)
        save_page(*args, **kwargs)

    monkeypatch.setattr(sync, "_save_page", stop_after_two_pages)
    with pytest.raises(KeyboardInterrupt):
        bootstrap(capsys)
    assert Product.objects.filter(active=True).count() == ProductConfiguration.objects.count() == 200
    monkeypatch.undo()
    assert "300 added" in bootstrap(capsys)
    assert Product.objects.filter(active=True).count() == ProductConfiguration.objects.count() == 250


def test_product_has_one_time_and_recurring_prices(sandbox: Any, icons: ProductConfiguration) -> None:
    monthly = add_price(sandbox.client, icons.product_id, 500, interval="month", interval_count=3)
    sandbox.client.v1.products.update(icons.product_id, {"default_price": monthly})
    sync.sync_catalogue()
    fresh = ProductConfiguration.objects.get()
    assert fresh.product.default_price_id == monthly
    assert next(price.id for price in fresh.prices) == monthly
    price = Price.objects.get(id=monthly)
    assert (price.type, price.interval, price.interval_count) == ("recurring", "month", 3)


def test_products_with_the_same_name_have_different_slugs(sandbox: Any) -> None:
    create_product(sandbox.client, "Icon set")
    create_product(sandbox.client, "Icon set")
    create_product(sandbox.client, "図形")
    slugs = set(ProductConfiguration.objects.values_list("slug", flat=True))
    assert len(slugs) == 3
    for slug in slugs:
        assert Client().get(f"/store/{slug}/").status_code == 200


def test_events_update_products_and_prices(sandbox: Any) -> None:
    product = sandbox.client.v1.products.create({"name": "Born from an event"})
    price = add_price(sandbox.client, product.id, 700)
    for event in [*events(sandbox, "price.created"), *events(sandbox, "product.created")]:
        assert deliver(event).status_code == 200
    assert ProductConfiguration.objects.get().slug == "born-from-an-event"
    sandbox.client.v1.prices.update(price, {"active": False})
    sandbox.client.v1.products.update(product.id, {"active": False})
    for event in [*events(sandbox, "price.updated"), *events(sandbox, "product.updated")]:
        assert deliver(event).status_code == 200
    assert not Price.objects.get().active
    assert not Product.objects.get().active


def test_deleted_product_becomes_inactive(sandbox: Any) -> None:
    product = sandbox.client.v1.products.create({"name": "Short lived"})
    sync.sync_catalogue()
    sandbox.client.v1.products.delete(product.id)
    (event,) = events(sandbox, "product.deleted")
    assert deliver(event).status_code == 200
    assert not Product.objects.get().active


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "STRIPE_SECRET_KEY is not set"),
        ("pk_test_123", "is not a secret key"),
        ("sk_live_wrong", "Stripe refused the key"),
    ],
)
def test_invalid_key_is_a_one_line_error(sandbox: Any, settings: Any, key: str, message: str) -> None:
    settings.STRIPE_SECRET_KEY = key
    with pytest.raises(CommandError) as refusal:
        call_command("bootstrap_ecommerce")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert ".env" in str(refusal.value)


def test_unreachable_stripe_is_a_one_line_error(sandbox: Any, disconnect_stripe: Any) -> None:
    disconnect_stripe()
    with pytest.raises(CommandError, match="can't be reached") as refusal:
        call_command("bootstrap_ecommerce")
    assert "\n" not in str(refusal.value)


def test_demo_shop_is_unchanged_after_sandbox_reset(
    sandbox: Any, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.STRIPE_SANDBOX_DEMO = True
    storage.reset()
    sandbox_bootstrap.prepare()
    bootstrap(capsys)
    before = list(ProductConfiguration.objects.values("product_id", "slug"))
    storage.reset()
    sandbox_bootstrap.prepare()
    assert "0 added, 0 changed, 0 archived" in bootstrap(capsys)
    assert list(ProductConfiguration.objects.values("product_id", "slug")) == before
