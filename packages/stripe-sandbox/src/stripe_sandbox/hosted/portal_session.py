"""The common parts of all pages of the billing portal: the session, its features, and the next page."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from .. import clock, storage
from ..billing import clocks
from ..resources import subscriptions
from ..storage import Obj

SESSION_SECONDS = 3600
"""Lifetime of a portal session."""
View = Callable[..., HttpResponse]


def with_session(view: View) -> View:
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


def require_feature(session: Obj, feature: str) -> None:
    if not get_features(session)[feature]["enabled"]:
        raise Http404


def get_configuration(session: Obj) -> Obj:
    return storage.get(session["configuration"], "billing_portal.configuration") or {}


def get_features(session: Obj) -> Obj:
    features: Obj = get_configuration(session)["features"]
    return features


def get_subscription(customer: Obj, subscription_id: str) -> Obj:
    found = storage.get(subscription_id, "subscription")
    if found is None or found["customer"] != customer["id"] or found["status"] in subscriptions.ENDED:
        raise Http404
    return found


def flow_url(session: Obj) -> str:
    flow = session["flow"]
    if flow["type"] == "subscription_cancel":
        subscription = flow["subscription_cancel"]["subscription"]
        return reverse("stripe_sandbox:portal_cancel", args=[session["id"], subscription])
    for kind, page in (
        ("subscription_update", "portal_plans"),
        ("subscription_update_confirm", "portal_confirm_plan"),
    ):
        if flow["type"] == kind:
            return reverse(f"stripe_sandbox:{page}", args=[session["id"], flow[kind]["subscription"]])
    return reverse("stripe_sandbox:portal_payment_method", args=[session["id"]])


def redirect_after(session: Obj, act: str) -> HttpResponse:
    """Redirect as the flow's after_completion says if this action completes the flow, else to the overview."""
    flow = session["flow"]
    after: Obj = {"type": "portal_homepage"}
    if flow and flow["type"].removesuffix("_confirm") == act:
        after = flow["after_completion"]
    if after["type"] == "redirect":
        return HttpResponseRedirect(after["redirect"]["return_url"], status=303)
    if after["type"] == "hosted_confirmation":
        return HttpResponseRedirect(
            reverse("stripe_sandbox:portal_confirmation", args=[session["id"]]), status=303
        )
    return HttpResponseRedirect(home_url(session), status=303)


def home_url(session: Obj) -> str:
    return reverse("stripe_sandbox:portal", args=[session["id"]]) + ("?all" if session["flow"] else "")


def render_page(
    request: HttpRequest, name: str, session: Obj, customer: Obj, context: dict[str, Any]
) -> HttpResponse:
    common = {
        "session": session,
        "customer": customer,
        "features": get_features(session),
        "home": home_url(session),
    }
    return render(request, f"stripe_sandbox/portal/{name}.html", common | context)


def _notice(request: HttpRequest, kind: str, back: str, status: int) -> HttpResponse:
    return render(request, "stripe_sandbox/hosted/notice.html", {"kind": kind, "back": back}, status=status)
