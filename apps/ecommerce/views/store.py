"""What is for sale: the store and a product's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.ecommerce.entitlements import opening
from apps.ecommerce.live import live, purchases_of
from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.offers import offers_for
from apps.ecommerce.page_cache import for_everybody
from apps.ecommerce.pages import pages_of
from apps.ecommerce.search import Question
from apps.users.models import User
from apps.web.rate_limits import limited

RELATED = 4
PENDING = (Status.PROCESSING,)


@dataclass(slots=True)
class Card:
    """One product as this visitor sees it in a grid."""

    configuration: ProductConfiguration
    owned: Purchase | None = None
    pending: Purchase | None = None

    @property
    def version(self) -> str:
        """Another one when the card looks another way because of a purchase."""
        row = self.owned or self.pending
        return f"{row.public_id}.{row.version}" if row else "none"


@require_safe
@limited("search", asks="q")
@for_everybody("type", "sort", "page", fresh=("q", "product"))
def store(request: HttpRequest) -> HttpResponse:
    question = Question.read(request.GET)
    pages = pages_of(question.answer(), request.GET.get("page", ""))
    shown = pages.rows.on_sale().with_catalogue().defer("content", "description", "search_text")
    mine = purchases_seen(request.user)
    context = {
        "question": question,
        "pages": pages,
        "cards": cards_for(list(shown), mine),
        "canonical": _canonical(question, pages.first),
        "live": live(request.user, mine),
    }
    return render(request, "ecommerce/store.html", context)


@require_safe
@for_everybody(fresh=("price",))
def product(request: HttpRequest, slug: str) -> HttpResponse:
    configuration = get_object_or_404(ProductConfiguration.objects.with_catalogue(), slug=slug)
    mine = purchases_seen(request.user)
    card, *related = cards_for([configuration, *_next_on_the_shelf(configuration)], mine)
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


def purchases_seen(user: User | AnonymousUser) -> list[Purchase]:
    """What a page with products on it has to know: all of this person's purchases. One query; none for a visitor."""
    return list(purchases_of(user).select_related("product", "price"))


def cards_for(configurations: Sequence[ProductConfiguration], mine: Sequence[Purchase]) -> list[Card]:
    """Cards with what the visitor owns or is waiting for, of all that they have bought, newest first."""
    owned = opening(mine)
    pending = {row.product_id: row for row in reversed(mine) if row.status in PENDING}
    return [
        Card(configuration, owned.get(configuration.product_id), pending.get(configuration.product_id))
        for configuration in configurations
    ]


def _canonical(question: Question, page: int) -> str:
    """The address by which a shelf is listed: its type and page, in whatever order. A search is not: ""."""
    if question.q or question.first:
        return ""
    parts = {"type": question.kind, "page": page if page > 1 else ""}
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"{reverse('store')}?{query}" if query else reverse("store")


def _next_on_the_shelf(here: ProductConfiguration) -> list[ProductConfiguration]:
    """The products after this one in the founder's order, then from the beginning. At most three queries."""
    others = ProductConfiguration.objects.on_sale().exclude(pk=here.pk).select_related("product")
    behind = others.filter(position__gte=here.position).exclude(position=here.position, id__lt=here.pk)
    found = list(behind[:RELATED])
    if len(found) < RELATED:
        found += others.exclude(pk__in=[row.pk for row in found])[: RELATED - len(found)]
    prefetch_related_objects(found, "product__prices")
    return found
