"""The pages of the billing portal. All of them work without JavaScript."""

import datetime
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from .. import cards, clock, storage
from ..billing import clocks
from ..resources import subscriptions
from ..storage import Obj
from . import payment_form, portal_actions, portal_page

SESSION_SECONDS = 3600
"""Lifetime of a portal session."""
View = Callable[..., HttpResponse]


def _with_session(view: View) -> View:
    """Decorate a view that gets the portal session. Show a notice if the session is unknown or expired."""

    @wraps(view)
    def guarded(request: HttpRequest, session_id: str, **kwargs: Any) -> HttpResponse:
        session = storage.get(session_id, "billing_portal.session")
        customer = storage.get(session["customer"], "customer") if session else None
        if session is None or customer is None or customer.get("deleted"):
            return _notice(request, "unknown", "", 404)
        if clock.now() > session["created"] + SESSION_SECONDS:
            return _notice(request, "portal_expired", session["return_url"] or "", 410)
        with clocks.customer_time(customer["id"]):
            response = view(request, session, customer, **kwargs)
        if session["return_url"]:
            store = urlsplit(session["return_url"])
            response._csp_update = {"form-action": [f"{store.scheme}://{store.netloc}"]}  # type: ignore[attr-defined]
        return response

    return never_cache(guarded)


@require_GET
@_with_session
def home(request: HttpRequest, session: Obj, customer: Obj) -> HttpResponse:
    """Show the overview. The first visit of a session with a flow is redirected to the flow."""
    flow = session["flow"]
    if flow and "all" not in request.GET:
        return HttpResponseRedirect(_flow_url(session), status=303)
    context = {
        "rows": portal_page.rows(customer),
        "card": portal_page.card(customer),
        "overdue": portal_page.overdue(customer),
        "invoices": portal_page.invoices(customer),
    }
    return _page(request, "home", session, customer, context)


@require_http_methods(["GET", "HEAD", "POST"])
@_with_session
def payment_method(
    request: HttpRequest, session: Obj, customer: Obj, subscription_id: str = ""
) -> HttpResponse:
    _require(session, "payment_method_update")
    subscription = _subscription(customer, subscription_id) if subscription_id else None
    form = _initial_form(request, customer)
    if request.method == "POST":
        today = datetime.datetime.fromtimestamp(clock.now(), datetime.UTC).date()
        form = payment_form.read(request.POST, ask_email=False, ask_card=True, today=today)
        if not form.errors:
            problem = portal_actions.save_card(customer, form, subscription)
            if not problem:
                return _redirect_after(session, "payment_method_update")
            form.errors["cardNumber"] = problem
    context = {
        "form": form,
        "countries": payment_form.countries(),
        "suggested_cards": cards.SUGGESTED[:3],
        "card_count": len(cards.TABLE),
        "subscription": subscription,
    }
    return _page(request, "payment_method", session, customer, context)


@require_http_methods(["GET", "HEAD", "POST"])
@_with_session
def cancel(request: HttpRequest, session: Obj, customer: Obj, subscription_id: str) -> HttpResponse:
    _require(session, "subscription_cancel")
    subscription = _subscription(customer, subscription_id)
    at_period_end = _features(session)["subscription_cancel"]["mode"] == "at_period_end"
    if request.method == "POST":
        portal_actions.cancel(customer, subscription, at_period_end)
        return _redirect_after(session, "subscription_cancel")
    (row,) = [row for row in portal_page.rows(customer) if row.subscription["id"] == subscription_id]
    context = {"row": row, "end": portal_page.end_date(subscription), "at_period_end": at_period_end}
    return _page(request, "cancel", session, customer, context)


@require_POST
@_with_session
def resume(request: HttpRequest, session: Obj, customer: Obj, subscription_id: str) -> HttpResponse:
    _require(session, "subscription_cancel")
    portal_actions.resume(customer, _subscription(customer, subscription_id))
    return HttpResponseRedirect(_home_url(session), status=303)


@require_GET
@_with_session
def confirmation(request: HttpRequest, session: Obj, customer: Obj) -> HttpResponse:
    after = (session["flow"] or {}).get("after_completion", {})
    message = (after.get("hosted_confirmation") or {}).get("custom_message")
    return _page(request, "confirmation", session, customer, {"message": message})


def _require(session: Obj, feature: str) -> None:
    if not _features(session)[feature]["enabled"]:
        raise Http404


def _features(session: Obj) -> Obj:
    configuration = storage.get(session["configuration"], "billing_portal.configuration") or {}
    features: Obj = configuration["features"]
    return features


def _subscription(customer: Obj, subscription_id: str) -> Obj:
    found = storage.get(subscription_id, "subscription")
    if found is None or found["customer"] != customer["id"] or found["status"] in subscriptions.ENDED:
        raise Http404
    return found


def _flow_url(session: Obj) -> str:
    flow = session["flow"]
    if flow["type"] == "subscription_cancel":
        subscription = flow["subscription_cancel"]["subscription"]
        return reverse("stripe_sandbox:portal_cancel", args=[session["id"], subscription])
    return reverse("stripe_sandbox:portal_payment_method", args=[session["id"]])


def _redirect_after(session: Obj, act: str) -> HttpResponse:
    """Redirect as the flow's after_completion says if this action completes the flow, else to the overview."""
    flow = session["flow"]
    after: Obj = {"type": "portal_homepage"}
    if flow and flow["type"] == act:
        after = flow["after_completion"]
    if after["type"] == "redirect":
        return HttpResponseRedirect(after["redirect"]["return_url"], status=303)
    if after["type"] == "hosted_confirmation":
        return HttpResponseRedirect(
            reverse("stripe_sandbox:portal_confirmation", args=[session["id"]]), status=303
        )
    return HttpResponseRedirect(_home_url(session), status=303)


def _home_url(session: Obj) -> str:
    return reverse("stripe_sandbox:portal", args=[session["id"]]) + ("?all" if session["flow"] else "")


def _initial_form(request: HttpRequest, customer: Obj) -> payment_form.PaymentForm:
    address = customer["address"] or {}
    blank = payment_form.PaymentForm(
        billingName=customer["name"] or "",
        billingCountry=address.get("country") or "US",
        billingPostalCode=address.get("postal_code") or "",
    )
    blank.fill(request.GET.get("card", ""))
    return blank


def _page(
    request: HttpRequest, name: str, session: Obj, customer: Obj, context: dict[str, Any]
) -> HttpResponse:
    common = {
        "session": session,
        "customer": customer,
        "features": _features(session),
        "home": _home_url(session),
    }
    return render(request, f"stripe_sandbox/portal/{name}.html", common | context)


def _notice(request: HttpRequest, kind: str, back: str, status: int) -> HttpResponse:
    return render(request, "stripe_sandbox/hosted/notice.html", {"kind": kind, "back": back}, status=status)
