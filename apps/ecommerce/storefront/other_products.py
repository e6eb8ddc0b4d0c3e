"""Products that a buyer has not bought, those of the same category first."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects

from apps.core.page_cache import public_data
from apps.ecommerce.models import ProductConfiguration, ProductConfigurationQuerySet, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.storefront.product_cards import ProductCard
from apps.users.models import User

MAX_OTHERS = 4
MAX_CANDIDATES = 12  # cached for all buyers
NOT_BOUGHT = (Status.OPEN, Status.EXPIRED, Status.FAILED)
UNUSED_COLUMNS = ("content", "description", "specifications", "search_text")


def other_products(user: User | AnonymousUser, category_id: int | None) -> list[ProductCard]:
    purchases = Purchase.objects.for_user(user).exclude(status__in=NOT_BOUGHT).order_by()
    bought = set(purchases.values_list("product", flat=True))
    on_sale = ProductConfiguration.objects.on_sale()
    candidates = public_data(
        f"other products {category_id}", lambda: _first(on_sale, category_id, MAX_CANDIDATES)
    )
    found = [row for row in candidates if row.product_id not in bought]
    if len(found) < MAX_OTHERS and len(candidates) == MAX_CANDIDATES:  # there may be more
        found = _first(on_sale.exclude(product__in=bought), category_id, MAX_OTHERS)
    return [ProductCard(row) for row in found[:MAX_OTHERS]]


def _first(
    rows: ProductConfigurationQuerySet, category_id: int | None, number: int
) -> list[ProductConfiguration]:
    rows = rows.order_by("position", "id").select_related("product").defer(*UNUSED_COLUMNS)
    found = list(rows.filter(category=category_id)[:number]) if category_id else []
    if len(found) < number:
        found += rows.exclude(pk__in=[row.pk for row in found])[: number - len(found)]
    prefetch_related_objects(found, "product__prices")
    return found
