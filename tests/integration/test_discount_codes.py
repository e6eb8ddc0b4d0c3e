"""A link applies a discount code at Checkout. The product page says what it does; Stripe decides.

https://docs.stripe.com/billing/subscriptions/coupons
"""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import DiscountCode, Price, ProductConfiguration, Purchase, WebhookEvent
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.discount_codes.rules import Refusal, price_refusal
from apps.ecommerce.purchases.discount_codes.sync import sync_code
from apps.users.models import User
from stripe_sandbox import clock, storage
from stripe_sandbox.billing import panel_actions
from tests.factories import add_price, buy, create_product, pay, press_buy, signed_in, url_path
from tests.stripe_actions import find_session

pytestmark = pytest.mark.django_db

NOT_USED = "was not used"


def create_code(sandbox: Any, code: str = "SUMMER", terms: Any = None, **coupon: Any) -> DiscountCode:
    """Create a code at Stripe and in the store; by default 20% off."""
    v1 = sandbox.client.v1
    coupon = coupon if "amount_off" in coupon else {"percent_off": 20, **coupon}
    promotion: Any = {"promotion": {"type": "coupon", "coupon": v1.coupons.create(coupon).id}, "code": code}
    found = sync_code(v1.promotion_codes.create(promotion | (terms or {})).id)
    assert found
    return found


def text_of(response: Any) -> str:
    page = html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return " ".join(page.split())


def page_of(client: Client, configuration: ProductConfiguration, code: str = "") -> str:
    query = {"code": code} if code else {}
    return text_of(client.get(f"/store/{configuration.slug}/", query))


def press_buy_with(client: Client, configuration: ProductConfiguration, code: str, **form: str) -> Any:
    """Press Buy on a page that promises the code's discount."""
    form = {"price": configuration.prices[0].id, "code": code, **form}
    return client.post(f"/store/{configuration.slug}/buy/", form)


def messages_of(client: Client) -> str:
    return text_of(client.get("/store/"))


# --- copies -----------------------------------------------------------------------------------------------


def test_bootstrap_copies_codes_with_all_their_limits(sandbox: Any, icons: ProductConfiguration) -> None:
    v1 = sandbox.client.v1
    coupon = v1.coupons.create(
        {
            "amount_off": 500,
            "currency": "usd",
            "currency_options": {"eur": {"amount_off": 400}},
            "applies_to": {"products": [icons.product_id]},
            "duration": "repeating",
            "duration_in_months": 3,
            "name": "Summer",
            "redeem_by": clock.now() + 500,
        }
    )
    limits = {
        "first_time_transaction": True,
        "minimum_amount": 1000,
        "minimum_amount_currency": "usd",
        "currency_options": {"eur": {"minimum_amount": 900}},
    }
    promotion = v1.promotion_codes.create(
        {
            "promotion": {"type": "coupon", "coupon": coupon.id},
            "code": "SUMMER",
            "expires_at": clock.now() + 300,
            "max_redemptions": 7,
            "metadata": {"note": "Newsletter"},
            "restrictions": limits,
        }
    )
    call_command("bootstrap_ecommerce")
    code = DiscountCode.objects.get()
    assert (code.id, code.code, code.coupon_id, code.active) == (promotion.id, "SUMMER", coupon.id, True)
    assert (code.percent_off, code.amounts_off) == (None, {"usd": 500, "eur": 400})
    assert (code.duration, code.duration_in_months, code.product_ids) == ("repeating", 3, [icons.product_id])
    assert (code.minimum_amounts, code.first_purchase_only) == ({"usd": 1000, "eur": 900}, True)
    assert (code.max_redemptions, code.times_redeemed, code.note, code.name) == (7, 0, "Newsletter", "Summer")
    assert code.expires_at
    assert code.expires_at.timestamp() == promotion.expires_at


def test_events_keep_the_copy_current(sandbox: Any) -> None:
    """Codes that are made, changed and ended in Stripe's Dashboard arrive."""
    v1 = sandbox.client.v1
    coupon = v1.coupons.create({"percent_off": 12.5}).id
    promotion = v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": coupon}, "code": "Hello"}
    )
    sandbox.deliver()
    code = DiscountCode.objects.get()
    assert (code.code, float(code.percent_off or 0), code.active) == ("Hello", 12.5, True)

    v1.promotion_codes.update(promotion.id, {"active": False})
    sandbox.deliver()
    code.refresh_from_db()
    assert not code.active
    v1.promotion_codes.update(promotion.id, {"active": True})
    v1.coupons.update(coupon, {"name": "Hello there"})
    sandbox.deliver()
    code.refresh_from_db()
    assert (code.active, code.name) == (True, "Hello there")
    v1.coupons.delete(coupon)
    sandbox.deliver()
    code.refresh_from_db()
    assert not code.active
    assert not WebhookEvent.objects.exclude(error="").exists()


def test_lost_events_are_repaired(sandbox: Any) -> None:
    code = create_code(sandbox)
    sandbox.client.v1.promotion_codes.update(code.id, {"active": False})
    other = sandbox.client.v1.coupons.create({"percent_off": 5}).id
    sandbox.client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": other}, "code": "OTHER"}
    )
    call_command("reconcile_purchases", verbosity=0)
    assert dict(DiscountCode.objects.values_list("code", "active")) == {"SUMMER": False, "OTHER": True}


def test_older_copy_never_overwrites_a_newer_one(sandbox: Any) -> None:
    code = create_code(sandbox)
    later = timezone.now() + timedelta(minutes=1)
    DiscountCode.objects.update(active=False, synced_at=later)
    sync_code(code.id)
    assert not DiscountCode.objects.get().active


def test_codes_of_another_shop_are_not_copied(sandbox: Any) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 5}).id
    params = {"promotion": {"type": "coupon", "coupon": coupon}, "metadata": {"shop": "other.example"}}
    sandbox.client.v1.promotion_codes.create(params)
    call_command("bootstrap_ecommerce", verbosity=0)
    assert not DiscountCode.objects.exists()


# --- from the link to Checkout ----------------------------------------------------------------------------


def test_link_applies_the_code_at_checkout(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    code = create_code(sandbox)
    assert "SUMMER: 20% off, at checkout you pay $15.20" in page_of(as_ada, icons, "summer")
    assert "SUMMER: 20% off, at checkout you pay $15.20" in page_of(as_ada, icons)  # remembered for the visit
    response = press_buy_with(as_ada, icons, "SUMMER")
    purchase = Purchase.objects.get()
    session = find_session(sandbox, purchase)
    assert (session.amount_total, session.discounts[0].promotion_code) == (1520, code.id)
    assert not session.allow_promotion_codes
    as_ada.get(url_path(pay(response["Location"])))
    purchase.refresh_from_db()
    assert (purchase.status, purchase.discount_code) == (Status.PAID, code)
    assert (purchase.amount_subtotal, purchase.amount_discount, purchase.amount_total) == (1900, 380, 1520)
    sandbox.deliver()
    code.refresh_from_db()
    assert code.times_redeemed == 1


def test_link_to_the_store_applies_the_code(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox)
    assert "Your code SUMMER : 20% off. It is applied at checkout." in text_of(
        as_ada.get("/store/?code=SUMMER")
    )
    assert "at checkout you pay $15.20" in page_of(as_ada, icons)
    assert "$19" in text_of(as_ada.get("/store/"))  # cards show the list price
    press_buy_with(as_ada, icons, "SUMMER")
    assert find_session(sandbox, Purchase.objects.get()).amount_total == 1520


def test_code_survives_sign_up(client: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    create_code(sandbox)
    page = client.get("/store/icon-set/?code=SUMMER")
    assert '<input type="hidden" name="code" value="SUMMER">' in page.content.decode()
    client.get("/store/icon-set/buy/", {"price": icons.prices[0].id, "code": "SUMMER"})
    form = {"email": "grace@example.com", "password1": "correct horse battery staple"}
    response = client.post("/accounts/signup/?next=/store/icon-set/buy/", form)
    assert response["Location"] == "/store/icon-set/buy/"
    assert "/stripe-sandbox/checkout/" in client.get(response["Location"])["Location"]
    assert find_session(sandbox, Purchase.objects.get()).amount_total == 1520


def test_code_survives_sign_in(ada: User, icons: ProductConfiguration, sandbox: Any) -> None:
    create_code(sandbox)
    client = Client()
    client.get("/store/?code=SUMMER")
    client.post("/accounts/login/", {"login": ada.email, "password": "ada-buys-things"})
    assert "at checkout you pay $15.20" in page_of(client, icons)


def test_buyer_can_remove_the_code(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    create_code(sandbox)
    page_of(as_ada, icons, "SUMMER")
    response = as_ada.post("/store/code/remove/", {"next": "/store/icon-set/"})
    assert response["Location"] == "/store/icon-set/"
    assert "SUMMER" not in page_of(as_ada, icons)
    press_buy(as_ada, icons)
    assert find_session(sandbox, Purchase.objects.get()).amount_total == 1900
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        assert as_ada.post("/store/code/remove/", {"next": elsewhere})["Location"] == "/store/"


@pytest.mark.parametrize("allowed", [True, False])
def test_buyers_enter_codes_on_stripes_page_only_with_the_setting(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any, allowed: bool
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = allowed
    code = create_code(sandbox)
    url = press_buy(as_ada, icons)
    assert bool(find_session(sandbox, Purchase.objects.get()).allow_promotion_codes) == allowed
    Client().post(url_path(url), {"promotionCode": "SUMMER", "act": "apply"})
    as_ada.get(url_path(pay(url)))
    purchase = Purchase.objects.get()
    assert (purchase.discount_code, purchase.amount_discount) == ((code, 380) if allowed else (None, 0))


def test_code_that_the_buyer_tries_on_stripes_page_keeps_the_checkout(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    create_code(sandbox)
    url = press_buy(as_ada, icons)
    Client().post(url_path(url), {"promotionCode": "SUMMER", "act": "apply"})
    for _press in range(2):  # each reads the open checkout from Stripe
        assert press_buy(as_ada, icons) == url
    assert Purchase.objects.get().discount_code is None


# --- an open checkout and another code --------------------------------------------------------------------


def test_same_code_leads_to_the_same_checkout(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox)
    page_of(as_ada, icons, "SUMMER")
    assert press_buy_with(as_ada, icons, "SUMMER")["Location"] == press_buy(as_ada, icons)
    assert Purchase.objects.count() == 1


def test_another_code_closes_the_open_checkout(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox)
    create_code(sandbox, "HALF", percent_off=50)
    totals = []
    for text in ("", "SUMMER", "HALF", ""):
        if text:
            page_of(as_ada, icons, text)
        else:
            as_ada.post("/store/code/remove/")
        press_buy(as_ada, icons)
        totals.append(find_session(sandbox, Purchase.objects.latest("pk")).amount_total)
    assert totals == [1900, 1520, 950, 1900]
    assert Purchase.objects.filter(status=Status.OPEN).count() == 1
    statuses = [find_session(sandbox, row).status for row in Purchase.objects.order_by("pk")]
    assert statuses == ["expired", "expired", "expired", "open"]


# --- codes that can't be used -----------------------------------------------------------------------------


def end_code(sandbox: Any, code: DiscountCode, way: str) -> None:
    """End the code at Stripe. The store does not know it until an event arrives."""
    if way == "off":
        sandbox.client.v1.promotion_codes.update(code.id, {"active": False})
    elif way == "deleted":
        sandbox.client.v1.coupons.delete(code.coupon_id)
    elif way == "expired":
        storage.update(code.id, expires_at=clock.now() - 1)
    elif way == "used up":
        storage.update(code.id, max_redemptions=1, times_redeemed=1)


@pytest.mark.parametrize("known", [True, False], ids=["event arrived", "event on its way"])
@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("off", "It is no longer valid."),
        ("deleted", "It is no longer valid."),
        ("expired", "It has expired."),
        ("used up", "It has been used up."),
    ],
)
def test_code_that_ends_between_product_page_and_checkout_does_not_prevent_the_sale(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, way: str, reason: str, known: bool
) -> None:
    code = create_code(sandbox)
    assert "you pay $15.20" in page_of(as_ada, icons, "SUMMER")
    end_code(sandbox, code, way)
    if known:
        sync_code(code.id)
    response = press_buy_with(as_ada, icons, "SUMMER")
    assert response["Location"].startswith("/store/icon-set/")
    page = text_of(as_ada.get(response["Location"]))
    assert f"The code SUMMER was not used. {reason} You have not been charged." in page
    assert "at checkout you pay" not in page
    purchase = buy(as_ada, icons)
    assert (purchase.status, purchase.amount_total, purchase.discount_code) == (Status.PAID, 1900, None)
    assert icons.prices[0].is_sellable


def test_page_says_why_a_code_does_not_apply(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    other = create_product(sandbox.client, "Fonts", 900)
    terms: dict[str, tuple[Any, str]] = {
        "OTHER": ({"applies_to": {"products": [other.product_id]}}, "It does not apply to this product."),
        "EURO": ({"amount_off": 100, "currency": "eur"}, "It does not apply to prices in USD."),
        "TINY": ({"percent_off": 99}, "With the discount, the amount is too small to charge."),
    }
    for text, (coupon, reason) in terms.items():
        create_code(sandbox, text, **coupon)
        assert f"{text}: {reason}" in page_of(as_ada, icons, text), text
    minimum = {"restrictions": {"minimum_amount": 5000, "minimum_amount_currency": "usd"}}
    create_code(sandbox, "LARGE", minimum)
    assert "LARGE: It applies to orders from $50." in page_of(as_ada, icons, "LARGE")
    # The page has shown the refusal, so the purchase goes on without the code.
    for text in (*terms, "LARGE"):
        page_of(as_ada, icons, text)
        assert "/checkout/" in press_buy_with(as_ada, icons, text)["Location"], text
        assert find_session(sandbox, Purchase.objects.latest("pk")).amount_total == 1900
    assert "Your code OTHER : 20% off, only for Fonts." in text_of(as_ada.get("/store/?code=OTHER"))


def test_code_for_the_first_purchase_is_refused_to_buyers(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    fonts = create_product(sandbox.client, "Fonts", 900)
    create_code(sandbox, terms={"restrictions": {"first_time_transaction": True}})
    buy(as_ada, fonts)
    assert "The code SUMMER can't be used. It is for a first purchase only." in page_of(
        as_ada, icons, "SUMMER"
    )
    assert "you pay $15.20" in page_of(as_bob, icons, "SUMMER")
    visitor = Client()
    assert "you pay $15.20" in page_of(visitor, icons, "SUMMER")
    visitor.get("/store/icon-set/buy/", {"price": icons.prices[0].id, "code": "SUMMER"})
    visitor.post("/accounts/login/", {"login": "ada@example.com", "password": "ada-buys-things"})
    response = visitor.get("/store/icon-set/buy/")  # the visitor is a buyer already
    page = text_of(visitor.get(response["Location"]))
    assert f"The code SUMMER {NOT_USED}. It is for a first purchase only." in page


def test_first_purchase_outside_the_store_counts_at_stripe(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox, terms={"restrictions": {"first_time_transaction": True}})
    press_buy(as_ada, icons)
    customer = ada.stripe_customers.get().id
    method = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    intent = {
        "amount": 500,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "confirm": True,
    }
    sandbox.client.v1.payment_intents.create(intent | {"return_url": "https://shop.example"})
    page_of(as_ada, icons, "SUMMER")
    response = press_buy_with(as_ada, icons, "SUMMER")
    assert "It is for a first purchase only." in text_of(as_ada.get(response["Location"]))
    assert buy(as_ada, icons).amount_total == 1900


def test_code_of_one_customer_is_refused_to_others(
    as_ada: Client, ada: User, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    fonts = create_product(sandbox.client, "Fonts", 900)
    buy(as_ada, fonts)
    create_code(sandbox, terms={"customer": ada.stripe_customers.get().id})
    assert "you pay $15.20" in page_of(as_ada, icons, "SUMMER")
    assert "It is for another account." in page_of(as_bob, icons, "SUMMER")
    press_buy_with(as_ada, icons, "SUMMER")
    assert find_session(sandbox, Purchase.objects.latest("pk")).amount_total == 1520


def test_amount_that_stripe_does_not_charge_with_the_code_keeps_the_price_for_sale(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe's minimum depends on the account, so the store may not know it."""
    create_code(sandbox, percent_off=99)
    monkeypatch.setattr(
        "apps.ecommerce.purchases.discount_codes.rules.is_chargeable", lambda amount, currency: True
    )
    page_of(as_ada, icons, "SUMMER")
    response = press_buy_with(as_ada, icons, "SUMMER")
    assert "It does not apply to this order." in text_of(as_ada.get(response["Location"]))
    price = Price.objects.get(id=icons.prices[0].id)
    assert (price.refusal, price.is_sellable) == ("", True)
    assert buy(as_ada, icons).amount_total == 1900


def test_unreachable_stripe_does_not_refuse_the_code(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, disconnect_stripe: Any
) -> None:
    create_code(sandbox)
    page_of(as_ada, icons, "SUMMER")
    disconnect_stripe()
    response = press_buy_with(as_ada, icons, "SUMMER")
    page = text_of(as_ada.get(response["Location"]))
    assert NOT_USED not in page
    assert "you pay $15.20" in page  # the code is still there for the next try


def test_restricted_key_without_the_permission_does_not_prevent_the_fulfilment(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    create_code(sandbox)
    DiscountCode.objects.all().delete()
    url = press_buy(as_ada, icons)
    Client().post(url_path(url), {"promotionCode": "SUMMER", "act": "apply"})

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise stripe.PermissionError("The key may not read promotion codes.")

    monkeypatch.setattr("apps.ecommerce.purchases.discount_codes.sync.fetch_or_none", refuse)
    as_ada.get(url_path(pay(url)))
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.amount_total, purchase.discount_code) == (Status.PAID, 1520, None)


# --- kinds of prices --------------------------------------------------------------------------------------


def test_free_with_a_code_needs_no_card(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    code = create_code(sandbox, "GIFT", percent_off=100)
    assert "GIFT: 100% off, at checkout you pay nothing" in page_of(as_ada, icons, "GIFT")
    url = press_buy_with(as_ada, icons, "GIFT")["Location"]
    response = Client().post(url_path(url), {"email": "ada@example.com"})
    as_ada.get(url_path(response["Location"]))
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.amount_total, purchase.discount_code) == (Status.PAID, 0, code)
    assert find_session(sandbox, purchase).payment_status == "no_payment_required"


@pytest.mark.parametrize(("duration", "needs_card"), [("forever", False), ("once", True)])
def test_free_subscription_needs_no_card_if_it_is_free_forever(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, duration: str, needs_card: bool
) -> None:
    create_code(sandbox, "GIFT", percent_off=100, duration=duration)
    page_of(as_ada, club, "GIFT")
    url = press_buy_with(as_ada, club, "GIFT")["Location"]
    page = Client().get(url_path(url)).content.decode()
    assert ('id="cardNumber"' in page) == needs_card
    back = pay(url) if needs_card else Client().post(url_path(url), {"email": "ada@example.com"})["Location"]
    as_ada.get(url_path(back))
    assert Purchase.objects.get().status == Status.ACTIVE


@pytest.mark.parametrize(
    ("duration", "words", "renewals"),
    [
        ({"duration": "once"}, "20% off the first payment, at checkout you pay $7.20", [900, 900]),
        (
            {"duration": "repeating", "duration_in_months": 2},
            "20% off for 2 months, at checkout you pay $7.20",
            [720, 900],
        ),
        ({"duration": "forever"}, "20% off each payment, at checkout you pay $7.20", [720, 720]),
    ],
)
def test_code_reduces_the_payments_of_a_subscription(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, duration: Any, words: str, renewals: list[int]
) -> None:
    create_code(sandbox, **duration)
    assert f"SUMMER: {words}" in page_of(as_ada, club, "SUMMER")
    purchase = buy(as_ada, club)
    assert purchase.payments.get().amount_paid == 720
    for expected in renewals:
        panel_actions.advance_to_renewal(purchase.subscription_id)
        while sandbox.deliver(after=10):
            pass
        assert purchase.payments.latest("created_at").amount_paid == expected
    assert purchase.discount_code
    assert purchase.discount_code.code == "SUMMER"


def test_code_reduces_the_first_payment_after_a_free_trial(as_ada: Client, sandbox: Any) -> None:
    trial = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=7)
    create_code(sandbox)
    assert "SUMMER: 20% off the first payment, $4 after the free trial" in page_of(as_ada, trial, "SUMMER")
    purchase = buy(as_ada, trial)
    assert (purchase.status, purchase.amount_total) == (Status.TRIALING, 0)
    panel_actions.advance_to_renewal(purchase.subscription_id)
    while sandbox.deliver(after=10):
        pass
    assert purchase.payments.latest("created_at").amount_paid == 400


def test_discount_that_ends_before_the_trial_is_not_promised(as_ada: Client, sandbox: Any) -> None:
    trial = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=40)
    create_code(sandbox, duration="repeating", duration_in_months=1)
    assert "SUMMER: Its discount ends before your free trial." in page_of(as_ada, trial, "SUMMER")
    create_code(sandbox, "LONG", duration="repeating", duration_in_months=2)
    assert "after the free trial" in page_of(as_ada, trial, "LONG")
    endless = create_code(sandbox, "ENDLESS", duration="repeating", duration_in_months=99999)
    assert price_refusal(endless, trial.prices[0], "usd", 40) is None


def test_price_that_the_buyer_chooses_excludes_codes(as_ada: Client, sandbox: Any) -> None:
    data: Any = {"currency": "usd", "custom_unit_amount": {"enabled": True, "minimum": 500, "preset": 1000}}
    product = sandbox.client.v1.products.create({"name": "Zine", "default_price_data": data})
    sync_product(product.id)
    zine = ProductConfiguration.objects.get(product_id=product.id)
    create_code(sandbox)
    page = page_of(as_ada, zine, "SUMMER")
    assert "SUMMER: It does not apply to prices that you choose yourself." in page
    assert "/checkout/" in press_buy_with(as_ada, zine, "SUMMER")["Location"]


def test_upgrade_has_its_own_credit(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    create_code(sandbox)
    buy(as_ada, icons)
    page = page_of(as_ada, icons, "SUMMER")
    assert "SUMMER: It can't be combined with the credit of an upgrade." in page
    press_buy(as_ada, icons, team)
    upgrade = Purchase.objects.latest("pk")
    assert (find_session(sandbox, upgrade).amount_total, upgrade.discount_code) == (3000, None)


def test_upgrade_credits_what_was_paid_with_the_code(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    create_code(sandbox)
    page_of(as_ada, icons, "SUMMER")
    buy(as_ada, icons)
    assert buy(as_ada, icons, team).amount_total == 4900 - 1520


def test_code_of_an_owner_is_not_combined_with_the_upgrade_credit(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    create_code(sandbox)
    buy(as_ada, icons)
    response = press_buy_with(as_ada, icons, "SUMMER", price=team.id)
    page = text_of(as_ada.get(response["Location"]))
    assert "It can't be combined with the credit of an upgrade. You have not been charged." in page
    assert buy(as_ada, icons, team).amount_total == 3000


def test_each_currency_has_its_own_discount(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    options: Any = {"eur": {"unit_amount": 1700}, "gbp": {"unit_amount": 1500}}
    sandbox.client.v1.prices.update(icons.prices[0].id, {"currency_options": options})
    sync_product(icons.product_id)
    create_code(
        sandbox, "FIVE", amount_off=500, currency="usd", currency_options={"eur": {"amount_off": 450}}
    )
    page = page_of(as_ada, icons, "FIVE")
    assert "FIVE: $5 off, at checkout you pay $14" in page
    assert "FIVE: €4.50 off, at checkout you pay €12.50" in page
    assert "FIVE: It does not apply to prices in GBP." in page
    for currency, total in (("usd", 1400), ("eur", 1250), ("gbp", 1500)):
        press_buy_with(as_ada, icons, "FIVE", currency=currency)
        session = find_session(sandbox, Purchase.objects.latest("pk"))
        assert (session.currency, session.amount_total) == (currency, total)


def test_buyer_bound_to_another_currency_sees_why_the_code_was_not_used(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    """The product page promised a discount in dollars, and Stripe bills all subscriptions in euros."""
    letter = create_product(sandbox.client, "Letter", 500, interval="month")
    for row in (club, letter):
        options: Any = {"eur": {"unit_amount": 800}}
        sandbox.client.v1.prices.update(row.prices[0].id, {"currency_options": options})
        sync_product(row.product_id)
    first = as_ada.post("/store/letter/buy/", {"price": letter.prices[0].id, "currency": "eur"})
    as_ada.get(url_path(pay(first["Location"])))
    create_code(sandbox, "FIVE", amount_off=500, currency="usd")
    response = press_buy_with(as_ada, club, "FIVE", currency="usd")
    assert "It does not apply to prices in EUR." in text_of(as_ada.get(response["Location"]))
    assert "/checkout/" in press_buy_with(as_ada, club, "", currency="usd")["Location"]


# --- cached pages and attacks -----------------------------------------------------------------------------


def test_cached_pages_never_contain_a_code(
    icons: ProductConfiguration, sandbox: Any, page_cache_writes: list[Any], settings: Any
) -> None:
    settings.DEBUG = False
    create_code(sandbox, "SECRET-CODE")
    for path in ("/store/", "/store/icon-set/"):
        page_cache_writes.clear()
        with_code = Client()
        response = with_code.get(f"{path}?code=SECRET-CODE")
        assert b"SECRET-CODE" in response.content
        assert "no-store" in response["Cache-Control"]
        assert "no-store" in with_code.get(path)["Cache-Control"]
        assert not page_cache_writes
        for _visit in range(2):
            public = Client().get(path)
            assert b"SECRET-CODE" not in public.content
            assert "no-store" not in public["Cache-Control"]
            assert not public.cookies
        assert len(page_cache_writes) == 1


def test_unknown_code_starts_no_session(icons: ProductConfiguration, sandbox: Any) -> None:
    client = Client()
    page = text_of(client.get("/store/icon-set/?code=SUMER"))
    assert "The code SUMER can't be used. We don't know this code. Please check the spelling." in page
    assert "sessionid" not in client.cookies
    assert "SUMER" not in page_of(client, icons)


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "A" * 5000, '"><img src=x>', "ſummer", "%00", "SUM%", "_UMMER", "' OR 1=1"],
)
def test_hostile_codes_are_shown_as_text(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, text: str
) -> None:
    create_code(sandbox)
    for path in ("/store/", "/store/icon-set/"):
        response = as_ada.get(path, {"code": text})
        assert response.status_code == 200
        page = response.content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "A" * 100 not in text_of(response)
        assert "you pay $15.20" not in page
    response = press_buy_with(as_ada, icons, text)
    assert NOT_USED in text_of(as_ada.get(response["Location"]))
    assert buy(as_ada, icons).amount_total == 1900


def test_code_of_another_product_reduces_nothing(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the store's copy of the code is wrong, Stripe refuses the code, and the sale goes on."""
    fonts = create_product(sandbox.client, "Fonts", 900)
    create_code(sandbox, applies_to={"products": [fonts.product_id]})
    DiscountCode.objects.update(product_ids=[])
    response = press_buy_with(as_ada, icons, "SUMMER")
    assert NOT_USED in text_of(as_ada.get(response["Location"]))
    assert buy(as_ada, icons).amount_total == 1900


def test_guesses_are_rate_limited(icons: ProductConfiguration, sandbox: Any, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "code": "3/m/ip"}
    create_code(sandbox)
    client = Client(REMOTE_ADDR="203.0.113.5")
    for path in ("/store/", "/store/icon-set/", "/store/"):
        assert client.get(f"{path}?code=GUESS").status_code == 200
    for path in ("/store/", "/store/icon-set/"):
        assert client.get(f"{path}?code=SUMMER").status_code == 429
        assert client.get(path).status_code == 200


def test_code_of_test_mode_is_unknown_in_live_mode(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox)
    DiscountCode.objects.update(livemode=True)
    assert "We don't know this code" in page_of(as_ada, icons, "SUMMER")


def test_text_that_is_used_again_means_the_active_code(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    old = create_code(sandbox)
    sandbox.client.v1.promotion_codes.update(old.id, {"active": False})
    sync_code(old.id)
    new = create_code(sandbox, percent_off=50)
    assert "you pay $9.50" in page_of(as_ada, icons, "summer")
    assert DiscountCode.objects.find("SUMMER") == new


def test_each_refusal_has_a_text() -> None:
    from apps.ecommerce.purchases.discount_codes.texts import refusal_text

    texts = {refusal_text(refusal) for refusal in Refusal}
    assert len(texts) >= len(Refusal) - 1  # a minimum in another currency reads like another currency


def test_account_export_contains_the_code(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    from apps.ecommerce.purchases.personal_data import export_purchases

    create_code(sandbox)
    page_of(as_ada, icons, "SUMMER")
    purchase = buy(as_ada, icons)
    assert purchase.user
    (exported,) = export_purchases(purchase.user)  # type: ignore[misc]
    assert exported["discount_code"] == "SUMMER"


def test_price_added_later_is_sold_with_the_code(
    as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox)
    add_price(sandbox.client, icons.product_id, 4900)
    sync_product(icons.product_id)
    page = page_of(as_bob, icons, "SUMMER")
    assert "you pay $15.20" in page
    assert "you pay $39.20" in page


def test_visitors_of_one_browser_do_not_share_a_code(
    ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    create_code(sandbox)
    client = signed_in(ada)
    page_of(client, icons, "SUMMER")
    client.post("/accounts/logout/")
    assert "SUMMER" not in page_of(client, icons)
