"""Recommended products: on a product's page, and for a buyer on an order and in "My purchases"."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects

from apps.core.page_cache import public_data
from apps.ecommerce.models import ProductConfiguration, ProductConfigurationQuerySet, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.storefront.product_cards import UNUSED_BY_CARDS, ProductCard
from apps.users.models import User

MAX_SHOWN = 4
MAX_CANDIDATES = 12  # products that are cached for all buyers
NOT_BOUGHT = (Status.OPEN, Status.EXPIRED, Status.FAILED)


def related_products(configuration: ProductConfiguration) -> list[ProductConfiguration]:
    """Return the products after this one in the founder's order, continuing with the first."""
    rows = _rows().exclude(pk=configuration.pk)
    position = configuration.position
    # exclude(), because SQLite would not use the index for Q(…) | Q(…).
    following = rows.filter(position__gte=position).exclude(position=position, id__lt=configuration.pk)
    return _first(following, rows, MAX_SHOWN)


def other_products(user: User | AnonymousUser, category_id: int | None) -> list[ProductCard]:
    """Return products that the user has not bought, those of the category first."""
    purchases = Purchase.objects.for_user(user).exclude(status__in=NOT_BOUGHT).order_by()
    bought = set(purchases.values_list("product", flat=True))
    candidates = public_data(
        f"other products {category_id}", lambda: _of_category_first(_rows(), category_id, MAX_CANDIDATES)
    )
    found = [row for row in candidates if row.product_id not in bought]
    if len(found) < MAX_SHOWN and len(candidates) == MAX_CANDIDATES:  # there may be more candidates
        found = _of_category_first(_rows().exclude(product__in=bought), category_id, MAX_SHOWN)
    return [ProductCard(row) for row in found[:MAX_SHOWN]]


def _rows() -> ProductConfigurationQuerySet:
    rows = ProductConfiguration.objects.on_sale().select_related("product").defer(*UNUSED_BY_CARDS)
    return rows.order_by("position", "id")


def _of_category_first(
    rows: ProductConfigurationQuerySet, category_id: int | None, number: int
) -> list[ProductConfiguration]:
    return _first(rows.filter(category=category_id) if category_id else rows.none(), rows, number)


def _first(
    preferred: ProductConfigurationQuerySet, rows: ProductConfigurationQuerySet, number: int
) -> list[ProductConfiguration]:
    """Return the first preferred rows, and fill up with the others."""
    found = list(preferred[:number])
    if len(found) < number:
        found += rows.exclude(pk__in=[row.pk for row in found])[: number - len(found)]
    prefetch_related_objects(found, "product__prices")
    return found
