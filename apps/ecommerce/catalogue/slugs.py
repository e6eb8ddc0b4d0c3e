"""A product's part of its URLs: chosen once from foreign text, valid, unique, and never one of our own routes."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db.models.functions import Lower
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.urls.converters import StringConverter
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.ecommerce.catalogue.bulk import all_rows
from apps.ecommerce.models import Product, ProductConfiguration

MAX_LENGTH = 70  # of what comes from a name; the column has room for a digest behind it
DIGEST_LENGTHS = (8, 16, 32, 64)
PRODUCT_ROUTES = ("product", "buy", "purchased_product", "purchased_download")
# Below /store/ and /purchases/ we use these words, or may do so one day.
RESERVED = frozenset(
    str.split(
        """
        store purchases checkout return buy changes order orders status manage download downloads
        account accounts admin all api basket cart categories category edit feed index invoice invoices login
        logout manifest media new page receipt robots rss search sign-in sign-up sitemap sitemapxml sitemap-xml
        static subscribe subscription subscriptions success cancel canceled tag tags webhook webhooks
        """
    )
)


class SlugConverter(StringConverter):
    """Any slug that a row may have. It never fails: a row with a bad one costs no page but its own."""

    def to_url(self, value: str) -> str:
        return str(value).replace("/", "-") or "-"


def choose_slugs(products: list[Product]) -> dict[str, str]:
    """Return an unused slug for each product id. A product gets the same slug each time, unless it is taken."""
    wanted = {product.id: list(_candidates(product)) for product in products}
    rows = all_rows(ProductConfiguration).annotate(folded=Lower("slug"))
    candidates = {slug for slugs in wanted.values() for slug in slugs}
    taken = set(rows.filter(folded__in=candidates).values_list("folded", flat=True))
    chosen: dict[str, str] = {}
    for product_id, slugs in wanted.items():
        chosen[product_id] = next((slug for slug in slugs if slug not in taken), uuid4().hex)
        taken.add(chosen[product_id])
    return chosen


def validate_new_slug(slug: str, row: ProductConfiguration) -> None:
    """Raise ValidationError with words for the operator if this row can't have the slug that was typed."""
    if is_reserved(slug):
        raise ValidationError(
            _("The shop uses “%(slug)s” for a page of its own. Please choose another one."),
            code="reserved",
            params={"slug": slug},
        )
    other = all_rows(ProductConfiguration).filter(slug__iexact=slug).exclude(pk=row.pk).first()
    if other:
        raise ValidationError(
            _("“%(slug)s” is taken by %(product)s. Upper and lower case count as the same."),
            code="taken",
            params={"slug": other.slug, "product": other},
        )


def is_reserved(slug: str) -> bool:
    """Whether a product with this slug would share a URL with a page that is not its own, now or one day."""
    return slug.lower() in RESERVED or not all(_leads_to(name, slug) for name in PRODUCT_ROUTES)


def _leads_to(name: str, slug: str) -> bool:
    """A route that a founder has taken out of urls.py is no clash."""
    try:
        path = reverse(name, args=[slug])
    except NoReverseMatch:
        return True
    try:
        match = resolve(path)
    except Resolver404:
        return False
    return match.url_name == name and slug in (*match.args, *match.kwargs.values())


def _candidates(product: Product) -> Iterator[str]:
    """Yield the slug from the metadata or the name, then longer ones that contain a digest of the id."""
    texts = (str(product.metadata.get("slug") or ""), product.name)
    base = next(filter(None, (slugify(text)[:MAX_LENGTH].strip("-_") for text in texts)), "product")
    if not is_reserved(base):
        yield base
    digest = sha256(product.id.encode()).hexdigest()
    for length in DIGEST_LENGTHS:
        yield f"{base[: MAX_LENGTH + 8 - length]}-{digest[:length]}"
