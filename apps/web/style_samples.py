"""What the style page shows its components with: objects that are never saved. Development only."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.utils import timezone

from apps.ecommerce.cards import Card
from apps.ecommerce.entitlements import grants
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.offers import offers_for
from apps.ecommerce.pagination import Pages
from apps.ecommerce.pictures import drawn_for
from apps.ecommerce.states import STATES, state_of
from apps.users.models import User

NAMES = (
    "Ship Small",
    "Tiny Tools",
    "The Workshop",
    "The unabridged and illustrated handbook of quiet toolmaking",
)
DAY = timedelta(days=1)
# States that are a status and something more (states.py), and what makes each of them what it is.
STATUS: dict[str, Status] = {
    "confirming": Status.OPEN,
    "slow": Status.OPEN,
    "canceled_by_buyer": Status.OPEN,
    "free": Status.PAID,
    "ending": Status.ACTIVE,
    "lapsed": Status.PAST_DUE,
    "refunded_running": Status.REFUNDED,
    "disputed_running": Status.DISPUTED,
    "dispute_lost_running": Status.DISPUTE_LOST,
}
SUBSCRIBED = (
    *Status.values[Status.values.index("trialing") : Status.values.index("canceled") + 1],
    "ending",
    "lapsed",
    "refunded_running",
    "disputed_running",
    "dispute_lost_running",
)
PROSE = """
## A heading

Text with **strong** words, *emphasis*, `code`, ~~what was wrong~~ and [a link](https://example.com).

### A smaller one

- a list
- of two things

1. first
2. then

> Somebody said this.

| What | How many |
|---|---|
| Icons | 240 |
| Moods | 0 |

```
make run
```

---
"""


class SampleForm(forms.Form):
    """Each kind of field that the shop has; sent empty, so that it has errors, too."""

    email = forms.EmailField(help_text="We write to it when something happens to an order.")
    password = forms.CharField(widget=forms.PasswordInput)
    country = forms.ChoiceField(choices=[("", "Choose one"), ("at", "Austria"), ("jp", "Japan")])
    remember = forms.BooleanField()

    def clean(self) -> None:
        raise forms.ValidationError("The e-mail address and the password don't belong together.")


def samples() -> dict[str, Any]:
    """The context of templates/web/style/."""
    once, _named, monthly, long = (_configuration(number) for number in range(len(NAMES)))
    bought = [purchase_in(status, monthly if status in SUBSCRIBED else once) for status in ("paid", "active")]
    waiting = purchase_in("processing", long)
    order = purchase_in("partially_refunded", once)
    order.amount_discount, order.amount_tax, order.receipt_url = 500, 400, "https://stripe.com"
    steps = ("", Status.OPEN, Status.PAID, Status.PARTIALLY_REFUNDED)
    return {
        "ada": User(email="ada@example.com", name="Ada Lovelace", is_staff=True),
        "cards": [
            Card(once),
            Card(monthly, owned=bought[1]),
            Card(once, owned=bought[0]),
            Card(long, pending=waiting),
        ],
        "library": [bought[0], bought[1], purchase_in("past_due", monthly)],
        "others": [
            *((row, state_of(row)) for row in map(_of_each(once), ("failed", "refunded", "open"))),
            *((row, state_of(row)) for row in map(_of_each(monthly), ("refunded_running",))),
        ],
        "deals": [
            {"card": card, "offers": offers, "configuration": card.configuration}
            for card, offers in (
                (Card(once), offers_for(once.prices, None)),
                (Card(monthly), offers_for(monthly.prices, None)),
                (Card(monthly, owned=bought[1]), []),
                (Card(long, pending=waiting), []),
                (Card(long), []),
            )
        ],
        "chosen": monthly.prices[0].id,
        "states": [
            {
                "state": state_of(purchase, canceled=key == "canceled_by_buyer"),
                "purchase": purchase,
                "opens": grants(purchase),
            }
            for key in map(str, STATES)
            for purchase in [purchase_in(key, monthly if key in SUBSCRIBED else once)]
        ],
        "purchase": order,
        "changes": [
            StatusChange(purchase=order, from_status=before, to_status=after, at=timezone.now())
            for before, after in pairwise(steps)
        ],
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
        "asked": {"q": "anvil"},
        "pages": Pages(rows=Product.objects.none(), count=70, shown=48, first=2, last=2, total=3),
        "no_pages": Pages(rows=Product.objects.none(), count=0, shown=0, first=1, last=1, total=1),
        "prose": PROSE,
    }


def purchase_in(key: str, configuration: ProductConfiguration) -> Purchase:
    """A purchase that states.state_of finds to be in the state `key` of states.STATES."""
    price, now = configuration.prices[0], timezone.now()
    more: dict[str, Any] = {
        "confirming": {"returned_at": now},
        "slow": {"returned_at": now - timedelta(minutes=1)},
        "trialing": {"trial_end": now + 14 * DAY},
        "ending": {"cancel_at": now + 20 * DAY},
        "lapsed": {"current_period_start": now - 40 * DAY},
        "failed": {"failure_message": "Your card has insufficient funds."},
    }
    status = STATUS.get(key, Status(key) if key in Status.values else Status.OPEN)
    amount = 0 if key in ("free", "trialing") else price.unit_amount or 0
    period = {
        "current_period_start": now - DAY,
        "current_period_end": now + 30 * DAY,
        "subscription_id": "sub_1",
        "subscription_status": "canceled" if status == Status.CANCELED else "active",
    }
    return Purchase(
        product=configuration.product,
        price=price,
        email="ada@example.com",
        status=status,
        livemode=False,
        currency=price.currency,
        amount_subtotal=amount,
        amount_total=amount,
        amount_refunded=amount // 3 if "refunded" in key else 0,
        payment_method="Visa •••• 4242",
        paid_at=now,
        created_at=now,
        **{**(period if price.is_recurring else {}), **more.get(key, {})},
    )


def _of_each(configuration: ProductConfiguration) -> Any:
    return lambda key: purchase_in(key, configuration)


def _configuration(number: int) -> ProductConfiguration:
    name = NAMES[number]
    product = Product(id=f"prod_sample_{number}", name=name, default_price_id=f"price_{number}_0")
    recurring = name == "The Workshop"
    product._prefetched_objects_cache = {  # type: ignore[attr-defined]  # its prices, without a database
        "prices": [
            Price(
                id=f"price_{number}_{index}",
                product=product,
                currency="usd",
                unit_amount=amount,
                type=Price.Type.RECURRING if recurring else Price.Type.ONE_TIME,
                interval=("month", "year")[index] if recurring else "",
            )
            for index, amount in enumerate([900, 9000] if recurring else [2900])
        ]
    }
    tagline = "What it is, in one line that may well need a second one."
    configuration = ProductConfiguration(product=product, slug=f"sample-{number}", tagline=tagline)
    product.configuration = configuration
    return configuration
