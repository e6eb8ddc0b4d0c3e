"""What is for sale: the store and a product's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Min, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from apps.ecommerce.entitlements import owned_among
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.offers import offers_for
from apps.ecommerce.stripe_client import livemode

if TYPE_CHECKING:
    from apps.ecommerce.models import ProductConfigurationQuerySet

PER_PAGE = 24
PENDING = (Status.PROCESSING,)

SORTS = {
    "": ("position", "id"),
    "newest": ("-id",),
    "name": ("product__name", "id"),
    "price": ("cheapest", "position", "id"),
}


@dataclass(slots=True)
class Card:
    """One product as this visitor sees it in a grid."""

    configuration: ProductConfiguration
    owned: Purchase | None = None
    pending: Purchase | None = None


@require_safe
def store(request: HttpRequest) -> HttpResponse:
    found = _search(ProductConfiguration.objects.on_sale(), request)
    page = Paginator(found.with_catalogue(), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "cards": cards_for(request, list(page.object_list)),
        "q": request.GET.get("q", "").strip(),
        "kind": request.GET.get("type", ""),
        "sort": request.GET.get("sort", ""),
        "wanted": request.GET.get("product", ""),
    }
    return render(request, "ecommerce/store.html", context)


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    configuration = get_object_or_404(ProductConfiguration.objects.with_catalogue(), slug=slug)
    (card,) = cards_for(request, [configuration])
    user = request.user if request.user.is_authenticated else None
    offers = offers_for(configuration.prices, user) if configuration.is_on_sale else []
    chosen = request.GET.get("price") or (offers[0].price.id if offers else "")
    context = {"card": card, "configuration": configuration, "offers": offers, "chosen": chosen}
    # Gone from the store is not gone from the web: the page says so, and owners still find their way in.
    status = 200 if configuration.is_on_sale or card.owned else 404
    return render(request, "ecommerce/product.html", context, status=status)


def cards_for(request: HttpRequest, configurations: list[ProductConfiguration]) -> list[Card]:
    """Cards with what the visitor owns or is waiting for; two queries for a signed-in one, none else."""
    if not request.user.is_authenticated:
        return [Card(configuration) for configuration in configurations]
    products = [configuration.product for configuration in configurations]
    mine = owned_among(request.user, products)
    waiting = Purchase.objects.filter(
        user=request.user, product__in=products, status__in=PENDING, livemode=livemode()
    )
    pending = {purchase.product_id: purchase for purchase in waiting}
    return [
        Card(configuration, mine.get(configuration.product_id), pending.get(configuration.product_id))
        for configuration in configurations
    ]


def _search(rows: ProductConfigurationQuerySet, request: HttpRequest) -> ProductConfigurationQuerySet:
    """What the address asks for: ?q=words&type=one_time|recurring&sort=newest|name|price&product=slug (first)."""
    for word in request.GET.get("q", "").split()[:8]:
        rows = rows.filter(
            Q(product__name__icontains=word)
            | Q(product__description__icontains=word)
            | Q(tagline__icontains=word)
        )
    if (kind := request.GET.get("type", "")) in Price.Type.values:
        rows = rows.filter(product__prices__type=kind, product__prices__active=True).distinct()
    return rows.annotate(
        cheapest=Min("product__prices__unit_amount", filter=Q(product__prices__active=True)),
        asked_for=Case(
            When(slug=request.GET.get("product", ""), then=Value(0)),
            default=Value(1),
            output_field=IntegerField(),
        ),
    ).order_by("asked_for", *SORTS.get(request.GET.get("sort", ""), SORTS[""]))
