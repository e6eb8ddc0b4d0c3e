"""3D Secure of a payment on the hosted page: the page of the bank is in two nested frames."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from .. import formatting, storage
from . import payment, views
from .session_view import SessionView


@never_cache
@require_GET
@xframe_options_sameorigin
def challenge(request: HttpRequest, session_id: str) -> HttpResponse:
    return views.allow_framing(
        render(request, "stripe_sandbox/hosted/challenge.html", {"session_id": session_id})
    )


@never_cache
@require_GET
@xframe_options_sameorigin
def bank(request: HttpRequest, session_id: str) -> HttpResponse:
    order, intent = SessionView.load(session_id), payment.get_challenged_intent(session_id)
    action_url = reverse("stripe_sandbox:authenticate", args=[session_id])
    context: dict[str, Any] = {"session_id": session_id, "intent": intent, "action_url": action_url}
    if order and intent:
        card = (storage.get(intent["payment_method"]) or {})["card"]
        amount = formatting.format_money(order.session["amount_total"], order.session["currency"])
        context |= {"amount": amount, "card": card}
    return views.allow_framing(render(request, "stripe_sandbox/hosted/bank.html", context), order)
