from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from apps.core.page_cache import cache_public_page
from apps.ecommerce.cards import CARD_FIELDS, cards_for, grid_key
from apps.ecommerce.live import live
from apps.ecommerce.models import ProductConfiguration, Purchase

FEATURED = 9  # one beside the first words, eight below


@require_safe
@cache_public_page()
def home(request: HttpRequest) -> HttpResponse:
    """The shop window: the first products by the founder's own order."""
    featured = ProductConfiguration.objects.on_sale().with_catalogue()[:FEATURED]
    mine = list(Purchase.objects.for_user(request.user).only(*CARD_FIELDS))
    cards = SimpleLazyObject(lambda: cards_for(list(featured), mine))
    context = {
        "first": SimpleLazyObject(lambda: cards[:1]),
        "others": SimpleLazyObject(lambda: cards[1:]),
        "grid_key": grid_key("home", mine),
        "live": live(request.user, mine),
    }
    return render(request, "web/home.html", context)


@require_safe
@cache_public_page()
def legal(request: HttpRequest, page: str) -> HttpResponse:
    """Terms, privacy and refunds: text a founder edits in templates/web/."""
    return render(request, f"web/{page}.html")
