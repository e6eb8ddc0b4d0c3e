"""The limits of coupons and promotion codes: products, currencies, dates, numbers of uses, first purchase, minimum.

https://docs.stripe.com/billing/subscriptions/coupons
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import open_session, page, pay, retrieve_session
from test_promotions import amounts, apply_code, create_code

from stripe_sandbox import clock, storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.testing import Sandbox

EXPAND = ["promotion.coupon.applies_to", "promotion.coupon.currency_options", "restrictions.currency_options"]


def refuse(sandbox: Sandbox, promotion: stripe.PromotionCode, **session: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        open_session(sandbox, discounts=[{"promotion_code": promotion.id}], **session)
    assert raised.value.param == "discounts[0][promotion_code]"
    return raised.value


def retrieve_code(sandbox: Sandbox, promotion: stripe.PromotionCode) -> Any:
    return sandbox.client.v1.promotion_codes.retrieve(promotion.id, {"expand": EXPAND})


def new_line(sandbox: Sandbox, name: str, amount: int, currency: str = "usd", **price: Any) -> Any:
    product = sandbox.client.v1.products.create({"name": name}).id
    params: Any = {"product": product, "currency": currency, "unit_amount": amount, **price}
    return {"price": sandbox.client.v1.prices.create(params).id, "quantity": 1}


def product_of(sandbox: Sandbox, line: Any) -> str:
    return str(sandbox.client.v1.prices.retrieve(line["price"]).product)


# --- products ---------------------------------------------------------------------------------------------


def test_coupon_reduces_only_its_products(sandbox: Sandbox) -> None:
    icons, fonts = new_line(sandbox, "Icons", 1000), new_line(sandbox, "Fonts", 3000)
    product = product_of(sandbox, fonts)
    promotion = create_code(sandbox, applies_to={"products": [product]})
    session = open_session(sandbox, line_items=[icons, fonts], discounts=[{"promotion_code": promotion.id}])
    assert amounts(session) == (4000, 600, 0, 3400)
    pay(Client(), session)
    done = retrieve_session(sandbox, session, "line_items")
    assert [row.amount_discount for row in done.line_items.data] == [0, 600]  # type: ignore[union-attr]

    error = refuse(sandbox, promotion, line_items=[icons])
    assert "does not apply to anything in this order" in str(error)
    shown = open_session(sandbox, line_items=[icons], allow_promotion_codes=True)
    assert "does not apply to your order" in apply_code(shown, "LAUNCH20")
    assert retrieve_code(sandbox, promotion).promotion.coupon.applies_to.products == [product]


def test_fixed_amount_is_taken_from_its_products(sandbox: Sandbox) -> None:
    icons, fonts = new_line(sandbox, "Icons", 1000), new_line(sandbox, "Fonts", 300)
    coupon = {"amount_off": 500, "currency": "usd", "applies_to": {"products": [product_of(sandbox, fonts)]}}
    promotion = create_code(sandbox, **coupon)
    session = open_session(sandbox, line_items=[icons, fonts], discounts=[{"promotion_code": promotion.id}])
    assert amounts(session) == (1300, 300, 0, 1000)


def test_renewals_reduce_only_the_coupons_products(sandbox: Sandbox) -> None:
    month: Any = {"recurring": {"interval": "month"}}
    club, extra = new_line(sandbox, "Club", 900, **month), new_line(sandbox, "Extra", 500, **month)
    promotion = create_code(
        sandbox, percent_off=50, duration="forever", applies_to={"products": [product_of(sandbox, club)]}
    )
    discounts = [{"promotion_code": promotion.id}]
    session = open_session(sandbox, mode="subscription", line_items=[club, extra], discounts=discounts)
    pay(Client(), session)
    panel_actions.advance_to_renewal(str(retrieve_session(sandbox, session).subscription))
    paid = [row["amount_paid"] for row in storage.find("invoice")]
    assert paid == [950, 950]


def test_unknown_product_is_rejected(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        create_code(sandbox, applies_to={"products": ["prod_unknown"]})
    assert raised.value.code == "resource_missing"


# --- currencies -------------------------------------------------------------------------------------------


def test_fixed_amount_has_an_amount_in_each_currency(sandbox: Sandbox) -> None:
    options = {"eur": {"amount_off": 400}}
    promotion = create_code(sandbox, amount_off=500, currency="usd", currency_options=options)
    prices = {"eur": {"unit_amount": 1700}, "gbp": {"unit_amount": 1500}}
    line = new_line(sandbox, "Icons", 1900, currency_options=prices)
    discounts = [{"promotion_code": promotion.id}]
    for currency, expected in (("usd", (1900, 500, 0, 1400)), ("eur", (1700, 400, 0, 1300))):
        session = open_session(sandbox, line_items=[line], currency=currency, discounts=discounts)
        assert amounts(session) == expected
    assert "different currency" in str(refuse(sandbox, promotion, line_items=[line], currency="gbp"))
    found = retrieve_code(sandbox, promotion).promotion.coupon.currency_options
    assert {code: row["amount_off"] for code, row in found.to_dict().items()} == {"usd": 500, "eur": 400}


def test_minimum_amount_of_each_currency(sandbox: Sandbox) -> None:
    limits = {
        "minimum_amount": 2000,
        "minimum_amount_currency": "usd",
        "currency_options": {"eur": {"minimum_amount": 1700}},
    }
    promotion = create_code(sandbox, terms={"restrictions": limits})
    line = new_line(
        sandbox, "Icons", 1900, currency_options={"eur": {"unit_amount": 1700}, "gbp": {"unit_amount": 9900}}
    )
    discounts = [{"promotion_code": promotion.id}]
    session = open_session(sandbox, line_items=[line], currency="eur", discounts=discounts)
    assert session.amount_total == 1360
    for currency in ("usd", "gbp"):  # too small; no minimum in this currency
        error = refuse(sandbox, promotion, line_items=[line], currency=currency)
        assert "does not meet the minimum amount" in str(error)
    found = retrieve_code(sandbox, promotion).restrictions
    assert {code: row["minimum_amount"] for code, row in found.currency_options.items()} == {
        "usd": 2000,
        "eur": 1700,
    }


# --- dates and numbers ------------------------------------------------------------------------------------


def test_used_up_code_is_inactive(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox, terms={"max_redemptions": 1})
    first = open_session(sandbox, discounts=[{"promotion_code": promotion.id}])
    assert retrieve_code(sandbox, promotion).active
    pay(Client(), first)
    found = retrieve_code(sandbox, promotion)
    assert (found.active, found.times_redeemed, found.promotion.coupon.valid) == (False, 1, True)
    assert "no longer active" in str(refuse(sandbox, promotion))
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.client.v1.promotion_codes.update(promotion.id, {"active": True})


def test_code_is_inactive_when_its_coupon_is_used_up_expired_or_deleted(sandbox: Sandbox) -> None:
    used, late, deleted = (
        create_code(sandbox, "USED", max_redemptions=1),
        create_code(sandbox, "LATE", redeem_by=clock.now() + 60),
        create_code(sandbox, "DELETED"),
    )
    pay(Client(), open_session(sandbox, discounts=[{"promotion_code": used.id}]))
    storage.update(str(late.promotion.coupon), redeem_by=clock.now() - 1)
    sandbox.client.v1.coupons.delete(str(deleted.promotion.coupon))
    assert not sandbox.client.v1.promotion_codes.list({"active": True}).data
    assert len(sandbox.client.v1.promotion_codes.list({"active": False}).data) == 3
    for promotion in (used, late, deleted):
        refuse(sandbox, promotion)


def test_code_is_switched_off_and_on(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox)
    off = sandbox.client.v1.promotion_codes.update(promotion.id, {"active": False, "metadata": {"a": "b"}})
    assert (off.active, off.metadata["a"]) == (False, "b")  # type: ignore[index]
    refuse(sandbox, promotion)
    assert sandbox.client.v1.promotion_codes.update(promotion.id, {"active": True}).active
    (changed, *_others) = sandbox.events("promotion_code.updated")
    assert changed["data"]["object"]["code"] == "LAUNCH20"

    sandbox.client.v1.promotion_codes.update(promotion.id, {"active": False})
    create_code(sandbox)  # the text is free again
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.client.v1.promotion_codes.update(promotion.id, {"active": True})


@pytest.mark.parametrize(
    ("coupon", "terms", "param"),
    [
        ({}, {"code": "20 %"}, "code"),
        ({}, {"code": "<b>"}, "code"),
        ({}, {"max_redemptions": 0}, "max_redemptions"),
        ({"max_redemptions": 5}, {"max_redemptions": 6}, "max_redemptions"),
        ({"redeem_by": 2**31 - 10}, {"expires_at": 2**31 - 5}, "expires_at"),
        ({}, {"restrictions": {"minimum_amount": 5}}, "restrictions[minimum_amount_currency]"),
        ({}, {"restrictions": {"minimum_amount_currency": "usd"}}, "restrictions[minimum_amount]"),
        (
            {},
            {
                "restrictions": {
                    "minimum_amount": 5,
                    "minimum_amount_currency": "usd",
                    "currency_options": {"usd": {"minimum_amount": 4}},
                }
            },
            "restrictions[currency_options][usd]",
        ),
        ({"percent_off": 5, "currency_options": {"eur": {"amount_off": 5}}}, {}, "currency_options"),
        (
            {"amount_off": 5, "currency": "usd", "currency_options": {"usd": {"amount_off": 5}}},
            {},
            "currency_options[usd]",
        ),
        ({"duration": "repeating", "duration_in_months": 0}, {}, "duration_in_months"),
    ],
)
def test_invalid_limits_are_rejected(
    sandbox: Sandbox, coupon: dict[str, Any], terms: dict[str, Any], param: str
) -> None:
    if coupon.get("redeem_by"):
        coupon["redeem_by"] = clock.now() + 60
        terms = {"expires_at": clock.now() + 120}
    with pytest.raises(stripe.InvalidRequestError) as raised:
        create_code(sandbox, terms=terms, **coupon)
    assert raised.value.param == param


# --- buyers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bought", ["paid", "trial"])
def test_code_for_the_first_purchase_is_refused_after_a_payment(sandbox: Sandbox, bought: str) -> None:
    promotion = create_code(sandbox, terms={"restrictions": {"first_time_transaction": True}})
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    discounts = [{"promotion_code": promotion.id}]
    assert open_session(sandbox, customer=customer, discounts=discounts).amount_total == 1520
    trial: Any = {"subscription_data": {"trial_period_days": 7}} if bought == "trial" else {}
    earlier = open_session(sandbox, 900, "month" if trial else "", customer=customer, **trial)
    pay(Client(), earlier)
    error = refuse(sandbox, promotion, customer=customer)
    assert error.code == "promotion_code_customer_not_first_time"
    assert "prior transactions" in str(error)


def test_code_of_one_customer_is_refused_to_others(sandbox: Sandbox) -> None:
    ada, bob = (sandbox.client.v1.customers.create({"email": f"{name}@example.com"}).id for name in "ab")
    mine = create_code(sandbox, terms={"customer": ada})
    theirs = create_code(sandbox, terms={"customer": bob}, percent_off=50)  # a second code with the same text
    for customer, total in ((ada, 1520), (bob, 950)):
        session = open_session(sandbox, customer=customer, allow_promotion_codes=True)
        apply_code(session, "LAUNCH20")
        assert retrieve_session(sandbox, session).amount_total == total
    refuse(sandbox, theirs, customer=ada)
    refuse(sandbox, mine)
    with pytest.raises(stripe.InvalidRequestError):
        create_code(sandbox)  # the code would be for all customers


def test_codes_are_found_in_any_case(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox, "Summer-26")
    listed = sandbox.client.v1.promotion_codes.list(
        {"code": "SUMMER-26", "expand": ["data.promotion.coupon"]}
    )
    assert [row.id for row in listed.data] == [promotion.id]
    assert listed.data[0].promotion.coupon.percent_off == 20  # type: ignore[union-attr]
    assert not sandbox.client.v1.promotion_codes.list({"code": "SUMMER"}).data


def test_free_subscription_needs_no_card_if_the_session_says_so(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox, percent_off=100, duration="forever")
    session = open_session(
        sandbox,
        900,
        "month",
        discounts=[{"promotion_code": promotion.id}],
        payment_method_collection="if_required",
    )
    assert Client().post(page(session), {"email": "ada@example.com"}).status_code == 303
    done = retrieve_session(sandbox, session, "subscription")
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    assert done.subscription.status == "active"  # type: ignore[union-attr]


def test_percentages_are_rounded_to_the_smallest_unit(sandbox: Sandbox) -> None:
    create_code(sandbox, percent_off=33.3)
    for currency, amount, discount in (("usd", 1995, 664), ("jpy", 1995, 664)):
        line = new_line(sandbox, "Icons", amount, currency=currency)
        session = open_session(sandbox, line_items=[line], allow_promotion_codes=True)
        apply_code(session, "LAUNCH20")
        assert retrieve_session(sandbox, session).total_details.amount_discount == discount  # type: ignore[union-attr]


def test_coupons_and_codes_emit_events(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox)
    coupon = str(promotion.promotion.coupon)
    sandbox.client.v1.coupons.update(coupon, {"name": "Summer"})
    sandbox.client.v1.promotion_codes.update(promotion.id, {"metadata": {"note": "Instagram"}})
    sandbox.client.v1.coupons.delete(coupon)
    kinds = [event["type"] for event in sandbox.events("*")]
    assert kinds[-5:] == [
        "coupon.created",
        "promotion_code.created",
        "coupon.updated",
        "promotion_code.updated",
        "coupon.deleted",
    ]
