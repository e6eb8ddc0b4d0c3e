"""Choose product slugs that are valid, unique, stable and different from the site's routes."""

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
from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.models import Product, ProductConfiguration

MAX_LENGTH = 70  # without the digest that makes a slug unique
DIGEST_LENGTHS = (8, 16, 32, 64)
PRODUCT_ROUTES = ("product", "buy", "purchased_product", "purchased_download")
# Used in paths after /store/ and /purchases/, or reserved for later.
RESERVED = frozenset(
    str.split(
        """
        store purchases checkout return buy changes order orders status manage download downloads
        account accounts admin all api basket cart categories category edit feed index invoice invoices login
        logout manifest media new page receipt robots rss search sign-in sign-up sitemap sitemapxml sitemap-xml
        static subscribe subscription subscriptions success unsubscribe cancel canceled tag tags webhook webhooks
        """
    )
)


class SlugConverter(StringConverter):
    """Build a URL from any slug, so that an invalid slug does not break pages that link to it."""

    def to_url(self, value: str) -> str:
        return str(value).replace("/", "-") or "-"


def choose_slugs(products: list[Product], report: Report) -> dict[str, str]:
    """Return an unused slug for each product id. A product gets the same slug again unless it is taken."""
    candidates: dict[str, list[str]] = {}
    for product in products:
        with report.isolate(product):
            candidates[product.id] = list(_generate_candidates(product))
    all_candidates = {slug for slugs in candidates.values() for slug in slugs}
    rows = all_rows(ProductConfiguration).annotate(folded=Lower("slug"))
    taken = set(rows.filter(folded__in=all_candidates).values_list("folded", flat=True))
    chosen: dict[str, str] = {}
    for product_id, slugs in candidates.items():
        chosen[product_id] = next((slug for slug in slugs if slug not in taken), uuid4().hex)
        taken.add(chosen[product_id])
    return chosen


def validate_new_slug(slug: str, row: ProductConfiguration) -> None:
    if is_reserved(slug):
        raise ValidationError(
            _("“%(slug)s” is reserved for a page of the store. Choose another one."),
            code="reserved",
            params={"slug": slug},
        )
    other = all_rows(ProductConfiguration).filter(slug__iexact=slug).exclude(pk=row.pk).first()
    if other:
        raise ValidationError(
            _("%(product)s already uses “%(slug)s”. Uppercase and lowercase letters count as the same."),
            code="taken",
            params={"slug": other.slug, "product": other},
        )


def is_reserved(slug: str) -> bool:
    return slug.lower() in RESERVED or not all(_leads_to_product(name, slug) for name in PRODUCT_ROUTES)


def _leads_to_product(route: str, slug: str) -> bool:
    try:
        match = resolve(reverse(route, args=[slug]))
    except NoReverseMatch:
        return True  # the founder has removed the route
    except Resolver404:
        return False
    return match.url_name == route and slug in (*match.args, *match.kwargs.values())


def _generate_candidates(product: Product) -> Iterator[str]:
    texts = (str(product.metadata.get("slug") or ""), product.name)
    base = next(filter(None, (slugify(text)[:MAX_LENGTH].strip("-_") for text in texts)), "product")
    if not is_reserved(base):
        yield base
    digest = sha256(product.id.encode()).hexdigest()
    for length in DIGEST_LENGTHS:
        yield f"{base[: MAX_LENGTH + 8 - length]}-{digest[:length]}"
