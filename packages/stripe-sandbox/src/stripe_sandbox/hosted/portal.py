"""The pages of the billing portal. All of them work without JavaScript."""

import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from .. import cards, clock
from ..storage import Obj
from . import payment_form, portal_actions, portal_page
from .portal_session import (
    flow_url,
    get_features,
    get_subscription,
    home_url,
    redirect_after,
    render_page,
    require_feature,
    with_session,
)


@require_GET
@with_session
def home(request: HttpRequest, session: Obj, customer: Obj) -> HttpResponse:
    """Show the overview. The first visit of a session with a flow is redirected to the flow."""
    flow = session["flow"]
    if flow and "all" not in request.GET:
        return HttpResponseRedirect(flow_url(session), status=303)
    context = {
        "rows": portal_page.rows(customer),
        "card": portal_page.card(customer),
        "overdue": portal_page.overdue(customer),
        "invoices": portal_page.invoices(customer),
    }
    return render_page(request, "home", session, customer, context)


@require_http_methods(["GET", "HEAD", "POST"])
@with_session
def payment_method(
    request: HttpRequest, session: Obj, customer: Obj, subscription_id: str = ""
) -> HttpResponse:
    require_feature(session, "payment_method_update")
    subscription = get_subscription(customer, subscription_id) if subscription_id else None
    form = _initial_form(request, customer)
    if request.method == "POST":
        today = datetime.datetime.fromtimestamp(clock.now(), datetime.UTC).date()
        form = payment_form.read(request.POST, ask_email=False, ask_card=True, today=today)
        if not form.errors:
            problem = portal_actions.save_card(customer, form, subscription)
            if not problem:
                return redirect_after(session, "payment_method_update")
            form.errors["cardNumber"] = problem
    context = {
        "form": form,
        "countries": payment_form.countries(),
        "suggested_cards": cards.SUGGESTED[:3],
        "card_count": len(cards.TABLE),
        "subscription": subscription,
    }
    return render_page(request, "payment_method", session, customer, context)


@require_http_methods(["GET", "HEAD", "POST"])
@with_session
def cancel(request: HttpRequest, session: Obj, customer: Obj, subscription_id: str) -> HttpResponse:
    require_feature(session, "subscription_cancel")
    subscription = get_subscription(customer, subscription_id)
    at_period_end = get_features(session)["subscription_cancel"]["mode"] == "at_period_end"
    if request.method == "POST":
        portal_actions.cancel(customer, subscription, at_period_end)
        return redirect_after(session, "subscription_cancel")
    (row,) = [row for row in portal_page.rows(customer) if row.subscription["id"] == subscription_id]
    context = {"row": row, "end": portal_page.end_date(subscription), "at_period_end": at_period_end}
    return render_page(request, "cancel", session, customer, context)


@require_POST
@with_session
def resume(request: HttpRequest, session: Obj, customer: Obj, subscription_id: str) -> HttpResponse:
    require_feature(session, "subscription_cancel")
    portal_actions.resume(customer, get_subscription(customer, subscription_id))
    return HttpResponseRedirect(home_url(session), status=303)


@require_GET
@with_session
def confirmation(request: HttpRequest, session: Obj, customer: Obj) -> HttpResponse:
    after = (session["flow"] or {}).get("after_completion", {})
    message = (after.get("hosted_confirmation") or {}).get("custom_message")
    return render_page(request, "confirmation", session, customer, {"message": message})


def _initial_form(request: HttpRequest, customer: Obj) -> payment_form.PaymentForm:
    address = customer["address"] or {}
    blank = payment_form.PaymentForm(
        billingName=customer["name"] or "",
        billingCountry=address.get("country") or "US",
        billingPostalCode=address.get("postal_code") or "",
    )
    blank.fill(request.GET.get("card", ""))
    return blank
