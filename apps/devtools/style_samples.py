"""Unsaved sample objects for the style page."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.utils import timezone

from apps.devtools.content_samples import make_contents
from apps.ecommerce.models import (
    DiscountCode,
    Payment,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    StatusChange,
    Suspension,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.models.order_numbers import order_number
from apps.ecommerce.models.pictures import generated_picture
from apps.ecommerce.purchases.billing_notes import billing_note
from apps.ecommerce.purchases.code_rules import Refusal
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.status_messages import status_message
from apps.ecommerce.purchases.status_texts import MESSAGES
from apps.ecommerce.storefront.code_notes import BroughtCode, add_code_notes
from apps.ecommerce.storefront.pagination import PER_PAGE, PageRange
from apps.ecommerce.storefront.price_options import currency_choices, options_in_currencies, price_options
from apps.ecommerce.storefront.product_cards import ProductCard
from apps.users.models import User

DAY, STEPS = timedelta(days=1), (Status.OPEN, Status.PAID)
ONCE, RECURRING = {"": 2900}, {"month": 900, "year": 9000}  # interval: amount
LONG_NAME = "The unabridged and illustrated handbook of quiet toolmaking"
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
# What differs from a paid payment. The keys are those of payment_labels.LABELS.
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


def make_code(refusal: Refusal | None = None) -> BroughtCode:
    return BroughtCode("SUMMER", DiscountCode(code="SUMMER", percent_off=Decimal(20)), refusal)


class SampleForm(forms.Form):
    email = forms.EmailField(help_text="We send your receipts to this address.")
    password = forms.CharField(widget=forms.PasswordInput)
    country = forms.ChoiceField(choices=[("", "Choose one"), ("at", "Austria"), ("jp", "Japan")])
    remember = forms.BooleanField()

    def clean(self) -> None:
        raise forms.ValidationError("The e-mail address or the password is incorrect.")


def samples() -> dict[str, Any]:
    """Return the context of templates/devtools/style/."""
    once, subscription = make_configuration("Ship Small", ONCE), make_configuration("The Workshop", RECURRING)
    long_name = make_configuration(LONG_NAME, ONCE)
    paid, active, order = (make_purchase(state) for state in ("paid", "active", "partially_refunded"))
    order.amount_discount, order.amount_tax = 500, 400
    foreign: dict[str, Any] = {
        "presentment_currency": "eur",
        "presentment_amount": 2640,
        "amount_discount": 500,
    }
    owned = [
        ProductCard(subscription, owned=active),
        ProductCard(long_name, pending=make_purchase("processing")),
    ]
    purchases = {key: make_purchase(key) for key in map(str, MESSAGES)}
    others = [purchases[key] for key in ("failed", "open", "refunded_running")]
    page, empty_page = Paginator(range(70), PER_PAGE).page(2), Paginator(range(0), PER_PAGE).page(1)
    nothing = ProductConfiguration.objects.none()
    return {
        "ada": User(email="ada@example.com", name="Ada Lovelace", is_staff=True),
        "cards": [ProductCard(once), ProductCard(once, owned=paid), *owned],
        "library": [paid, active, purchases["past_due"]],
        "others": [(order, status_message(order)) for order in others],
        "deals": [
            {
                "card": card,
                "price_options": options,
                "currencies": currency_choices(card.configuration.prices) if options else [],
                "configuration": card.configuration,
                "upgrade_options": price_options(once.prices, None) if card.owned else [],
            }
            for card, options in (
                (ProductCard(once), add_code_notes(price_options(once.prices, None), make_code())),
                (ProductCard(subscription), options_in_currencies(subscription.prices, None)),
                *((card, []) for card in (*owned, ProductCard(long_name))),
            )
        ],
        "brought_codes": [make_code(), make_code(Refusal.EXPIRED)],
        "plans": price_options(subscription.prices, None),
        "chosen": subscription.prices[0].id,
        "statuses": [
            {
                "message": status_message(purchase, canceled=key == "canceled_by_buyer"),
                "billing_note": billing_note(purchase),
                "purchase": purchase,
                "has_access": has_access(purchase),
            }
            for key, purchase in purchases.items()
        ],
        "purchase": order,
        "seller": ["Workbench", "1 High Street", "London"],
        "buyer": ["Ada Lovelace GmbH", "Torstr. 1", "10115 Berlin", "Germany", "VAT or tax id: DE123456789"],
        "order_payments": [make_payment(order, "partially_refunded")],
        "subscription": active,
        "payments": [
            make_payment(active, state, months) for months, state in enumerate(PAYMENT_STATES, start=1)
        ],
        "receipts": [
            (order, make_payment(order, "partially_refunded", **foreign)),
            (active, make_payment(active)),
        ],
        "changes": [StatusChange(purchase=order, to_status=key, at=order.created_at) for key in STEPS],
        "configuration": once,
        "what_you_get": make_contents(once),
        "pictured": {"pictures": [generated_picture(f"sample-{number}") for number in range(3)]},
        "notes": [
            Message(constants.SUCCESS, "Your new address is confirmed."),
            Message(constants.INFO, "That page belongs to Tiny Tools. Buy it once and it is yours."),
            Message(constants.WARNING, "Your session is about to end."),
            Message(constants.ERROR, "The billing page can't be opened now. Please try again in a minute."),
        ],
        "forms": [SampleForm(auto_id="new_%s"), SampleForm({}, auto_id="sent_%s")],
        "search": {"q": "anvil"},
        "groups": [{"slug": "tools", "name": "Tools", "count": 3, "is_chosen": True}],
        "pages": PageRange(first=page, last=page, queryset=nothing),
        "no_pages": PageRange(first=empty_page, last=empty_page, queryset=nothing),
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
    payment = Payment(purchase=purchase, **defaults | PAYMENT_STATES[state] | values)
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
