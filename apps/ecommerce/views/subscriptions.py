"""Manage, switch and cancel a subscription. Another user's purchase is a 404."""

import logging
from collections.abc import Callable
from functools import partial
from uuid import UUID

import stripe
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.core.rate_limits import rate_limited
from apps.core.site_urls import site_origin
from apps.ecommerce.models import Purchase, StripeCustomer
from apps.ecommerce.purchases.consent import (
    ConsentMissing,
    consent_values,
    require_consent,
    store_consent,
)
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.plan_switch import can_switch, other_prices, switch_url
from apps.ecommerce.purchases.subscriptions import cancel_subscription, portal_url
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.ecommerce.views.purchases import get_purchase_or_404
from apps.users.requests import SignedInRequest
from apps.users.sign_in import login_required_to_post

logger = logging.getLogger(__name__)


@require_POST
@never_cache
@login_required_to_post
@rate_limited("portal")
def manage(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    row = get_purchase_or_404(request, public_id)
    return _redirect_to_portal(request, row, portal_url)


@require_POST
@never_cache
@login_required_to_post
@rate_limited("portal")
def switch(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    """Redirect to Stripe's page that shows what another plan costs today, and confirms it."""
    row = get_purchase_or_404(request, public_id)
    prices = other_prices(row, row.product.prices.select_related("product"))
    price = next((price for price in prices if price.id == request.POST.get("price")), None)
    if price is None or not can_switch(row):
        messages.error(request, _("This plan is not available for your subscription."))
        return redirect(row)
    try:
        consents = require_consent(request.POST, row.product.configuration, price.id)
    except ConsentMissing as refusal:
        messages.error(request, str(refusal))
        return redirect(row)
    store = partial(store_consent, row, consent_values(request, consents))
    return _redirect_to_portal(request, row, partial(switch_url, price=price), store)


@require_POST
@never_cache
@login_required_to_post
@rate_limited("portal")
def cancel(request: SignedInRequest, public_id: UUID) -> HttpResponse:
    row = get_purchase_or_404(request, public_id)
    try:
        with stripe_deadline():
            # The buyer may have changed the subscription in the portal.
            row = sync_purchase(row, "before canceling")
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


def _redirect_to_portal(
    request: SignedInRequest,
    purchase: Purchase,
    create_url: Callable[..., str],
    before_redirect: Callable[[], None] = lambda: None,
) -> HttpResponse:
    try:
        with stripe_deadline():
            url = create_url(purchase, origin=site_origin(request))
    except (stripe.StripeError, StripeCustomer.DoesNotExist):
        message = _("We couldn't open the billing page. Please try again in a minute or contact %(support)s.")
        return _redirect_with_error(request, purchase, message)
    before_redirect()
    return redirect(url)


def _redirect_with_error(request: SignedInRequest, purchase: Purchase, message: str) -> HttpResponse:
    """Log the Stripe error that is being handled, and show the message."""
    logger.exception("A request to Stripe about purchase %s failed", purchase.public_id)
    messages.error(request, message % {"support": settings.SUPPORT_EMAIL})
    return redirect(purchase)
