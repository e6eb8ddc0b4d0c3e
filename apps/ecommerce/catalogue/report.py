"""What a run of the catalogue's sync did, and how it names products and prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.ecommerce.models import Price, Product


class NotSaved(Exception):
    """A part of a product could not be saved; the message says which part, and why. The rest was saved."""


@dataclass
class Report:
    """What a run did (or, dry, would do). Each line names one object: "Icon set (prod_…)"."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    unchanged: int = 0
    not_saved: list[str] = field(default_factory=list)  # and why; everything else was
    without_image: list[str] = field(default_factory=list)  # and why; the products are sold all the same
    timeouts: Counter[str] = field(default_factory=Counter)  # of servers of images, by host


def printable(text: object) -> str:
    """For a terminal or a log: control characters and half surrogates as they are written in Python."""
    letters = (
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text)
    )
    return "".join(letters)


def item_label(item: object, model: type[Product] | type[Price]) -> str:
    """Return a name for an object of Stripe's that can't be copied, whatever it lacks."""
    if not isinstance(item, Mapping):
        return f"{model._meta.verbose_name} {printable(item)[:80]}"
    key = printable(item.get("id"))
    return f"{printable(item.get('name'))[:80]} ({key})" if model is Product else f"price {key}"


def row_label(row: Product | Price) -> str:
    name = f"{row.name} ({row.id})" if isinstance(row, Product) else f"price {row.id} of {row.product_id}"
    return printable(name)


def failure(row: Product | Price, error: Exception) -> str:
    return f"{row_label(row)}: {printable(error)}"
