"""Unsaved sample objects for the style page."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator

from apps.devtools.content_samples import make_contents
from apps.devtools.purchase_samples import (
    ONCE,
    PAYMENT_STATES,
    RECURRING,
    make_configuration,
    make_payment,
    make_purchase,
)
from apps.ecommerce.models import (
    Consent,
    DiscountCode,
    ProductConfiguration,
    Purchase,
    StatusChange,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.models.pictures import generated_picture
from apps.ecommerce.purchases.consent import TEXTS, make_text
from apps.ecommerce.purchases.discount_codes.rules import Refusal
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.billing_notes import billing_note
from apps.ecommerce.purchases.messages.status_messages import status_message
from apps.ecommerce.purchases.messages.status_texts import MESSAGES
from apps.ecommerce.storefront.code_notes import LinkCode, add_code_notes
from apps.ecommerce.storefront.pagination import PER_PAGE, PageRange
from apps.ecommerce.storefront.price_options import currency_choices, options_in_currencies, price_options
from apps.ecommerce.storefront.product_cards import ProductCard
from apps.users.models import User

STEPS = (Status.OPEN, Status.PAID)
LONG_NAME = "The unabridged and illustrated handbook of quiet toolmaking"


def make_code(refusal: Refusal | None = None) -> LinkCode:
    return LinkCode("SUMMER", DiscountCode(code="SUMMER", percent_off=Decimal(20)), refusal)


def make_consent(kind: str, purchase: Purchase) -> Consent:
    shown = make_text(kind)
    return Consent(kind=kind, text=shown.text, language=shown.language, given_at=purchase.created_at)


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
        "cards": [
            ProductCard(once, is_wanted=True),
            ProductCard(once),
            ProductCard(once, owned=paid),
            *owned,
        ],
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
        "link_codes": [make_code(), make_code(Refusal.EXPIRED)],
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
        "consent_texts": [make_text(kind) for kind in TEXTS],
        "consents": [make_consent(kind, order) for kind in TEXTS],
        "notes": [
            Message(constants.SUCCESS, "Your new address is confirmed."),
            Message(constants.INFO, "You need Tiny Tools to open that page."),
            Message(constants.WARNING, "Your session is about to end."),
            Message(constants.ERROR, "The billing page can't be opened now. Please try again in a minute."),
        ],
        "forms": [SampleForm(auto_id="new_%s"), SampleForm({}, auto_id="sent_%s")],
        "search": {"q": "anvil"},
        "groups": [{"slug": "tools", "name": "Tools", "count": 3, "is_chosen": True}],
        "pages": PageRange(first=page, last=page, queryset=nothing),
        "no_pages": PageRange(first=empty_page, last=empty_page, queryset=nothing),
    }
