"""What is for sale: the store and a product's page."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from apps.core.page_cache import cache_public_page
from apps.core.public_query import one_of
from apps.core.rate_limits import limited
from apps.ecommerce.models import ProductConfiguration, ProductConfigurationQuerySet, Purchase
from apps.ecommerce.purchases.live_updates import live
from apps.ecommerce.storefront.pagination import paginate, shared_page_number
from apps.ecommerce.storefront.price_options import offers_for
from apps.ecommerce.storefront.product_cards import cards_for
from apps.ecommerce.storefront.store_filter import KINDS, SORTS, StoreFilter

RELATED = 4


@require_safe
@limited("search", parameter="q")
@cache_public_page(type=one_of(KINDS), sort=one_of(SORTS), page=shared_page_number)
def store(request: HttpRequest) -> HttpResponse:
    store_filter = StoreFilter.from_query(request.GET)
    pages = paginate(store_filter.queryset(), request.GET.get("page", ""))
    shown = pages.rows.on_sale().with_catalogue().defer("content", "description", "search_text")
    mine = list(Purchase.objects.for_user(request.user))
    context = {
        "filter": store_filter,
        "pages": pages,
        "cards": cards_for(list(shown), mine),
        "canonical": _canonical(store_filter, pages.first),
        "live": live(request.user, mine),
    }
    response = render(request, "ecommerce/store.html", context)
    if request.GET.get("page", "1") != str(pages.first):
        patch_cache_control(response, private=True)  # beyond the last page: made-up numbers fill no cache
    return response


@require_safe
@cache_public_page()
def product(request: HttpRequest, slug: str) -> HttpResponse:
    configuration = get_object_or_404(ProductConfiguration.objects.select_related("product"), slug=slug)
    shelf = [configuration, *_next_on_the_shelf(configuration)]
    prefetch_related_objects(shelf, "product__prices")
    mine = list(Purchase.objects.for_user(request.user))
    card, *related = cards_for(shelf, mine)
    user = request.user if request.user.is_authenticated else None
    offers = offers_for(configuration.prices, user) if configuration.is_on_sale else []
    prices = [offer.price.id for offer in offers]
    asked = request.GET.get("price", "")
    context = {
        "card": card,
        "configuration": configuration,
        "offers": offers,
        "chosen": asked if asked in prices else next(iter(prices), ""),
        "related": related,
        "live": live(request.user, mine),
    }
    # Gone from the store is not gone from the web: the page says so, and owners still find their way in.
    status = 200 if configuration.is_on_sale or card.owned else 404
    return render(request, "ecommerce/product.html", context, status=status)


def _canonical(store_filter: StoreFilter, page: int) -> str:
    """The address by which a shelf is listed: its type and page, in whatever order. A search is not: ""."""
    if store_filter.q or store_filter.first:
        return ""
    parts = {"type": store_filter.kind, "page": page if page > 1 else ""}
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"{reverse('store')}?{query}" if query else reverse("store")


def _next_on_the_shelf(here: ProductConfiguration) -> list[ProductConfiguration]:
    """The products after this one in the founder's order, then from the beginning. One query along their index."""
    listed = ProductConfiguration.objects.filter(listed=True).exclude(pk=here.pk).order_by("position", "id")
    behind = listed.filter(position__gte=here.position).exclude(position=here.position, id__lt=here.pk)
    found = [*_whole(behind).union(_whole(listed), all=True)]
    around = sorted({row.pk: row for row in found}.values(), key=lambda row: (row.position, row.pk))
    place = (here.position, here.pk)
    return sorted(around, key=lambda row: (row.position, row.pk) < place)[:RELATED]


def _whole(shelf: ProductConfigurationQuerySet) -> ProductConfigurationQuerySet:
    """The first few of them. Only their keys are looked for in order, so that two such questions make one query."""
    few = ProductConfiguration.objects.on_sale().filter(pk__in=shelf.values("pk")[:RELATED])
    return few.select_related("product").order_by().defer("content", "description", "search_text")
