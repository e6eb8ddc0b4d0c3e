from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.views.store import cards_for

FEATURED = 4


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The shop window: the first products by the founder's own order."""
    featured = ProductConfiguration.objects.on_sale().with_catalogue()[:FEATURED]
    return render(request, "web/home.html", {"cards": cards_for(request, list(featured))})


@require_safe
def legal(request: HttpRequest, page: str) -> HttpResponse:
    """Terms, privacy and refunds: text a founder edits in templates/web/."""
    return render(request, f"web/{page}.html")
