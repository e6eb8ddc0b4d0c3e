"""Compute the columns by which the store searches, filters and sorts, so that its queries need no joins."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from operator import attrgetter

from django.db.models import Prefetch
from django.utils import timezone

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import BATCH_SIZE, all_rows, save_rows
from apps.ecommerce.catalogue.report import Report, describe
from apps.ecommerce.models import MAX_SORT_PRICE, Price, Product, ProductConfiguration, SearchWord, cheapest

COLUMNS = (
    *("listed", "search_text", "sort_name", "sort_currency", "sort_price"),
    *("sells_once", "sells_recurring", "fingerprint"),
)
MAX_SORT_NAME_LENGTH = 120
MIN_WORD_LENGTH, MAX_WORD_LENGTH = 3, 30
WORD = re.compile(r"[^\W_]+")
# Letters that Unicode does not decompose, with what people type instead.
LETTER_REPLACEMENTS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"}
)
SEPARATORS = re.compile(r"[\s\x00\-_/'‐-―‘’“”]+")


def normalize_text(text: str) -> str:
    """Remove case, accents and punctuation: "Café–Größe" and "CAFE grosse" become "cafe grosse"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return SEPARATORS.sub(" ", bare.translate(LETTER_REPLACEMENTS)).strip()


def refresh_search_columns(report: Report, product_ids: Collection[str] | None = None) -> None:
    """Refresh the columns of these products, or of all."""
    rows = all_rows(ProductConfiguration).order_by("pk")
    if product_ids is not None:
        rows = rows.filter(product__in=product_ids)
    prices = Price._default_manager.using(rows.db)
    rows = rows.select_related("product").prefetch_related(Prefetch("product__prices", prices))
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH_SIZE]):  # to limit memory
        refresh_rows(batch, report)
        last = batch[-1].pk
    if not report.dry_run:
        page_cache.invalidate()


def refresh_rows(rows: Sequence[ProductConfiguration], report: Report) -> None:
    """Refresh rows whose product and prices are loaded, with one query if no row fails."""
    outdated: list[ProductConfiguration] = []
    texts = {row.pk: (row.listed, row.search_text) for row in rows}
    for row in rows:
        with report.isolate(row):
            if set_search_columns(row):
                outdated.append(row)
    if report.dry_run:
        report.changed += map(describe, outdated)
    else:
        saved = save_rows(outdated, report, [*COLUMNS, "changed_at"])
        add_words(row for row in saved if texts[row.pk] != (row.listed, row.search_text))


def refresh_after_save(instance: Product | Price | ProductConfiguration, **kwargs: object) -> None:
    product_id = instance.pk if isinstance(instance, Product) else instance.product_id
    refresh_search_columns(Report(), [product_id])


def set_search_columns(row: ProductConfiguration) -> bool:
    """Return whether a column has changed."""
    before = [getattr(row, column) for column in COLUMNS]
    product, prices = row.product, row.prices
    row.listed = row.is_on_sale and bool(prices)
    row.sort_name = normalize_text(product.name)[:MAX_SORT_NAME_LENGTH]
    row.search_text = normalize_text(searched_text(row))
    row.sort_currency = prices[0].currency if prices else ""
    row.sort_price = cheapest(prices).amounts[row.sort_currency] if prices else MAX_SORT_PRICE
    row.sells_once = any(not price.interval for price in prices)
    row.sells_recurring = any(price.interval for price in prices)
    fingerprint = _fingerprint(row)
    if fingerprint != row.fingerprint:
        row.fingerprint, row.changed_at = fingerprint, timezone.now()
    return before != [getattr(row, column) for column in COLUMNS]


def searched_text(row: ProductConfiguration) -> str:
    return " ".join((row.product.name, row.tagline, row.product.description, row.description))


def add_words(rows: Iterable[ProductConfiguration]) -> None:
    """Store the words in listed products, to correct searches."""
    words: dict[str, str] = {}
    for row in rows:
        for token in WORD.findall(searched_text(row)) if row.listed else []:
            word = normalize_text(token)
            if MIN_WORD_LENGTH <= len(word) <= MAX_WORD_LENGTH:
                words.setdefault(word, token.lower()[:MAX_WORD_LENGTH])
    if not words:
        return
    # In order, so that two processes do not wait for each other.
    new = [SearchWord(word=word, shown=words[word]) for word in sorted(words)]
    SearchWord.objects.bulk_create(new, ignore_conflicts=True)


def _fingerprint(row: ProductConfiguration) -> str:
    product = row.product
    names = (
        *("id", "unit_amount", "currency", "currency_options", "custom_minimum", "custom_maximum"),
        *("custom_preset", "interval", "interval_count", "trial_period_days", "nickname"),
    )
    prices = [attrgetter(*names)(price) for price in row.prices]
    texts = (product.name, product.description, row.slug, row.tagline, row.description, row.listed)
    details = [value for value in (product.features, row.specifications, row.category_id) if value]
    shown = repr((texts, prices, [picture.address for picture in product.pictures], *details))
    return sha256(shown.encode()).hexdigest()[:32]
