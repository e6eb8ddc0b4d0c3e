"""Unsaved sample objects for the style page."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.utils import timezone

from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.models.pictures import generated_picture
from apps.ecommerce.purchases.billing_notes import billing_note
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.status_messages import MESSAGES, status_message
from apps.ecommerce.storefront.pagination import PER_PAGE, PageRange
from apps.ecommerce.storefront.price_options import price_options
from apps.ecommerce.storefront.product_cards import ProductCard
from apps.users.models import User

DAY = timedelta(days=1)
ONCE, RECURRING = {"": 2900}, {"month": 900, "year": 9000}  # interval: amount
LONG_NAME = "The unabridged and illustrated handbook of quiet toolmaking"
# States that depend on more than the status: status, and dates relative to now.
STATE_FIELDS: dict[str, tuple[Status, dict[str, timedelta]]] = {
    "confirming": (Status.OPEN, {"returned_at": 0 * DAY}),
    "slow": (Status.OPEN, {"returned_at": timedelta(minutes=-1)}),
    "canceled_by_buyer": (Status.OPEN, {}),
    "free": (Status.PAID, {}),
    "trialing": (Status.TRIALING, {"trial_end": 14 * DAY}),
    "ending": (Status.ACTIVE, {"cancel_at": 20 * DAY}),
    "lapsed": (Status.PAST_DUE, {"current_period_start": -40 * DAY}),
}
SUBSCRIPTION_STATES = (
    "trialing",
    "active",
    "ending",
    "past_due",
    "lapsed",
    "unpaid",
    "paused",
    "incomplete",
    "canceled",
    "refunded_running",
    "dispute_lost_running",
)


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
    owned = [
        ProductCard(subscription, owned=active),
        ProductCard(long_name, pending=make_purchase("processing")),
    ]
    purchases = {key: make_purchase(key) for key in map(str, MESSAGES)}
    others = [purchases[key] for key in ("failed", "open", "refunded_running")]
    statuses = (Status.OPEN, Status.PAID)
    page, empty_page = Paginator(range(70), PER_PAGE).page(2), Paginator(range(0), PER_PAGE).page(1)
    nothing = ProductConfiguration.objects.none()
    return {
        "ada": User(email="ada@example.com", name="Ada Lovelace", is_staff=True),
        "cards": [ProductCard(once), ProductCard(once, owned=paid), *owned],
        "library": [paid, active, purchases["past_due"]],
        "others": [(order, status_message(order)) for order in others],
        "deals": [
            {"card": card, "price_options": options, "configuration": card.configuration}
            for card, options in (
                (ProductCard(once), price_options(once.prices, None)),
                (ProductCard(subscription), price_options(subscription.prices, None)),
                *((card, []) for card in (*owned, ProductCard(long_name))),
            )
        ],
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
        "changes": [StatusChange(purchase=order, to_status=status, at=timezone.now()) for status in statuses],
        "configuration": once,
        "pictured": {"pictures": [generated_picture(f"sample-{number}") for number in range(3)]},
        "notes": [
            Message(constants.SUCCESS, "Your new address is confirmed."),
            Message(constants.INFO, "That page belongs to Tiny Tools. Buy it once and it is yours."),
            Message(constants.WARNING, "Your session is about to end."),
            Message(constants.ERROR, "The billing page can't be opened now. Please try again in a minute."),
        ],
        "forms": [SampleForm(auto_id="new_%s"), SampleForm({}, auto_id="sent_%s")],
        "search": {"q": "anvil"},
        "pages": PageRange(first=page, last=page, rows=nothing),
        "no_pages": PageRange(first=empty_page, last=empty_page, rows=nothing),
    }


def make_purchase(state: str) -> Purchase:
    """Return a purchase in this state, a key of status_messages.MESSAGES."""
    status, dates = state_fields(state)
    is_recurring = state in SUBSCRIPTION_STATES
    configuration = make_configuration("Ship Small", RECURRING if is_recurring else ONCE)
    price, now = configuration.prices[0], timezone.now()
    amount = 0 if state in ("free", "trialing") else price.unit_amount or 0
    if is_recurring:
        dates = {"current_period_start": -DAY, "current_period_end": 30 * DAY, **dates}
    return Purchase(
        product=configuration.product,
        price=price,
        email="ada@example.com",
        status=status,
        livemode=False,
        currency=price.currency,
        amount_subtotal=amount,
        amount_total=amount,
        amount_refunded=amount // 3 if "refunded" in state else 0,
        payment_method="Visa •••• 4242",
        failure_code="insufficient_funds" if status == Status.FAILED else "",
        subscription_id="sub_1" if is_recurring else "",
        subscription_status="canceled" if status == Status.CANCELED else "active" if is_recurring else "",
        paid_at=now,
        created_at=now,
        **{field: now + offset for field, offset in dates.items()},
    )


def state_fields(state: str) -> tuple[Status, dict[str, timedelta]]:
    return STATE_FIELDS.get(state) or (Status(state.removesuffix("_running")), {})


def make_configuration(name: str, amounts: dict[str, int]) -> ProductConfiguration:
    product = Product(id=f"prod_{len(name)}", name=name, default_price_id="price_0")
    prices = [
        Price(
            id=f"price_{number}",
            product=product,
            currency="usd",
            unit_amount=amount,
            type=Price.Type.RECURRING if interval else Price.Type.ONE_TIME,
            interval=interval,
        )
        for number, (interval, amount) in enumerate(amounts.items())
    ]
    product._prefetched_objects_cache = {"prices": prices}  # type: ignore[attr-defined]
    tagline = "What it is, in one line that may well need a second one."
    product.configuration = ProductConfiguration(product=product, slug=f"sample-{len(name)}", tagline=tagline)
    return product.configuration
