"""Products that a buyer has not bought, those of the same category first."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.storefront.product_cards import ProductCard
from apps.users.models import User

MAX_OTHERS = 4
NOT_BOUGHT = (Status.OPEN, Status.EXPIRED, Status.FAILED)
UNUSED_COLUMNS = ("content", "description", "specifications", "search_text")


def other_products(user: User | AnonymousUser, category_id: int | None) -> list[ProductCard]:
    bought = Purchase.objects.for_user(user).exclude(status__in=NOT_BOUGHT).values("product")
    rows = ProductConfiguration.objects.on_sale().exclude(product__in=bought)
    rows = rows.order_by("position", "id").select_related("product").defer(*UNUSED_COLUMNS)
    found = list(rows.filter(category=category_id)[:MAX_OTHERS]) if category_id else []
    if len(found) < MAX_OTHERS:
        found += rows.exclude(pk__in=[row.pk for row in found])[: MAX_OTHERS - len(found)]
    prefetch_related_objects(found, "product__prices")
    return [ProductCard(row) for row in found]
