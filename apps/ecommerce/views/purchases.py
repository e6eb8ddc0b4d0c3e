"""What one buyer bought: the library, one purchase with its live status, the gated area and file.

Somebody else's purchase does not exist: 404, for fragments too.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.core.rate_limits import limited
from apps.core.site_urls import site_origin
from apps.ecommerce.models import Purchase, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.decorators import ProductRequest, product_required
from apps.ecommerce.purchases.downloads import hand_out
from apps.ecommerce.purchases.entitlements import grants
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.live_updates import live, live_beside
from apps.ecommerce.purchases.portal import portal_url
from apps.ecommerce.purchases.refresh import MIN_INTERVAL_SECONDS, refresh_if_stale, refresh_or_stale
from apps.ecommerce.purchases.status_messages import key_of, poll_delay, state_of
from apps.ecommerce.purchases.subscriptions import cancel_subscription, ends_at_once
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.users.requests import SignedInRequest

logger = logging.getLogger(__name__)

EVERY_POLLS = 3  # Stripe is asked at each third; the others hear of what an event has brought
VIEWS = ("page", "return")  # where the live fragment stands


@never_cache
@login_required
@require_safe
def purchases(request: SignedInRequest) -> HttpResponse:
    """My purchases: what opens first, then what is unfinished or over."""
    mine = list(Purchase.objects.for_user(request.user).with_catalogue())
    opened = {purchase.pk for purchase in mine if grants(purchase)}
    newest = {purchase.product_id: purchase.pk for purchase in reversed(mine)}
    others = [
        (purchase, state_of(purchase))
        for purchase in mine
        if purchase.pk not in opened
        # An abandoned checkout is offered again, until the buyer did something else about the product.
        and (purchase.status != Status.EXPIRED or newest[purchase.product_id] == purchase.pk)
    ]
    charged = Counter(purchase.product for purchase in mine if purchase.will_be_charged_again)
    context = {
        "billed_twice": [product for product, count in charged.items() if count > 1],
        "library": [purchase for purchase in mine if purchase.pk in opened],
        "others": others,
        "live": live(request.user, mine),
    }
    return render(request, "ecommerce/purchases.html", context)


@never_cache
@login_required
@require_safe
def purchase(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    row = _own(request, public_id)
    if request.GET.get("from") == "portal":
        row = refresh_or_stale(row, "back from the portal")
    elif not grants(row):
        row = refresh_if_stale(row, "order page")
    return render_purchase(request, row, view="canceled" if "canceled" in request.GET else "page")


@never_cache
@login_required
@require_safe
@limited("poll")
def purchase_status(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    """The fragment of a page that waits. It asks Stripe itself, so it is right without any webhook."""
    view = request.GET.get("view", "page")
    if view not in VIEWS:
        raise Http404("No such view of a purchase.")
    # Most polls bring nothing new: then it is enough to know the purchase alone.
    known = request.GET.get("seen")
    purchases = Purchase.objects if known else Purchase.objects.with_catalogue()
    row = get_object_or_404(purchases, user=request.user, public_id=public_id)
    if row.status in (Status.OPEN, Status.PROCESSING):
        row = refresh_if_stale(
            row, "status poll", max(MIN_INTERVAL_SECONDS, EVERY_POLLS * poll_delay(row, view))
        )
    if known == _seen(row, view):
        return HttpResponse(status=204)  # htmx leaves the page as it is
    if known:
        row = _own(request, public_id)
    if view == "return" and row.next_path and grants(row):
        return HttpResponseClientRedirect(row.next_path)
    context = _context(request, row, view)
    # Settled: receipt, method and timeline change with the status, and the page asks as every other one from now on.
    return render(request, "ecommerce/_purchase_status.html", {**context, "news": not context["delay"]})


@never_cache
@login_required
@require_POST
@limited("portal")
def manage(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    """Off to Stripe's billing portal: card, cancellation, invoices. It leads back to this purchase."""
    row = _own(request, public_id)
    try:
        with stripe_deadline():
            url = portal_url(row, origin=site_origin(request))
    except (stripe.StripeError, StripeCustomer.DoesNotExist):
        logger.exception("No billing portal for %s", row.public_id)
        words = _(
            "The billing page can't be opened right now. Please try again in a minute, or write to %(support)s."
        )
        messages.error(request, words % {"support": settings.SUPPORT_EMAIL})
        return redirect(row)
    return HttpResponseRedirect(url)


@never_cache
@login_required
@require_POST
@limited("portal")
def cancel(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    """Cancel the subscription, without a way through Stripe's portal."""
    row = _own(request, public_id)
    try:
        with stripe_deadline():
            row = sync_purchase(row, "before canceling")  # it may have been resumed in the portal
            if not row.will_be_charged_again:
                return redirect(row)
            row = cancel_subscription(row)
    except stripe.StripeError:
        logger.exception("The subscription of %s could not be canceled", row.public_id)
        words = _(
            "The subscription could not be canceled. Please try again in a minute, or write to %(support)s."
        )
        messages.error(request, words % {"support": settings.SUPPORT_EMAIL})
    else:
        messages.success(request, _("Your subscription is canceled. It will not be charged again."))
    return redirect(row)


@never_cache
@product_required
@require_safe
def purchased_product(request: ProductRequest, product_slug: str) -> HttpResponse:
    """What the owner bought: the founder's content and file."""
    context = {
        "configuration": request.product_config,
        "purchase": request.product_purchase,
        "live": live_beside(request.user, request.product_purchase),
    }
    return render(request, "ecommerce/purchased_product.html", context)


@product_required
@require_safe
def purchased_download(request: ProductRequest, product_slug: str) -> HttpResponseBase:
    file = request.product_config.download
    if not file or not file.storage.exists(str(file.name)):
        raise Http404("This product has no file to download.")
    return hand_out(request, file)


def render_purchase(request: SignedInRequest, row: Purchase, *, view: str) -> HttpResponse:
    """The page of one purchase; straight on to the page the buyer wanted, if the gate remembered one."""
    if view == "return" and row.next_path and grants(row):
        on = HttpResponseClientRedirect if "HX-Request" in request.headers else HttpResponseRedirect
        return on(row.next_path)
    return render(request, "ecommerce/purchase.html", _context(request, row, view))


def _own(request: SignedInRequest, public_id: UUID) -> Purchase:
    return get_object_or_404(Purchase.objects.with_catalogue(), user=request.user, public_id=public_id)


def _seen(row: Purchase, view: str) -> str:
    """What the live fragment says, in short; another one when it would say something else, or ask less often."""
    key = key_of(row, view == "canceled", timezone.now())
    return f"{key}.{row.version}.{poll_delay(row, view)}"


def _context(request: SignedInRequest, row: Purchase, view: str) -> dict[str, Any]:
    delay = poll_delay(row, view)
    return {
        "purchase": row,
        "state": state_of(row, canceled=view == "canceled"),
        "view": view,
        "delay": delay,
        "seen": _seen(row, view),
        "live": None if delay else live_beside(request.user, row),  # one of the two asks, never both
        "opens": grants(row),
        "ends_at_once": ends_at_once(row),
        "changes": row.changes.all(),
        "seller_address": settings.SELLER_ADDRESS,
        "site_url": settings.SITE_URL,
    }
