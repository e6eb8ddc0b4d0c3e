"""An owner of a one-time price buys a higher one for the difference; views require plans."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory

from apps.ecommerce.catalogue.sync import sync_catalogue, sync_product
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.purchases.customers import get_or_create_customer
from apps.ecommerce.purchases.decorators import product_required
from apps.ecommerce.purchases.entitlements import owned
from apps.users.models import User
from tests.factories import add_price, buy, create_product, pay, press_buy
from tests.stripe_actions import deliver_all, find_session

pytestmark = pytest.mark.django_db


def test_owner_pays_the_difference(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    first = buy(as_ada, icons)
    upgrade = buy(as_ada, icons, team)
    assert upgrade.upgrade_of == first
    assert (upgrade.amount_subtotal, upgrade.amount_discount, upgrade.amount_total) == (4900, 1900, 3000)
    assert [payment.amount_paid for payment in upgrade.payments.all()] == [3000]
    session = find_session(sandbox, upgrade)
    assert not session.allow_promotion_codes
    coupon = sandbox.client.v1.coupons.retrieve(session.discounts[0].coupon)
    assert (coupon.max_redemptions, coupon.duration, coupon.times_redeemed) == (1, "once", 1)
    assert owned(ada, icons.product) == upgrade


def test_partly_refunded_purchase_credits_what_is_left(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    first = buy(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": first.payment_intent_id, "amount": 400})
    sandbox.deliver()
    upgrade = buy(as_ada, icons, team)
    assert upgrade.amount_total == 4900 - 1500


def test_second_upgrade_credits_the_whole_value(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    company = add_price(sandbox.client, icons.product_id, 9900)
    sync_product(icons.product_id)
    buy(as_ada, icons)
    buy(as_ada, icons, team)
    assert buy(as_ada, icons, Price.objects.get(id=company)).amount_total == 9900 - 4900


def test_upgrade_credits_only_its_product_of_a_sale_of_several(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    """A Payment Link has sold the icons ($19) together with a book ($60), at half the price."""
    book = create_product(sandbox.client, "Book", 6000)
    half = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    session = sandbox.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": get_or_create_customer(ada).id,
            "line_items": [{"price": row.prices[0].id, "quantity": 1} for row in (icons, book)],
            "discounts": [{"coupon": half}],
            "success_url": "https://elsewhere.example",
        }
    )
    pay(session.url)
    deliver_all(sandbox)
    assert owned(ada, icons.product)
    assert buy(as_ada, icons, team).amount_discount == 950


def test_refund_after_the_payment_page_was_opened_ends_the_credit(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    first = buy(as_ada, icons)
    press_buy(as_ada, icons, team)
    sandbox.client.v1.refunds.create({"payment_intent": first.payment_intent_id})
    sandbox.deliver()
    upgrade = buy(as_ada, icons, team)
    assert (upgrade.upgrade_of, upgrade.amount_total) == (None, 4900)


def test_owner_who_paid_nothing_pays_the_full_price(as_ada: Client, sandbox: Any) -> None:
    free = create_product(sandbox.client, "Sampler", 0)
    full = add_price(sandbox.client, free.product_id, 4900)
    sync_product(free.product_id)
    first = buy(as_ada, free)
    free.__dict__.pop("prices", None)
    upgrade = buy(as_ada, free, Price.objects.get(id=full))
    assert (upgrade.upgrade_of, upgrade.amount_total) == (first, 4900)


@pytest.mark.parametrize("amount", [500, 1900])
def test_refund_closes_the_payment_page_of_an_upgrade(
    as_ada: Client,
    icons: ProductConfiguration,
    team: Price,
    sandbox: Any,
    amount: int,
    django_capture_on_commit_callbacks: Any,
) -> None:
    first = buy(as_ada, icons)
    press_buy(as_ada, icons, team)
    upgrade = Purchase.objects.get(upgrade_of=first)
    sandbox.client.v1.refunds.create({"payment_intent": first.payment_intent_id, "amount": amount})
    with django_capture_on_commit_callbacks(execute=True):
        sandbox.deliver()
    assert find_session(sandbox, upgrade).status == "expired"
    sandbox.deliver()
    upgrade.refresh_from_db()
    assert upgrade.status == "expired"


def test_lower_price_of_an_owned_product_is_not_sold(
    as_ada: Client, icons: ProductConfiguration, team: Price
) -> None:
    buy(as_ada, icons, team)
    response = as_ada.post("/store/icon-set/buy/", {"price": icons.prices[0].id})
    assert response["Location"] == "/store/icon-set/"
    assert Purchase.objects.count() == 1


def test_setting_turns_upgrades_off(
    as_ada: Client, icons: ProductConfiguration, team: Price, settings: Any
) -> None:
    settings.UPGRADES = False
    buy(as_ada, icons)
    assert as_ada.get("/store/icon-set/").context["upgrade_options"] == []
    assert as_ada.post("/store/icon-set/buy/", {"price": team.id})["Location"] == "/store/icon-set/"


def test_product_page_offers_the_upgrade_to_owners_only(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, team: Price
) -> None:
    buy(as_ada, icons)
    [option] = as_ada.get("/store/icon-set/").context["upgrade_options"]
    assert (option.price, option.label) == (team, "$30")
    assert as_bob.get("/store/icon-set/").context["upgrade_options"] == []


@pytest.mark.parametrize(("difference", "is_offered"), [(49, False), (50, True)])
def test_difference_below_the_minimum_charge_is_not_offered(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, difference: int, is_offered: bool
) -> None:
    higher = add_price(sandbox.client, icons.product_id, 1900 + difference)
    sync_product(icons.product_id)
    buy(as_ada, icons)
    assert bool(as_ada.get("/store/icon-set/").context["upgrade_options"]) == is_offered
    sold = as_ada.post("/store/icon-set/buy/", {"price": higher})["Location"] != "/store/icon-set/"
    assert sold == is_offered


def test_library_shows_an_upgraded_product_once(
    as_ada: Client, icons: ProductConfiguration, team: Price
) -> None:
    first, upgrade = buy(as_ada, icons), buy(as_ada, icons, team)
    context = as_ada.get("/purchases/").context
    assert context["library"] == [upgrade]
    assert [row for row, _message in context["others"]] == [first]


def test_refunded_upgrade_leaves_the_first_purchase(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    first, upgrade = buy(as_ada, icons), buy(as_ada, icons, team)
    sandbox.client.v1.refunds.create({"payment_intent": upgrade.payment_intent_id})
    sandbox.deliver()
    assert owned(ada, icons.product) == first


# --- plans ----------------------------------------------------------------------------------------------------


@product_required(product_slug="icon-set", plans=["team"])
def team_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.product_purchase.plan)  # type: ignore[attr-defined]


def open_team_page(client: Client, user: User) -> HttpResponse:
    request = RequestFactory().get("/team/")
    request.user, request.session = user, client.session
    request._messages = type("Messages", (), {"add": lambda *args: None})()  # type: ignore[attr-defined]
    return team_page(request)


def test_view_requires_one_of_its_plans(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price
) -> None:
    buy(as_ada, icons)
    response = open_team_page(as_ada, ada)
    assert (response.status_code, response["Location"]) == (302, "/store/icon-set/")
    buy(as_ada, icons, team)
    assert open_team_page(as_ada, ada).content == b"team"


def test_template_tag_distinguishes_plans(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price
) -> None:
    buy(as_ada, icons)
    request = RequestFactory().get("/")
    request.user = ada
    template = Template(
        '{% load store %}{% if_owned product plan="solo" %}solo{% endif_owned %}'
        '{% if_owned product plan="team" %}team{% endif_owned %}{% if_owned product %}any{% endif_owned %}'
    )
    assert template.render(Context({"request": request, "product": icons})) == "soloany"


def test_buyers_keep_their_plan_when_a_new_price_takes_the_lookup_key(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    buy(as_ada, icons, team)
    new = add_price(sandbox.client, icons.product_id, 5900)
    sandbox.client.v1.prices.update(new, {"lookup_key": "team", "transfer_lookup_key": True})
    sync_catalogue()
    assert Price.objects.get(id=team.id).plan == Price.objects.get(id=new).plan == "team"
    assert owned(ada, icons.product, plans=["team"])


def test_plan_that_is_named_later_reaches_earlier_buyers(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    sandbox.client.v1.prices.update(icons.prices[0].id, {"lookup_key": "solo"})
    sync_catalogue()
    assert owned(ada, icons.product, plans=["solo"])
    assert not owned(ada, icons.product, plans=["team"])
