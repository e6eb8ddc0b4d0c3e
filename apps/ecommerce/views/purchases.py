"""The library, orders and their live status, and what owners get. Another user's purchase is a 404."""

import logging
from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from apps.core.rate_limits import rate_limited
from apps.ecommerce.content.embeds import allow_videos
from apps.ecommerce.content.files import has_download, list_files
from apps.ecommerce.content.lesson_text import render_lesson_text
from apps.ecommerce.content.licence_checks import licence_context
from apps.ecommerce.content.outline import owner_outline
from apps.ecommerce.content.unsubscribe import unsubscribe_path
from apps.ecommerce.models import Payment, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.decorators import ProductRequest, product_required
from apps.ecommerce.purchases.entitlements import has_access, owned_plans
from apps.ecommerce.purchases.guest_orders import waiting_orders
from apps.ecommerce.purchases.live_updates import (
    live_updates,
    live_updates_for_order,
    poll_delay,
    purchases_stamp,
)
from apps.ecommerce.purchases.messages.billing_notes import billing_note
from apps.ecommerce.purchases.messages.status_messages import message_key, status_message
from apps.ecommerce.purchases.payments.receipts import buyer_lines, seller_lines
from apps.ecommerce.purchases.plan_switch import can_switch, other_prices
from apps.ecommerce.purchases.refresh import MIN_INTERVAL_SECONDS, refresh_if_stale, refresh_or_stale
from apps.ecommerce.purchases.subscriptions import ends_at_once
from apps.ecommerce.storefront.price_options import PriceOption, price_options
from apps.users.email_verification import is_email_verified
from apps.users.guests import SESSION_KEY, buyer_required
from apps.users.models import User
from apps.users.requests import BuyerRequest

logger = logging.getLogger(__name__)

POLLS_PER_REFRESH = 3  # every third poll requests Stripe, other polls only read the database


@require_safe
@never_cache
@buyer_required
def purchases(request: BuyerRequest) -> HttpResponse:
    rows = list(Purchase.objects.for_user(request.user).known_to_buyers().with_catalogue())
    upgraded = {row.upgrade_of_id for row in rows if row.upgrade_of_id and has_access(row)}
    bought = {row.product_id for row in rows if not row.granted_at and has_access(row)}
    library = [
        row
        for row in rows
        if has_access(row) and row.pk not in upgraded and not (row.granted_at and row.product_id in bought)
    ]
    newest = {row.product_id: row for row in reversed(rows)}
    others = [
        (row, status_message(row))
        for row in rows
        # An expired checkout is offered again until there is a newer purchase of the product.
        if row not in library and (row.status != Status.EXPIRED or newest[row.product_id] == row)
    ]
    charged = Counter(row.product for row in rows if row.will_be_charged_again)
    waiting = _waiting_orders(request)
    is_confirmed = bool(waiting) and isinstance(request.user, User) and is_email_verified(request.user)
    context = {
        "billed_twice": [product for product, count in charged.items() if count > 1],
        "library": library,
        "others": others,
        "live_updates": live_updates(request.user, rows),
        "waiting": waiting
        if is_confirmed
        else [row for row in waiting if row.guest_token == _token(request)],
        "is_confirmed": is_confirmed,
    }
    return render(request, "ecommerce/purchases.html", context)


@require_safe
@never_cache
@buyer_required
@rate_limited("poll")
def purchase_changes(request: BuyerRequest) -> HttpResponse:
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
@buyer_required
def purchase(request: BuyerRequest, public_id: UUID) -> HttpResponse:
    row = get_purchase_or_404(request, public_id)
    if request.GET.get("from") == "portal":
        row = refresh_or_stale(row, "back from the portal")
    elif not has_access(row):
        row = refresh_if_stale(row, "order page")
    return render_purchase(request, row, view="canceled" if "canceled" in request.GET else "page")


@require_safe
@never_cache
@buyer_required
@rate_limited("poll")
def purchase_status(request: BuyerRequest, public_id: UUID) -> HttpResponse:
    """Return the polled status fragment, or 204 while the stamp `seen` is current. Works without webhooks."""
    view = request.GET.get("view", "page")
    if view not in ("page", "return"):
        raise Http404("No such view of a purchase.")
    seen = request.GET.get("seen", "")
    # Most polls find no change, and need nothing of the product.
    rows = Purchase.objects.all() if seen else Purchase.objects.with_catalogue()
    row = get_object_or_404(rows.owned_by(request.user), public_id=public_id)
    if row.status in (Status.OPEN, Status.PROCESSING):
        interval = max(MIN_INTERVAL_SECONDS, POLLS_PER_REFRESH * poll_delay(row))
        row = refresh_if_stale(row, "status poll", interval)
    if seen == _status_stamp(row):
        return HttpResponse(status=204)
    if seen:
        row = get_purchase_or_404(request, public_id)
    return render_purchase(request, row, view, is_fragment=True)


@require_safe
@never_cache
@buyer_required
def receipt(request: BuyerRequest, public_id: UUID, payment_id: str) -> HttpResponse:
    row = get_purchase_or_404(request, public_id)
    payment = get_object_or_404(row.payments, stripe_id=payment_id, status=Payment.Status.PAID)
    context = {
        "purchase": row,
        "payment": payment,
        "seller": seller_lines(payment),
        "buyer": buyer_lines(request.user, payment),
        "site_url": settings.SITE_URL,
    }
    return render(request, "ecommerce/receipt.html", context)


@require_safe
@never_cache
@product_required
def purchased_product(request: ProductRequest, product_slug: str) -> HttpResponse:
    configuration = request.product_config
    content = render_lesson_text(configuration.content, configuration.product.name)
    plans = owned_plans(request.user, configuration.product)
    files = list_files(configuration, plans)
    context = {
        "configuration": configuration,
        "outline": owner_outline(configuration, request.user, plans),
        "content": content,
        "files": files,
        "has_download": any(listed.is_included for listed in files),
        # A preview's purchase is not saved.
        "unsubscribe_path": unsubscribe_path(request.product_purchase) if request.product_purchase.pk else "",
        "purchase": request.product_purchase,
        "live_updates": live_updates_for_order(request.user, request.product_purchase),
        **licence_context(request.product_purchase),
    }
    response = render(request, "ecommerce/purchased_product.html", context)
    allow_videos(response, content.videos)
    return response


def render_purchase(
    request: BuyerRequest, purchase: Purchase, view: str, *, is_fragment: bool = False
) -> HttpResponse:
    """Return the order page, or only its status. After paying, redirect to the page that the buyer requested.

    `view` is "return" or "canceled" if the buyer comes from Stripe's payment page by its success or back link.
    """
    if view == "return" and purchase.next_path and has_access(purchase):
        # Redirect only once: the URL may be that of a file.
        Purchase.objects.filter(pk=purchase.pk).update(next_path="")
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
        "has_download": has_access(purchase) and _has_download(request, purchase),
        "can_switch": can_switch(purchase) and not purchase.is_unclaimed,
        "ends_at_once": ends_at_once(purchase),
        "changes": purchase.changes.all(),
        "payments": purchase.payments.all(),
        "other_plans": _other_plans(purchase),
        **licence_context(purchase),
    }
    template = "ecommerce/_purchase_status.html" if is_fragment else "ecommerce/purchase.html"
    return render(request, template, context)


def _waiting_orders(request: BuyerRequest) -> list[Purchase]:
    """Return the orders that the account can claim as soon as its address is confirmed."""
    if not isinstance(request.user, User):
        return []
    rows = waiting_orders(request.user, _token(request))
    return list(rows) if rows.exists() else []  # exists() is cheaper, and most accounts have none


def _token(request: BuyerRequest) -> str:
    is_viewed = hasattr(request, "viewed_by")  # the session is the operator's, not the buyer's
    return "" if is_viewed else str(request.session.get(SESSION_KEY, ""))


def _has_download(request: BuyerRequest, purchase: Purchase) -> bool:
    read_plans = partial(owned_plans, request.user, purchase.product)
    return has_download(purchase.product.configuration, read_plans)


def _other_plans(purchase: Purchase) -> list[PriceOption]:
    if purchase.is_unclaimed or not (purchase.is_recurring and purchase.has_running_subscription):
        return []
    prices = other_prices(purchase, purchase.product.prices.all())
    return price_options(prices, purchase.user, purchase.currency)


def get_purchase_or_404(request: BuyerRequest, public_id: UUID) -> Purchase:
    row = get_object_or_404(Purchase.objects.with_catalogue().owned_by(request.user), public_id=public_id)
    if isinstance(request.user, User):
        row.user = request.user  # saves a query
    return row


def _status_stamp(purchase: Purchase) -> str:
    return f"{message_key(purchase)}.{purchase.version}.{poll_delay(purchase)}"
