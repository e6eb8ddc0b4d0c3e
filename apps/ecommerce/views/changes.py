"""What every open page of a signed-in shopper asks now and then: is what you show still so?"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from apps.core.rate_limits import limited
from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.live_updates import stamp_of
from apps.ecommerce.purchases.refresh import refresh_if_stale
from apps.ecommerce.purchases.status_messages import poll_delay
from apps.users.requests import SignedInRequest


@never_cache
@login_required
@require_safe
@limited("poll")
def purchase_changes(request: SignedInRequest) -> HttpResponse:
    """`seen` is the page's stamp (live.py). 204: nothing new; else the event that makes the page look again.

    Asks Stripe about what is waiting for an answer, so that it is right without any webhook.
    """
    mine = [_newest(row) for row in Purchase.objects.for_user(request.user)]
    if stamp_of(mine) == request.GET.get("seen"):
        return HttpResponse(status=204)
    return trigger_client_event(HttpResponse(), "purchases-changed")


def _newest(row: Purchase) -> Purchase:
    delay = poll_delay(row)
    return refresh_if_stale(row, "an open page", delay) if delay else row
