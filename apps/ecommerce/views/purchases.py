"""What one buyer bought: the library, one purchase with its live status, the gated area and file.

Somebody else's purchase does not exist: 404, for fragments too.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import stripe
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.ecommerce.decorators import ProductRequest, product_required
from apps.ecommerce.downloads import hand_out
from apps.ecommerce.entitlements import granting, grants
from apps.ecommerce.fulfilment import sync_purchase
from apps.ecommerce.models import Purchase, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.portal import portal_url
from apps.ecommerce.states import poll_delay, state_of, watch_seconds
from apps.ecommerce.stripe_client import livemode
from apps.users.requests import SignedInRequest

logger = logging.getLogger(__name__)

ASK_STRIPE_EVERY = timedelta(seconds=2)  # however many tabs are waiting
FRAGMENTS = {
    "return": "ecommerce/_purchase_status.html",
    "page": "ecommerce/_purchase_status.html",
    "badge": "ecommerce/_purchase_badge.html",
}


@never_cache
@login_required
@require_safe
def purchases(request: SignedInRequest) -> HttpResponse:
    """My purchases: what opens first, then what is unfinished or over."""
    mine = list(Purchase.objects.filter(user=request.user, livemode=livemode()).with_catalogue())
    opened = {purchase.pk for purchase in granting().filter(user=request.user)}
    newest = {purchase.product_id: purchase.pk for purchase in reversed(mine)}
    others = [
        (purchase, state_of(purchase))
        for purchase in mine
        if purchase.pk not in opened
        # An abandoned checkout is offered again, until the buyer did something else about the product.
        and (purchase.status != Status.EXPIRED or newest[purchase.product_id] == purchase.pk)
    ]
    context = {"library": [purchase for purchase in mine if purchase.pk in opened], "others": others}
    return render(request, "ecommerce/purchases.html", context)


@never_cache
@login_required
@require_safe
def purchase(request: SignedInRequest, public_id: str) -> HttpResponse:
    row = _own(request, public_id)
    if request.GET.get("from") == "portal":
        row = sync_kindly(row, "back from the portal")
    elif not grants(row):
        row = _ask_stripe(row, "order page")
    return render_purchase(request, row, view="canceled" if "canceled" in request.GET else "page")


@never_cache
@login_required
@require_safe
def purchase_status(request: SignedInRequest, public_id: str) -> HttpResponse:
    """The live fragment. Asks Stripe itself while the purchase is unsettled, so it is right without any webhook."""
    view = request.GET.get("view", "page")
    if view not in FRAGMENTS:
        raise Http404("No such view of a purchase.")
    row = _own(request, public_id)
    if row.status in (Status.OPEN, Status.PROCESSING):
        row = _ask_stripe(row, "status poll")
    if request.GET.get("seen") == str(row.version):
        return HttpResponse(status=204)  # nothing new: htmx leaves the page as it is
    if view == "return" and row.next_path and grants(row):
        return HttpResponseClientRedirect(row.next_path)
    context = _context(row, view)
    # Settled: receipt, method and timeline change with the status, in the same answer.
    return render(request, FRAGMENTS[view], {**context, "news": view != "badge" and not context["delay"]})


@never_cache
@login_required
@require_POST
def manage(request: SignedInRequest, public_id: str) -> HttpResponse:
    """Off to Stripe's billing portal: card, cancellation, invoices. It leads back to this purchase."""
    row = _own(request, public_id)
    try:
        url = portal_url(row, origin=f"{request.scheme}://{request.get_host()}")
    except (stripe.StripeError, StripeCustomer.DoesNotExist):
        logger.exception("No billing portal for %s", row.public_id)
        words = _(
            "The billing page can't be opened right now. Please try again in a minute, or write to %(support)s."
        )
        messages.error(request, words % {"support": settings.SUPPORT_EMAIL})
        return redirect(row)
    return HttpResponseRedirect(url)


@never_cache
@product_required
@require_safe
def purchased_product(request: ProductRequest, product_slug: str) -> HttpResponse:
    """What the owner bought: the founder's content and file."""
    context = {"configuration": request.product_config, "purchase": request.product_purchase}
    return render(request, "ecommerce/purchased_product.html", context)


@product_required
@require_safe
def purchased_download(request: ProductRequest, product_slug: str) -> HttpResponseBase:
    file = request.product_config.download
    if not file or not file.storage.exists(str(file.name)):
        raise Http404("This product has no file to download.")
    return hand_out(request, file)


def render_purchase(request: HttpRequest, row: Purchase, *, view: str) -> HttpResponse:
    """The page of one purchase; straight on to the page the buyer wanted, if the gate remembered one."""
    if view == "return" and row.next_path and grants(row):
        return redirect(row.next_path)
    return render(request, "ecommerce/purchase.html", _context(row, view))


def sync_kindly(row: Purchase, cause: str) -> Purchase:
    """Syncs; when Stripe can't be asked, the page shows what is known and asks again by itself."""
    try:
        return sync_purchase(row, cause)
    except stripe.StripeError:
        logger.warning("Stripe could not be asked about %s (%s)", row.public_id, cause, exc_info=True)
        return row


def _ask_stripe(row: Purchase, cause: str) -> Purchase:
    """Syncs, unless somebody just did. One conditional update decides, so that ten tabs ask once."""
    now = timezone.now()
    due = Purchase.objects.filter(Q(synced_at=None) | Q(synced_at__lt=now - ASK_STRIPE_EVERY), pk=row.pk)
    return sync_kindly(row, cause) if due.update(synced_at=now) else row


def _own(request: SignedInRequest, public_id: str) -> Purchase:
    return get_object_or_404(Purchase.objects.with_catalogue(), user=request.user, public_id=public_id)


def _context(row: Purchase, view: str) -> dict[str, Any]:
    return {
        "purchase": row,
        "state": state_of(row, canceled=view == "canceled"),
        "view": view,
        "delay": poll_delay(row, view),
        "watch": watch_seconds(row),
        "opens": grants(row),
        "changes": row.changes.all(),
        "seller_address": settings.SELLER_ADDRESS,
        "site_url": settings.SITE_URL,
    }
