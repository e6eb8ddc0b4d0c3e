"""Unsaved objects with which the style page renders its components."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.utils import timezone

from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.models.pictures import drawn_for
from apps.ecommerce.purchases.entitlements import grants
from apps.ecommerce.purchases.status_messages import STATES, state_of
from apps.ecommerce.storefront.pagination import Pages
from apps.ecommerce.storefront.price_options import offers_for
from apps.ecommerce.storefront.product_cards import Card
from apps.users.models import User

DAY = timedelta(days=1)
RECURRING = (
    *(Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID),
    *(Status.PAUSED, Status.INCOMPLETE, Status.CANCELED),
)
# The states that depend on more than the status: status, and dates as seen from now.
STATE_FIELDS: dict[str, tuple[Status, dict[str, timedelta]]] = {
    "confirming": (Status.OPEN, {"returned_at": 0 * DAY}),
    "slow": (Status.OPEN, {"returned_at": timedelta(minutes=-1)}),
    "canceled_by_buyer": (Status.OPEN, {}),
    "free": (Status.PAID, {}),
    "trialing": (Status.TRIALING, {"trial_end": 14 * DAY}),
    "ending": (Status.ACTIVE, {"cancel_at": 20 * DAY}),
    "lapsed": (Status.PAST_DUE, {"current_period_start": -40 * DAY}),
}


class SampleForm(forms.Form):
    email = forms.EmailField(help_text="We write to it when something happens to an order.")
    password = forms.CharField(widget=forms.PasswordInput)
    country = forms.ChoiceField(choices=[("", "Choose one"), ("at", "Austria"), ("jp", "Japan")])
    remember = forms.BooleanField()

    def clean(self) -> None:
        raise forms.ValidationError("The e-mail address and the password don't belong together.")


def samples() -> dict[str, Any]:
    """Return the context of templates/devtools/style/."""
    once, subscription = make_configuration("Ship Small", 2900), make_configuration("The Workshop", 900, 9000)
    long_name = make_configuration("The unabridged and illustrated handbook of quiet toolmaking", 2900)
    paid, active, order = (make_purchase(state) for state in ("paid", "active", "partially_refunded"))
    order.amount_discount, order.amount_tax, order.receipt_url = 500, 400, "https://stripe.com"
    cards = [
        Card(once),
        Card(subscription, owned=active),
        Card(once, owned=paid),
        Card(long_name, pending=make_purchase("processing")),
        Card(subscription),
        Card(long_name),
    ]
    deals = [
        {
            "card": card,
            "offers": offers_for(card.configuration.prices, None),
            "configuration": card.configuration,
        }
        for card in cards[:-1]
    ]
    others = [make_purchase(state) for state in ("failed", "refunded", "open", "refunded_running")]
    return {
        "ada": User(email="ada@example.com", name="Ada Lovelace", is_staff=True),
        "cards": cards[:4],
        "library": [paid, active, make_purchase("past_due")],
        "others": [(purchase, state_of(purchase)) for purchase in others],
        "deals": [*deals, {"card": cards[-1], "offers": [], "configuration": long_name}],
        "chosen": subscription.prices[0].id,
        "states": [
            {
                "state": state_of(purchase, canceled=key == "canceled_by_buyer"),
                "purchase": purchase,
                "opens": grants(purchase),
            }
            for key, purchase in ((key, make_purchase(key)) for key in map(str, STATES))
        ],
        "purchase": order,
        "changes": [
            StatusChange(purchase=order, to_status=status, at=timezone.now())
            for status in (Status.OPEN, Status.PAID, Status.PARTIALLY_REFUNDED)
        ],
        "search": {"q": "anvil"},
        "configuration": once,
        "pictured": {"pictures": [drawn_for(f"sample-{number}") for number in range(3)]},
        "notes": [
            Message(constants.SUCCESS, "Your new address is confirmed."),
            Message(constants.INFO, "That page belongs to Tiny Tools. Buy it once and it is yours."),
            Message(constants.WARNING, "Your session is about to end."),
            Message(
                constants.ERROR, "The billing page can't be opened right now. Please try again in a minute."
            ),
        ],
        "forms": [SampleForm(auto_id="new_%s"), SampleForm({}, auto_id="sent_%s")],
        "pages": Pages(rows=Product.objects.none(), count=70, shown=48, first=2, last=2, total=3),
    }


def make_purchase(state: str) -> Purchase:
    """Return a purchase in a state of status_messages.STATES."""
    status, dates = STATE_FIELDS.get(state) or (Status(state.removesuffix("_running")), {})
    is_recurring = status in RECURRING or state.endswith("_running")
    configuration = (
        make_configuration("The Workshop", 900, 9000)
        if is_recurring
        else make_configuration("Ship Small", 2900)
    )
    price, now = configuration.prices[0], timezone.now()
    amount = 0 if state in ("free", "trialing") else price.unit_amount or 0
    purchase = Purchase(
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
        failure_message="Your card has insufficient funds." if status == Status.FAILED else "",
        paid_at=now,
        created_at=now,
    )
    if is_recurring:
        purchase.subscription_id = "sub_1"
        purchase.subscription_status = "canceled" if status == Status.CANCELED else "active"
        dates = {"current_period_start": -DAY, "current_period_end": 30 * DAY, **dates}
    for field, offset in dates.items():
        setattr(purchase, field, now + offset)
    return purchase


def make_configuration(name: str, *amounts: int) -> ProductConfiguration:
    """Return a product with one price, or with a monthly and a yearly one."""
    product = Product(id=f"prod_{len(name)}", name=name, default_price_id="price_0")
    prices = [
        Price(
            id=f"price_{number}",
            product=product,
            currency="usd",
            unit_amount=amount,
            type=Price.Type.ONE_TIME,
        )
        for number, amount in enumerate(amounts)
    ]
    if len(prices) > 1:
        for price, interval in zip(prices, ("month", "year"), strict=True):
            price.type, price.interval = Price.Type.RECURRING, interval
    product._prefetched_objects_cache = {"prices": prices}  # type: ignore[attr-defined]
    tagline = "What it is, in one line that may well need a second one."
    product.configuration = ProductConfiguration(product=product, slug=f"sample-{len(name)}", tagline=tagline)
    return product.configuration
