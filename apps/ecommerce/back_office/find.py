"""Find orders by what is in an e-mail of the buyer, on a bank statement or in Stripe's Dashboard."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.ecommerce.models import (
    LicenceKey,
    Mail,
    Payment,
    Product,
    Purchase,
    StripeCustomer,
    parse_public_id,
)
from apps.ecommerce.models.order_numbers import ALPHABET, LENGTH, PREFIX
from apps.users.models import User

MAX_LENGTH = 200
MIN_TEXT_LENGTH = 2

EMAIL = re.compile(r"[^\s<>\"',;]*@[^\s<>\"',;]*")
WHOLE_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@.]{2,}")
ORDER_NUMBER = re.compile(rf"#?{PREFIX}?-?([{ALPHABET}]{{{LENGTH // 2}}})-?([{ALPHABET}]{{{LENGTH // 2}}})")
LAST_FOUR = re.compile(r"(?:[•*xX.…]+ ?)?([0-9]{4})")
STRIPE_ID = re.compile(r"[a-z]{2,8}_[A-Za-z0-9_]{3,}")
# Fields with the ids of Stripe's objects, by the ids' prefixes. https://docs.stripe.com/api
PURCHASE_FIELDS = {
    "cs": "session_id",
    "pi": "payment_intent_id",
    "sub": "subscription_id",
    "in": "invoice_id",
    "cus": "user__stripe_customers",
}
PAYMENT_FIELDS = {
    "pi": "payment_intent_id",
    "ch": "charge_id",
    "py": "charge_id",
    "in": "stripe_id",
    "re": "refunds__stripe_id",
    "pyr": "refunds__stripe_id",
}
MAIL_PREFIXES = ("dp", "du")  # disputes, which are found by the e-mail about them
OTHER_PREFIXES = ("evt", "prod", "price", "txn", "seti", "pm")


@dataclass(frozen=True, slots=True)
class Query:
    """The parsed text of a search. Several fields can be set: "2026" may end a card number or be in a name."""

    email: str = ""  # whole address, in lower case
    email_part: str = ""  # in lower case
    name: str = ""  # or a part of it
    order_number: str = ""
    public_id: UUID | None = None
    stripe_id: str = ""
    last_four: str = ""
    licence_key: str = ""
    invoice_number: str = ""

    @classmethod
    def parse(cls, entered: str) -> Query:
        text = " ".join(unicodedata.normalize("NFC", entered.replace("\0", " ")).split())
        if text.startswith(("https://", "http://")):  # the URL of a page of the shop or of Stripe's Dashboard
            text = re.split(r"[?#]", text)[0].rstrip("/").rpartition("/")[2]
        if len(text) > MAX_LENGTH:
            return cls()
        if public_id := parse_public_id(text):
            return cls(public_id=public_id)
        if STRIPE_ID.fullmatch(text) and text.partition("_")[0] in STRIPE_PREFIXES:
            return cls(stripe_id=text)
        if email := EMAIL.search(text):
            address = email[0].lower()
            return cls(email=address) if WHOLE_EMAIL.fullmatch(address) else cls(email_part=address)
        number = ORDER_NUMBER.fullmatch(text.upper().replace(" ", ""))
        digits = LAST_FOUR.fullmatch(text)
        name = "" if len(text) < MIN_TEXT_LENGTH or (number and "-" in text) else text
        return cls(
            email_part="" if " " in name or digits else name.lower(),
            name=name,
            order_number=f"{PREFIX}-{number[1]}-{number[2]}" if number else "",
            last_four=digits[1] if digits else "",
            licence_key=text,
            invoice_number=text.upper(),
        )

    @property
    def prefix(self) -> str:
        """Return "pi" of "pi_123"."""
        return self.stripe_id.partition("_")[0]

    @property
    def is_person(self) -> bool:
        """Return whether the text may be a person's name. Four digits can only be in cards and products."""
        return bool(self.name) and not self.last_four

    def in_email(self) -> Q:
        """Return a condition for users and orders, whose addresses are in lower case."""
        return Q(email=self.email) if self.email else Q(email__contains=self.email_part)

    def in_name(self, *fields: str) -> Q:
        """Return a condition that ignores case, which SQLite does for ASCII letters only."""
        texts = {self.name}
        if not self.name.isascii():
            texts |= {self.name.lower(), self.name.upper(), self.name.title()}
        return reduce(or_, (Q(**{f"{field}__icontains": text}) for field in fields for text in texts))


STRIPE_PREFIXES = {*PURCHASE_FIELDS, *PAYMENT_FIELDS, *MAIL_PREFIXES, *OTHER_PREFIXES}


def find_order(query: Query) -> Any:
    """Return the ids of orders by a text that only one order has: its number, an id of Stripe, a licence key."""
    return _ids(_unique(query))


def find_orders(query: Query, *, by_name: bool = True) -> Any:
    """Return the ids of orders, for `pk__in`. `by_name` also searches the names of users and billing details."""
    found = _unique(query)
    if query.email or query.email_part:
        found += [Purchase.objects.filter(query.in_email()), _of_users(query.in_email())]
    if query.last_four:
        # "Visa •••• 4242": the database scans only the index of this column.
        ends = {"payment_method__endswith": query.last_four}
        found += [Purchase.objects.filter(**ends), Payment.objects.filter(**ends).values("purchase")]
    if query.name:
        found.append(Purchase.objects.filter(query.in_name("product_name")))  # the name when it was bought
        products = Product.objects.filter(query.in_name("name"))
        found.append(Purchase.objects.filter(product__in=products.values("pk")))
        if by_name and query.is_person:
            details = StripeCustomer.objects.filter(query.in_name("name"))
            found.append(Purchase.objects.filter(user__in=details.values("user")))
            found.append(_of_users(query.in_name("name")))
    return _ids(found)


def _unique(query: Query) -> list[QuerySet[Any]]:
    found: list[QuerySet[Any]] = []
    if query.order_number:
        found.append(Purchase.objects.filter(order_number=query.order_number))
    if query.public_id:
        found.append(Purchase.objects.filter(public_id=query.public_id))
    if query.licence_key:
        keys = {query.licence_key, query.licence_key.upper()}
        found.append(LicenceKey.objects.filter(key__in=keys, purchase__isnull=False).values("purchase"))
    if query.invoice_number:
        numbered = Payment.objects.exclude(invoice_number="")  # the condition of the partial index
        found.append(numbered.filter(invoice_number=query.invoice_number).values("purchase"))
    if name := PURCHASE_FIELDS.get(query.prefix):
        orders = Purchase.objects.filter(**{name: query.stripe_id})
        # Excludes "" as the partial index does.
        found.append(orders.exclude(invoice_id="") if name == "invoice_id" else orders)
    if name := PAYMENT_FIELDS.get(query.prefix):
        found.append(Payment.objects.filter(**{name: query.stripe_id}).values("purchase"))
    if query.prefix in MAIL_PREFIXES:
        found.append(Mail.objects.filter(about=query.stripe_id).values("purchase"))
    return found


def _of_users(condition: Q) -> QuerySet[Purchase]:
    return Purchase.objects.filter(user__in=User.objects.filter(condition).values("pk"))


def _ids(found: Iterable[QuerySet[Any]]) -> Any:
    """Join orders, and values of their primary keys, with UNION: with OR, PostgreSQL would read the whole table."""
    ids = [(rows.values("pk") if rows.model is Purchase else rows).order_by() for rows in found]
    return ids[0].union(*ids[1:]) if ids else []
