"""`push_catalogue` creates the store's products in another Stripe account, and can be repeated and interrupted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
import stripe
from django.core.management import CommandError, call_command
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue, sync_product
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase
from apps.users.models import User
from stripe_sandbox import storage
from stripe_sandbox.transport import InProcessClient
from tests.factories import add_price, buy, create_product, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

PUSH = "/admin/ecommerce/productconfiguration/push/"


@pytest.fixture
def use_other_account(sandbox: Any) -> Callable[[], None]:
    """Return a function after which Stripe has no objects, as if the key were another account's."""

    def use() -> None:
        storage.reset()

    return use


def push(*options: str) -> str:
    out = StringIO()
    call_command("push_catalogue", *options, stdout=out, stderr=out)
    return out.getvalue()


def at_stripe(sandbox: Any) -> dict[str, list[Any]]:
    """Return the prices of each product at Stripe, by its name."""
    products = sandbox.client.v1.products.list({"limit": 100}).data
    return {
        product.name: sandbox.client.v1.prices.list({"product": product.id, "limit": 100}).data
        for product in products
    }


def test_product_is_created_with_all_its_values_and_sold(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, use_other_account: Callable[[], None]
) -> None:
    yearly: Any = {
        "product": club.product_id,
        "currency": "usd",
        "unit_amount": 9000,
        "recurring": {"interval": "year", "trial_period_days": 14},
        "nickname": "Yearly",
        "lookup_key": "pro",
        "currency_options": {"eur": {"unit_amount": 8000}},
    }
    old = sandbox.client.v1.prices.create(yearly).id
    features: Any = {
        "description": "For makers",
        "metadata": {"tier": "a"},
        "marketing_features": [{"name": "A forum"}],
    }
    sandbox.client.v1.products.update(club.product_id, features | {"default_price": old})
    sync_catalogue()
    slug, monthly = club.slug, club.prices[0].id
    use_other_account()
    output = push()
    product = sandbox.client.v1.products.retrieve(
        club.product_id, {"expand": ["default_price.currency_options"]}
    )
    assert (product.name, product.description, product.metadata["tier"]) == (
        club.product.name,
        "For makers",
        "a",
    )
    assert [feature.name for feature in product.marketing_features] == ["A forum"]
    price = product.default_price
    assert (price.unit_amount, price.nickname, price.lookup_key) == (9000, "Yearly", "pro")
    assert (price.recurring.interval, price.recurring.trial_period_days) == ("year", 14)
    assert price.currency_options["eur"].unit_amount == 8000
    assert f"{old} ▶ {price.id}" in output
    row = ProductConfiguration.objects.get()
    assert (row.slug, row.is_on_sale, len(row.prices)) == (slug, True, 2)
    assert Price.objects.get(id=price.id).plan == "pro"
    assert not Price.objects.get(id=monthly).active
    assert buy(as_ada, row).opens_product


def test_dry_run_creates_nothing(
    icons: ProductConfiguration, sandbox: Any, use_other_account: Callable[[], None]
) -> None:
    use_other_account()
    output = push("--dry-run")
    assert f"would create: {icons.product.name}" in output
    assert "1 products would be created" in output
    assert at_stripe(sandbox) == {}


def test_push_is_safe_to_repeat(
    icons: ProductConfiguration,
    club: ProductConfiguration,
    sandbox: Any,
    use_other_account: Callable[[], None],
) -> None:
    use_other_account()
    push()
    before = {name: [price.id for price in prices] for name, prices in at_stripe(sandbox).items()}
    assert "0 products created, 2 exist already" in push()
    assert {name: [price.id for price in prices] for name, prices in at_stripe(sandbox).items()} == before


def test_prices_that_the_dashboard_has_copied_are_used(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, use_other_account: Callable[[], None]
) -> None:
    """Stripe's "Copy to live mode" keeps the id of a product, but its prices get new ids."""
    old = Price.objects.get()
    use_other_account()
    sandbox.client.v1.products.create({"id": club.product_id, "name": club.product.name})
    recurring: Any = {"interval": old.interval, "interval_count": old.interval_count}
    trial = {"trial_period_days": old.trial_period_days} if old.trial_period_days else {}
    copied: Any = {
        "product": club.product_id,
        "currency": old.currency,
        "unit_amount": old.unit_amount,
        "recurring": recurring | trial,
        **({"nickname": old.nickname} if old.nickname else {}),
    }
    copy = sandbox.client.v1.prices.create(copied).id
    push()
    assert [price.id for price in at_stripe(sandbox)[club.product.name]] == [copy]
    assert list(Price.objects.filter(active=True).values_list("id", "plan")) == [(copy, old.plan)]
    assert buy(as_ada, ProductConfiguration.objects.get()).opens_product


def test_lookup_key_of_another_shop_stays_with_its_price(
    icons: ProductConfiguration, sandbox: Any, use_other_account: Callable[[], None]
) -> None:
    Price.objects.update(plan="pro")
    use_other_account()
    v1 = sandbox.client.v1
    other: Any = {"product": v1.products.create({"name": "Other"}).id, "currency": "usd", "unit_amount": 900}
    held = v1.prices.create(other | {"lookup_key": "pro"}).id
    push()
    assert v1.prices.retrieve(held).lookup_key == "pro"
    assert Price.objects.get(product=icons.product_id, active=True).plan == "pro"
    sync_catalogue()
    assert Price.objects.get(product=icons.product_id, active=True).plan == "pro"


@pytest.mark.parametrize("failing", range(1, 8))
def test_interrupted_push_continues(
    failing: int,
    icons: ProductConfiguration,
    sandbox: Any,
    use_other_account: Callable[[], None],
    settings: Any,
) -> None:
    """The connection breaks after each request in turn, of those that create something; Stripe has received it."""
    add_price(sandbox.client, icons.product_id, 4900)
    sync_catalogue()
    use_other_account()
    BreakingClient.left = failing
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_push_catalogue.BreakingClient"
    with suppress(CommandError):  # with a large number nothing breaks
        push()
    settings.STRIPE_HTTP_CLIENT = "stripe_sandbox.transport.InProcessClient"
    push()
    assert {
        name: sorted(price.unit_amount for price in prices) for name, prices in at_stripe(sandbox).items()
    } == {icons.product.name: [1900, 4900]}
    (row,) = ProductConfiguration.objects.all()
    assert sorted(price.unit_amount or 0 for price in row.prices) == [1900, 4900]


class BreakingClient(InProcessClient):
    left = 0

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        response = super().request(method, url, *args, **kwargs)
        if method == "post":
            BreakingClient.left -= 1
            if BreakingClient.left == 0:
                raise stripe.APIConnectionError("The connection broke.", should_retry=False)
        return response


@pytest.mark.parametrize(
    "sync", [sync_catalogue, lambda: sync_product(Product.objects.get().id)], ids=["all", "one"]
)
def test_products_that_a_sync_has_archived_are_pushed(
    sync: Callable[[], object],
    icons: ProductConfiguration,
    sandbox: Any,
    use_other_account: Callable[[], None],
) -> None:
    old = add_price(sandbox.client, icons.product_id, 900)
    sync_catalogue()
    sandbox.client.v1.prices.update(old, {"active": False})
    sync_catalogue()
    use_other_account()
    sync()
    assert not ProductConfiguration.objects.get().is_on_sale
    push()
    row = ProductConfiguration.objects.get()
    assert row.is_on_sale
    assert [price.unit_amount for price in row.prices] == [1900]  # not the price that was archived before


def test_purchases_of_the_sandbox_stay_test_purchases(
    as_ada: Client, icons: ProductConfiguration, use_other_account: Callable[[], None], settings: Any
) -> None:
    before = buy(as_ada, icons)
    use_other_account()
    push()
    after = Purchase.objects.get()
    assert (after.pk, after.price_id, after.livemode) == (before.pk, before.price_id, False)
    settings.STRIPE_SECRET_KEY = "sk_live_1"
    assert as_ada.get(f"/purchases/{icons.slug}/").status_code == 302


def test_demo_products_are_pushed_on_request_only(
    icons: ProductConfiguration, sandbox: Any, use_other_account: Callable[[], None]
) -> None:
    Product.objects.update(metadata={"demo": "true"})
    use_other_account()
    assert "a product of the demo shop" in push()
    assert at_stripe(sandbox) == {}
    push("--with-demo")
    assert at_stripe(sandbox).keys() == {icons.product.name}


def test_refused_product_does_not_stop_the_others(
    icons: ProductConfiguration,
    club: ProductConfiguration,
    sandbox: Any,
    use_other_account: Callable[[], None],
) -> None:
    # Stripe refuses too small an amount at checkout only.
    Price.objects.filter(product=icons.product_id).update(unit_amount=10)
    Product.objects.filter(id=icons.product_id).update(features=["y" * 81])
    use_other_account()
    with pytest.raises(CommandError):
        push()
    assert club.product.name in at_stripe(sandbox)


def test_pay_what_you_want_is_created(
    icons: ProductConfiguration, sandbox: Any, use_other_account: Callable[[], None]
) -> None:
    custom: Any = {"enabled": True, "minimum": 500, "preset": 900}
    sandbox.client.v1.prices.create(
        {"product": icons.product_id, "currency": "usd", "custom_unit_amount": custom}
    )
    sync_catalogue()
    use_other_account()
    push()
    (price,) = [row for row in at_stripe(sandbox)[icons.product.name] if row.custom_unit_amount]
    assert (price.custom_unit_amount.minimum, price.custom_unit_amount.preset) == (500, 900)


def test_operator_pushes_in_the_admin(
    as_olive: Client,
    icons: ProductConfiguration,
    sandbox: Any,
    use_other_account: Callable[[], None],
    settings: Any,
) -> None:
    use_other_account()
    assert "Create at Stripe" in as_olive.get(PUSH).content.decode()
    assert at_stripe(sandbox) == {}
    assert "1 product was created" in as_olive.post(PUSH, follow=True).content.decode()
    assert at_stripe(sandbox).keys() == {icons.product.name}
    settings.STRIPE_SANDBOX = False
    assert "has all products of the store" in as_olive.get(PUSH).content.decode()


def test_push_to_the_sandbox_says_how_to_reach_the_account(
    as_olive: Client, icons: ProductConfiguration, settings: Any
) -> None:
    page = as_olive.get(PUSH).content.decode()
    assert "set STRIPE_SECRET_KEY" in page
    assert "has all products of the store" not in page
    assert "set STRIPE_SECRET_KEY" in push("--dry-run")
    settings.STRIPE_SANDBOX = False
    assert "set STRIPE_SECRET_KEY" not in as_olive.get(PUSH).content.decode() + push("--dry-run")


def test_push_needs_permission(ada: User, icons: ProductConfiguration) -> None:
    writer = User.objects.create_user("writer@example.com", is_staff=True)
    assert signed_in(writer).get(PUSH).status_code == 403


def test_push_says_why_stripe_cannot_be_reached(icons: ProductConfiguration, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(CommandError, match="A request to Stripe failed"):
        push()


def test_two_products_keep_their_order(sandbox: Any, use_other_account: Callable[[], None]) -> None:
    for name in ("One", "Two"):
        create_product(sandbox.client, name)
    names = list(ProductConfiguration.objects.values_list("product__name", flat=True))
    use_other_account()
    push()
    assert list(at_stripe(sandbox)) == names
