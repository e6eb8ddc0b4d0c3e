"""The library, orders and their live status, and what owners get. Another user's purchase is a 404."""

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
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from apps.core.rate_limits import rate_limited
from apps.core.site_urls import site_origin
from apps.ecommerce.models import Payment, Purchase, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.billing_notes import billing_note
from apps.ecommerce.purchases.decorators import ProductRequest, product_required
from apps.ecommerce.purchases.downloads import download_response
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.live_updates import (
    live_updates,
    live_updates_for_order,
    poll_delay,
    purchases_stamp,
)
from apps.ecommerce.purchases.refresh import MIN_INTERVAL_SECONDS, refresh_if_stale, refresh_or_stale
from apps.ecommerce.purchases.status_messages import message_key, status_message
from apps.ecommerce.purchases.subscriptions import cancel_subscription, ends_at_once, portal_url
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.users.requests import SignedInRequest

logger = logging.getLogger(__name__)

POLLS_PER_REFRESH = 3  # every third poll requests Stripe, other polls only read the database


@require_safe
@never_cache
@login_required
def purchases(request: SignedInRequest) -> HttpResponse:
    rows = list(Purchase.objects.for_user(request.user).with_catalogue())
    library = [row for row in rows if has_access(row)]
    newest = {row.product_id: row for row in reversed(rows)}
    others = [
        (row, status_message(row))
        for row in rows
        # An expired checkout is offered again until there is a newer purchase of the product.
        if not has_access(row) and (row.status != Status.EXPIRED or newest[row.product_id] == row)
    ]
    charged = Counter(row.product for row in rows if row.will_be_charged_again)
    context = {
        "billed_twice": [product for product, count in charged.items() if count > 1],
        "library": library,
        "others": others,
        "live_updates": live_updates(request.user, rows),
    }
    return render(request, "ecommerce/purchases.html", context)


@require_safe
@never_cache
@login_required
@rate_limited("poll")
def purchase_changes(request: SignedInRequest) -> HttpResponse:
    """Return 204 while the page's stamp `seen` is current, otherwise an event that makes the page update itself.

    Pending purchases are refreshed here, so live updates work without webhooks.
    """
    rows = []
    for row in Purchase.objects.for_user(request.user):
        delay = poll_delay(row)
        rows.append(refresh_if_stale(row, "an open page", delay) if delay else row)
    if purchases_stamp(rows) == request.GET.get("seen"):
        return HttpResponse(status=204)
    return trigger_client_event(HttpResponse(), "purchases-changed")


@require_safe
@never_cache
@login_required
def purchase(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    row = _get_purchase_or_404(request, public_id)
    if request.GET.get("from") == "portal":
        row = refresh_or_stale(row, "back from the portal")
    elif not has_access(row):
        row = refresh_if_stale(row, "order page")
    return render_purchase(request, row, view="canceled" if "canceled" in request.GET else "page")


@require_safe
@never_cache
@login_required
@rate_limited("poll")
def purchase_status(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    """Return the polled status fragment, or 204 while the stamp `seen` is current. Works without webhooks."""
    view = request.GET.get("view", "page")
    if view not in ("page", "return"):
        raise Http404("No such view of a purchase.")
    row = _get_purchase_or_404(request, public_id)
    if row.status in (Status.OPEN, Status.PROCESSING):
        interval = max(MIN_INTERVAL_SECONDS, POLLS_PER_REFRESH * poll_delay(row))
        row = refresh_if_stale(row, "status poll", interval)
    if request.GET.get("seen") == _status_stamp(row):
        return HttpResponse(status=204)
    return render_purchase(request, row, view, is_fragment=True)


@require_safe
@never_cache
@login_required
def receipt(request: SignedInRequest, public_id: UUID, payment_id: str) -> HttpResponse:
    row = _get_purchase_or_404(request, public_id)
    context = {
        "purchase": row,
        "payment": get_object_or_404(row.payments, stripe_id=payment_id, status=Payment.Status.PAID),
        "seller_address": settings.SELLER_ADDRESS,
        "site_url": settings.SITE_URL,
    }
    return render(request, "ecommerce/receipt.html", context)


@require_POST
@never_cache
@login_required
@rate_limited("portal")
def manage(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    row = _get_purchase_or_404(request, public_id)
    try:
        with stripe_deadline():
            return redirect(portal_url(row, origin=site_origin(request)))
    except (stripe.StripeError, StripeCustomer.DoesNotExist):
        message = _("We couldn't open the billing page. Please try again in a minute or contact %(support)s.")
        return _redirect_with_error(request, row, message)


@require_POST
@never_cache
@login_required
@rate_limited("portal")
def cancel(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    row = _get_purchase_or_404(request, public_id)
    try:
        with stripe_deadline():
            row = sync_purchase(row, "before canceling")  # it may have been resumed in the portal
            if not row.will_be_charged_again:
                return redirect(row)
            row = cancel_subscription(row)
    except stripe.StripeError:
        message = _(
            "We couldn't cancel your subscription. Please try again in a minute or contact %(support)s."
        )
        return _redirect_with_error(request, row, message)
    messages.success(request, _("Your subscription is canceled. You won't be charged again."))
    return redirect(row)


@require_safe
@never_cache
@product_required
def purchased_product(request: ProductRequest, product_slug: str) -> HttpResponse:
    context = {
        "configuration": request.product_config,
        "purchase": request.product_purchase,
        "live_updates": live_updates_for_order(request.user, request.product_purchase),
    }
    return render(request, "ecommerce/purchased_product.html", context)


@require_safe
@product_required
def purchased_download(request: ProductRequest, product_slug: str) -> HttpResponseBase:
    file = request.product_config.download
    if not file or not file.storage.exists(str(file.name)):
        raise Http404("This product has no file to download.")
    return download_response(request, file)


def render_purchase(
    request: SignedInRequest, purchase: Purchase, view: str, *, is_fragment: bool = False
) -> HttpResponse:
    """Return the order page, or only its status. After paying, redirect to the page that the buyer requested.

    `view` is "return" or "canceled" if the buyer comes from Stripe's payment page by its success or back link.
    """
    if view == "return" and purchase.next_path and has_access(purchase):
        is_htmx = "HX-Request" in request.headers
        return (HttpResponseClientRedirect if is_htmx else HttpResponseRedirect)(purchase.next_path)
    delay = 0 if view == "canceled" else poll_delay(purchase)
    context: dict[str, Any] = {
        "purchase": purchase,
        "message": status_message(purchase, canceled=view == "canceled"),
        "billing_note": billing_note(purchase),
        "view": view,
        "delay": delay,  # 0: the page polls instead of the status
        "seen": _status_stamp(purchase),
        "live_updates": None if delay else live_updates_for_order(request.user, purchase),
        "oob_swap": is_fragment and not delay,  # replace receipt and timeline, too
        "has_access": has_access(purchase),
        "ends_at_once": ends_at_once(purchase),
        "changes": purchase.changes.all(),
        "payments": list(purchase.payments.all()),
    }
    template = "ecommerce/_purchase_status.html" if is_fragment else "ecommerce/purchase.html"
    return render(request, template, context)


def _get_purchase_or_404(request: SignedInRequest, public_id: UUID) -> Purchase:
    return get_object_or_404(Purchase.objects.with_catalogue(), user=request.user, public_id=public_id)


def _status_stamp(purchase: Purchase) -> str:
    return f"{message_key(purchase)}.{purchase.version}.{poll_delay(purchase)}"


def _redirect_with_error(request: SignedInRequest, purchase: Purchase, message: str) -> HttpResponse:
    """Log the Stripe error that is being handled, and show the message."""
    logger.exception("A request to Stripe about purchase %s failed", purchase.public_id)
    messages.error(request, message % {"support": settings.SUPPORT_EMAIL})
    return redirect(purchase)
