from collections import Counter
from dataclasses import dataclass, field

from apps.ecommerce.models import Price, Product


class NotSaved(Exception):
    pass


@dataclass
class Report:
    """The results of a sync; in a dry run, what it would do. Each line names an object: "Icon set (prod_…)"."""

    dry_run: bool = False
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    unchanged: int = 0
    not_saved: list[str] = field(default_factory=list)
    without_image: list[str] = field(default_factory=list)  # for sale, but without this image
    timeouts: Counter[str] = field(default_factory=Counter)  # of image servers, by host


def printable(text: object) -> str:
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text)
    )


def describe(row: Product | Price) -> str:
    name = f"{row.name} ({row.id})" if isinstance(row, Product) else f"price {row.id} of {row.product_id}"
    return printable(name)


def describe_failure(row: Product | Price, error: Exception) -> str:
    return f"{describe(row)}: {printable(error)}"
