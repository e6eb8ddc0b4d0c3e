"""What the store is searched, filtered and sorted by: columns derived from a product, its prices and its words.

Asking the price table at each visit costs more with each product; asking these costs the same with 10,000.
They are written in the transaction that changed what they are derived from; by bootstrap_ecommerce at its end.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Collection, Sequence
from hashlib import sha256

from django.utils import timezone

from apps.core import page_cache
from apps.prepared import Insert, write_each

from .catalogue_report import failure, printable
from .models import UNPRICED, Price, Product, ProductConfiguration
from .money import cheapest

logger = logging.getLogger(__name__)

COLUMNS = ("listed", "search_text", "sort_name", "sort_price", "sells_once", "sells_recurring")
NEWS = ("fingerprint", "changed_at")
_write = Insert(ProductConfiguration, anew=COLUMNS + NEWS)  # ten times as fast as bulk_update
PAGE = 500  # rows at a time
# Letters that Unicode does not take apart, as people without them on the keyboard type them.
LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"})
GAPS = re.compile(r"[\s\x00\-_/'‐-―‘’“”]+")


def fold(text: str) -> str:
    """What two spellings have in common: "Café–Größe" and "CAFE grosse" are both "cafe grosse"."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return GAPS.sub(" ", bare.translate(LETTERS)).strip()


def refresh_listing(product_ids: Collection[str] | None = None) -> list[str]:
    """Derives the columns again, for these products or for all. Writes only what changed.

    Returns what could not be derived or written, with the reason. A row that fails does not stop the rest.
    """
    rows = ProductConfiguration.objects.with_catalogue()
    if product_ids is not None:
        rows = rows.filter(product__in=product_ids)
    page_cache.invalidate()
    failures: list[str] = []
    last, page = 0, None
    while page is None or len(page) == PAGE:  # all of them would not fit into memory
        page = list(rows.filter(pk__gt=last).order_by("pk")[:PAGE])
        last = page[-1].pk if page else 0
        failures += _refresh_each(page)
    return failures


def refresh_places(rows: Sequence[ProductConfiguration]) -> None:
    """The same for rows that were read with_catalogue. One query, or none."""
    if changed := [row for row in rows if renew(row)]:
        _write(*changed)
        page_cache.invalidate()


def _refresh_each(rows: Sequence[ProductConfiguration]) -> list[str]:
    failures, changed = [], []
    for row in rows:
        try:
            changed += [row] if renew(row) else []
        except Exception as error:  # any fault of this row
            logger.exception("The listing of %s can't be derived", printable(row.product_id))
            failures.append(failure(row.product, error))
    refused = write_each(_write, changed) if changed else []
    return failures + [failure(row.product, error) for row, error in refused]


def refresh_saved(instance: Product | Price | ProductConfiguration, **kwargs: object) -> None:
    """Receiver of post_save: what somebody edited in the admin is found at once."""
    refresh_listing([instance.pk if isinstance(instance, Product) else instance.product_id])


def renew(row: ProductConfiguration) -> bool:
    """Sets all of a row's columns that are derived; whether any of them is new."""
    return derive(row, row.prices) | _is_news(row)


def derive(row: ProductConfiguration, prices: Sequence[Price]) -> bool:
    """Sets the columns of one row from its product and its sellable prices; whether any of them is new."""
    before = [getattr(row, column) for column in COLUMNS]
    product = row.product
    row.listed = row.is_active and product.active
    row.sort_name = fold(product.name)[:120]
    row.search_text = fold(" ".join((product.name, row.tagline, product.description, row.description)))
    row.sort_price = (cheapest(prices).unit_amount or 0) if prices else UNPRICED
    row.sells_once = any(not price.interval for price in prices)
    row.sells_recurring = any(price.interval for price in prices)
    return before != [getattr(row, column) for column in COLUMNS]


def _is_news(row: ProductConfiguration) -> bool:
    """Whether what the product's page shows is another than the last time; if so, notes when that was."""
    product = row.product
    prices = [
        (p.id, p.unit_amount, p.currency, p.interval, p.interval_count, p.trial_period_days, p.nickname)
        for p in row.prices
    ]
    words = (product.name, product.description, row.slug, row.tagline, row.description, row.listed)
    shown = repr((words, prices, [picture.address for picture in product.pictures]))
    fingerprint = sha256(shown.encode()).hexdigest()[:32]
    if fingerprint == row.fingerprint:
        return False
    row.fingerprint, row.changed_at = fingerprint, timezone.now()
    return True
