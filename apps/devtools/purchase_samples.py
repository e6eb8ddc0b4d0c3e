"""Unsaved purchases and payments in each state, for the style page, previews of e-mails and tests."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.ecommerce.models import (
    Payment,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    Suspension,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.models.order_numbers import order_number

DAY = timedelta(days=1)
ONCE, RECURRING = {"": 2900}, {"month": 900, "year": 9000}  # interval: amount
# States that depend on more than the status: status, and dates relative to now.
STATE_FIELDS: dict[str, tuple[Status, dict[str, timedelta]]] = {
    "confirming": (Status.OPEN, {"returned_at": 0 * DAY}),
    "slow": (Status.OPEN, {"returned_at": timedelta(minutes=-1)}),
    "canceled_by_buyer": (Status.OPEN, {}),
    "free": (Status.PAID, {}),
    "partially_refunded": (Status.PAID, {}),
    "granted": (Status.PAID, {"granted_at": -DAY}),
    "granted_until": (Status.PAID, {"granted_at": -DAY, "granted_until": 20 * DAY}),
    "granted_ended": (Status.CANCELED, {"granted_at": -9 * DAY, "granted_until": -DAY}),
    "revoked": (Status.PAID, {"revoked_at": -DAY}),
    "trialing": (Status.TRIALING, {"trial_end": 14 * DAY}),
    "collection_paused": (Status.ACTIVE, {"paid_until": 20 * DAY}),
    "collection_paused_lapsed": (Status.ACTIVE, {"paid_until": -40 * DAY}),
    "ending": (Status.ACTIVE, {"cancel_at": 20 * DAY}),
    "past_due": (Status.PAST_DUE, {"paid_until": -DAY, "past_due_since": -DAY}),
    "lapsed": (Status.PAST_DUE, {"paid_until": -40 * DAY, "past_due_since": -40 * DAY}),
}
SUBSCRIPTION_STATES = str.split(
    "trialing active collection_paused collection_paused_lapsed ending past_due lapsed unpaid paused incomplete "
    "canceled refunded_running dispute_lost_running"
)
# Values that differ from those of a paid payment. The keys are those of payment_labels.LABELS.
PAYMENT_STATES: dict[str, dict[str, Any]] = {
    "failed": {"status": Payment.Status.FAILED, "failure_code": "insufficient_funds"},
    "open": {"status": Payment.Status.OPEN},
    "processing": {"status": Payment.Status.PROCESSING},
    "paid": {},
    "partially_refunded": {"amount_refunded": 300},
    "refunded": {"amount_refunded": 900},
    "disputed": {"dispute_status": "needs_response"},
    "dispute_lost": {"dispute_status": "lost"},
    "credited": {"amount_total": -400, "amount_subtotal": -400, "reason": "subscription_update"},
    "uncollectible": {"status": Payment.Status.UNCOLLECTIBLE},
    "void": {"status": Payment.Status.VOID},
    "free": {"amount_total": 0, "amount_subtotal": 0, "reason": "subscription_create"},
}


def make_purchase(state: str) -> Purchase:
    """Return a purchase in this state, a key of status_texts.MESSAGES."""
    is_recurring = state in SUBSCRIPTION_STATES
    configuration = make_configuration("Ship Small", RECURRING if is_recurring else ONCE)
    price = configuration.prices[0]
    purchase = Purchase(
        product=configuration.product,
        product_name=configuration.product.name,
        price=price,
        email="ada@example.com",
        livemode=False,
        currency=price.currency,
        created_at=timezone.now(),
        **state_values(state, price),
    )
    purchase.order_number = order_number(purchase.public_id)
    return purchase


def state_values(state: str, price: Price) -> dict[str, Any]:
    """Return the columns of a purchase in this state, a key of status_texts.MESSAGES."""
    suspended_by, now = state.removesuffix("_running"), timezone.now()
    suspended_by = suspended_by if suspended_by in Suspension.values and state != "revoked" else ""
    dates: dict[str, timedelta] = {}
    if suspended_by:
        status = Status.ACTIVE if price.is_recurring else Status.PAID
    else:
        status, dates = STATE_FIELDS.get(state) or (Status(state), {})
    is_free = state in ("free", "trialing") or state.startswith("granted")
    amount = 0 if is_free else price.unit_amount or price.custom_preset or 0
    refunded = {"partially_refunded": amount // 3, "refunded": amount, "refunded_running": amount}
    has_paid = status not in (Status.OPEN, Status.EXPIRED, Status.FAILED, Status.INCOMPLETE)
    values: dict[str, Any] = {
        "status": status,
        "suspended_by": suspended_by,
        "amount_subtotal": amount,
        "amount_total": amount,
        "amount_refunded": refunded.get(state, 0),
        "payment_method": "Visa •••• 4242" if has_paid and not state.startswith("granted") else "",
        "failure_code": "insufficient_funds" if status == Status.FAILED else "",
        "has_paid": has_paid and amount > 0,
        "paid_at": now if has_paid else None,
    }
    if price.is_recurring:
        values |= {"is_recurring": True, "subscription_id": "sub_1", "subscription_status": status}
        values["collection_paused"] = state.startswith("collection_paused")
        if status in (Status.ACTIVE, Status.TRIALING) and state != "ending":
            values["next_amount"] = price.unit_amount
            dates = {"next_payment_at": dates.get("trial_end", 30 * DAY)} | dates
        dates = {"current_period_start": -DAY, "current_period_end": 30 * DAY, "paid_until": 30 * DAY} | dates
    return values | {field: now + offset for field, offset in dates.items()}


def make_payment(purchase: Purchase, state: str = "paid", months: int = 0, **values: Any) -> Payment:
    """Return an unsaved payment in this state, a key of PAYMENT_STATES, from some months ago."""
    amount, at = purchase.unit_amount or 0, timezone.now() - months * 30 * DAY
    defaults: dict[str, Any] = {
        "stripe_id": f"in_{purchase.public_id.hex}_{months}",
        "status": Payment.Status.PAID,
        "currency": purchase.currency,
        "amount_total": amount - values.get("amount_discount", 0),
        "amount_subtotal": amount,
        "payment_method": "Visa •••• 4242",
        "invoice_number": f"2026-{100 - months:04}",
        "created_at": at,
    }
    if purchase.is_recurring:
        defaults |= {"reason": "subscription_cycle", "period_start": at, "period_end": at + 30 * DAY}
        defaults |= {"invoice_url": "https://stripe.com", "invoice_pdf": "https://stripe.com"}
    required = {"livemode": purchase.livemode, "product": purchase.product}
    payment = Payment(purchase=purchase, **required | defaults | PAYMENT_STATES[state] | values)
    if payment.is_paid:
        payment.paid_at, payment.amount_paid = at, max(payment.amount_total, 0)
    return payment


def make_configuration(name: str, amounts: dict[str, int]) -> ProductConfiguration:
    product = Product(id=f"prod_{len(name)}", name=name, default_price_id="price_0")
    prices = [
        Price(
            id=f"price_{number}",
            product=product,
            currency="usd",
            unit_amount=amount,
            currency_options={"eur": amount - 100} if interval else {},
            type=Price.Type.RECURRING if interval else Price.Type.ONE_TIME,
            interval=interval,
        )
        for number, (interval, amount) in enumerate(amounts.items())
    ]
    product._prefetched_objects_cache = {"prices": prices}  # type: ignore[attr-defined]
    tagline = "What it is, in one line that may well need a second one."
    product.configuration = ProductConfiguration(product=product, slug=f"sample-{len(name)}", tagline=tagline)
    return product.configuration
