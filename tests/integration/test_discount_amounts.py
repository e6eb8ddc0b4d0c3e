"""What the product page promises with a code is what Stripe charges, in currencies with 0, 2 and 3 decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import stripe
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.ecommerce.catalogue.rows import build_row
from apps.ecommerce.models import Price
from apps.ecommerce.money import CHARGE_STEPS, MIN_CHARGES, format_money
from apps.ecommerce.purchases.discount_codes.rules import Refusal, discounted, price_refusal
from apps.ecommerce.purchases.discount_codes.texts import offer_text
from tests.integration.test_discount_codes import create_code

pytestmark = pytest.mark.django_db

CURRENCIES = ["usd", "eur", "jpy", "krw", "kwd", "tnd", "isk", "huf"]
PERCENTS = st.decimals("0.01", "100", places=2).map(float)
DURATIONS = st.sampled_from([{}, {"duration": "forever"}, {"duration": "repeating", "duration_in_months": 3}])


@st.composite
def amounts(draw: st.DrawFn) -> tuple[str, int]:
    currency = draw(st.sampled_from(CURRENCIES))
    step, least = CHARGE_STEPS.get(currency, 1), MIN_CHARGES.get(currency, 1)
    units = draw(st.integers(-(-least // step), 999_999 // step))
    return currency, units * step


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(sale=("usd", 50), percent=0.01, amount_off=None, duration={}, is_recurring=False)
# The discount is half a cent.
@example(sale=("usd", 5001), percent=50, amount_off=None, duration={}, is_recurring=False)
@example(sale=("jpy", 333), percent=50, amount_off=None, duration={}, is_recurring=True)
@example(sale=("kwd", 5010), percent=20, amount_off=None, duration={}, is_recurring=False)
@example(sale=("eur", 1900), percent=None, amount_off=1900, duration={}, is_recurring=False)
@example(sale=("eur", 1900), percent=None, amount_off=99999, duration={}, is_recurring=True)
@example(sale=("eur", 1900), percent=None, amount_off=1899, duration={}, is_recurring=False)
@given(
    sale=amounts(),
    percent=st.none() | PERCENTS,
    amount_off=st.integers(1, 999_999),
    duration=DURATIONS,
    is_recurring=st.booleans(),
)
def test_promised_amount_is_charged(
    sandbox: Any,
    sale: tuple[str, int],
    percent: float | None,
    amount_off: int,
    duration: Any,
    is_recurring: bool,
) -> None:
    currency, amount = sale
    v1 = sandbox.client.v1
    params: Any = {
        "product": v1.products.create({"name": "Thing"}).id,
        "currency": currency,
        "unit_amount": amount,
    }
    item = v1.prices.create(params | ({"recurring": {"interval": "month"}} if is_recurring else {}))
    price = build_row(Price, item.to_dict(), timezone.now())
    terms = {"percent_off": percent} if percent else {"amount_off": amount_off, "currency": currency}
    code = create_code(sandbox, f"CODE-{item.id[-8:]}", **terms, **duration)
    refusal = price_refusal(code, price, currency)
    session: Any = {
        "mode": "subscription" if is_recurring else "payment",
        "line_items": [{"price": item.id, "quantity": 1}],
        "discounts": [{"promotion_code": code.id}],
        "success_url": "https://shop.example",
    }
    if refusal:
        assert refusal == Refusal.TOO_SMALL
        with pytest.raises(stripe.InvalidRequestError):
            v1.checkout.sessions.create(session)
        return
    charged = v1.checkout.sessions.create(session).amount_total
    assert discounted(code, amount, currency) == charged
    shown = offer_text(code, price, currency)
    assert (format_money(charged, currency, short=True) if charged else "you pay nothing") in shown
    assert isinstance(code.percent_off, Decimal | None)
