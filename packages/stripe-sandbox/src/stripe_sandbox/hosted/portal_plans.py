"""The portal's pages for another plan: choose it, see what it costs today, confirm."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from .. import formatting, storage
from ..resources import portal_flows, price_amounts
from ..storage import Obj
from . import portal_actions, portal_page, portal_session
from .portal_session import with_session


@require_GET
@with_session
def choose(request: HttpRequest, session: Obj, customer: Obj, subscription_id: str) -> HttpResponse:
    subscription = _switchable(session, customer, subscription_id)
    configuration = portal_session.get_configuration(session)
    (item,) = subscription["items"]["data"]
    update = configuration["features"]["subscription_update"]
    prices = (
        portal_flows.allowed_prices(configuration) if "price" in update["default_allowed_updates"] else []
    )
    context = {
        "row": portal_page.row(subscription),
        "plans": portal_page.plans(subscription, prices),
        "current": item,
        "quantities": portal_flows.find_quantity_limits(configuration, item["price"]["product"]),
    }
    return portal_session.render_page(request, "plans", session, customer, context)


@require_http_methods(["GET", "HEAD", "POST"])
@with_session
def confirm(request: HttpRequest, session: Obj, customer: Obj, subscription_id: str) -> HttpResponse:
    """Show what the chosen plan costs today, and switch to it."""
    subscription = _switchable(session, customer, subscription_id)
    params, price = _read_plan(request, session, subscription)
    problem = ""
    if request.method == "POST":
        problem = portal_actions.switch_plan(customer, subscription, params)
        if not problem:
            return portal_session.redirect_after(session, "subscription_update")
    today, later = portal_actions.preview_plan(customer, subscription, params)
    context = {
        "row": portal_page.row(subscription),
        "plan": portal_page.plan(price, params["items"][0]["quantity"], subscription["currency"]),
        "due_today": formatting.format_money(today["amount_due"] if today else 0, subscription["currency"]),
        "lines": portal_page.invoice_lines(today) if today else [],
        "next": portal_page.next_payment(later) if later else "",
        "problem": problem,
    }
    return portal_session.render_page(request, "confirm_plan", session, customer, context)


def _switchable(session: Obj, customer: Obj, subscription_id: str) -> Obj:
    portal_session.require_feature(session, "subscription_update")
    subscription = portal_session.get_subscription(customer, subscription_id)
    if not portal_flows.is_switchable(subscription):
        raise Http404
    return subscription


def _read_plan(request: HttpRequest, session: Obj, subscription: Obj) -> tuple[Obj, Obj]:
    """Return the parameters of the update, and the new price."""
    item = subscription["items"]["data"][0]
    chosen: Obj = {"price": request.GET.get("price", ""), "quantity": None}
    flow = (session["flow"] or {}).get("subscription_update_confirm")
    if flow and flow["subscription"] == subscription["id"] and not chosen["price"]:
        chosen = flow["items"][0]
    price = storage.get(chosen["price"] or item["price"]["id"], "price")
    configuration = portal_session.get_configuration(session)
    if (
        price is None
        or not portal_flows.is_allowed(configuration, subscription, price["id"])
        or not price_amounts.supports(price, subscription["currency"])
    ):
        raise Http404
    quantity = chosen["quantity"] or item["quantity"]
    if limits := portal_flows.find_quantity_limits(configuration, price["product"]):
        quantity = _read_quantity(request) or quantity
        if not limits[0] <= quantity <= limits[1]:
            raise Http404
    row = {"id": item["id"], "price": price["id"], "quantity": quantity}
    feature = portal_session.get_features(session)["subscription_update"]
    params: Obj = {"items": [row], "proration_behavior": feature["proration_behavior"]}
    if subscription["status"] == "trialing" and feature["trial_update_behavior"] == "end_trial":
        params["trial_end"] = "now"
    return params, price


def _read_quantity(request: HttpRequest) -> int | None:
    text = request.GET.get("quantity", "")
    return int(text) if text.isdecimal() and len(text) < 8 else None
