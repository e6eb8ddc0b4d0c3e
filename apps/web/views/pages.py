from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from apps.core.page_cache import cache_public_page
from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.live_updates import live_updates
from apps.ecommerce.storefront.product_cards import CARD_FIELDS, grid_key, product_cards

MAX_FEATURED_PRODUCTS = 9  # one in the hero, eight below


@require_safe
@cache_public_page()
def home(request: HttpRequest) -> HttpResponse:
    featured = ProductConfiguration.objects.on_sale().with_catalogue()[:MAX_FEATURED_PRODUCTS]
    purchases = list(Purchase.objects.for_user(request.user).only(*CARD_FIELDS))
    cards = SimpleLazyObject(lambda: product_cards(featured, purchases))
    context = {
        "first": SimpleLazyObject(lambda: cards[:1]),
        "others": SimpleLazyObject(lambda: cards[1:]),
        "grid_key": grid_key("home", purchases),
        "live_updates": live_updates(request.user, purchases),
    }
    return render(request, "web/home.html", context)


@require_safe
@cache_public_page()
def legal(request: HttpRequest, page: str) -> HttpResponse:
    return render(request, f"web/{page}.html")
