"""The payment page. It works without JavaScript."""

import datetime
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from .. import cards, clock, delivery, ibans, storage, switches
from ..resources import checkout_sessions, coupons, session_amounts, session_recovery
from ..storage import Obj
from . import (
    custom_amount,
    extra_fields,
    order_summary,
    payment,
    payment_form,
    quantities,
    saved_cards,
    texts,
    us_states,
)
from .session_view import SessionView

MAX_HOLD_SECONDS = 10
"""How long the redirect waits for the store to acknowledge the payment, as at Stripe."""

# message ▶ the field that shows it, if not the card number
_DECLINE_FIELDS = {cards.CVC.message: "cardCvc", cards.EXPIRED.message: "cardExpiry"}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest, session_id: str) -> HttpResponse:
    checkout_sessions.expire_due()
    payment.complete_due()
    order = SessionView.load(session_id)
    if order is None:
        return notice(request, "unknown", status=404)
    if request.method == "POST":
        return _pay(request, order)
    if order.session["status"] == "expired":
        return notice(request, "expired", order, status=410)
    if order.session["status"] == "complete" or order.hidden.get("due"):
        return notice(request, "complete", order)
    return _page(request, order, _initial_form(request, order))


def _pay(request: HttpRequest, order: SessionView) -> HttpResponse:
    today = datetime.datetime.fromtimestamp(clock.now(), datetime.UTC).date()
    ask_card = order.needs_card and saved_cards.find_chosen(order, request.POST) is None
    form = payment_form.read(
        request.POST, ask_email=not order.email, ask_card=ask_card, today=today, methods=order.methods
    )
    extra_fields.read(form, request.POST, order)
    if order.session["status"] == "open":
        action, _, target = request.POST.get("act", "").partition(":")
        if action == "forget":
            saved_cards.remove(order, target)
            form.errors = {}
            return _page(request, order, form)
        if (code_error := _apply_promotion(request, order)) is not None:
            form.errors = {}
            return _page(request, SessionView.load(order.session["id"]) or order, form, code_error)
        if (problem := _change_items(request, order)) is not None:
            form.errors = {"quantity": problem} if problem else {}
            return _page(request, SessionView.load(order.session["id"]) or order, form)
    if order.custom_amount and (problem := custom_amount.parse(form.customUnitAmount, order)[1]):
        form.errors["customUnitAmount"] = problem
    if form.errors and order.session["status"] == "open":
        return _page(request, order, form)
    result = payment.pay(order.session["id"], form)
    if result.state == "declined":
        declined_field = (
            _DECLINE_FIELDS.get(result.message, "cardNumber") if ask_card else "savedPaymentMethod"
        )
        form.errors[declined_field] = result.message
        return _page(request, order, form)
    return _redirect_after(order.session["id"], result)


def _apply_promotion(request: HttpRequest, order: SessionView) -> str | None:
    """Apply or remove a promotion code. Return an error, "" on success, or None if the form has no code."""
    code = request.POST.get("promotionCode", "").strip()
    if not order.session["allow_promotion_codes"] or order.hidden.get("due"):
        return None
    if code or request.POST.get("act") == "remove":
        payment.cancel_challenge(order.session["id"])
    if request.POST.get("act") == "remove":
        session_amounts.remove_code(order.session["id"])
        return ""
    if not code:
        return None
    try:
        session_amounts.apply_code(order.session["id"], code)
    except coupons.Refused as refused:
        return str(refused)
    return ""


def _change_items(request: HttpRequest, order: SessionView) -> str | None:
    """Apply changed quantities and optional items. Return an error, "" on success, or None if nothing changed."""
    if order.hidden.get("due"):
        return None
    try:
        changed = quantities.apply(order, request.POST)
    except quantities.InvalidQuantity:
        return quantities.INVALID
    if not changed:
        return "" if request.POST.get("act", "").startswith(("add", "drop", "update")) else None
    payment.cancel_challenge(order.session["id"])
    return ""


@never_cache
@require_GET
def recover(request: HttpRequest, session_id: str) -> HttpResponse:
    """Open a new Checkout Session with the content of an expired one."""
    session = storage.get(session_id, "checkout.session")
    if session is None or not session_recovery.is_recoverable(session):
        return notice(request, "unknown", status=404)
    new = session_recovery.recover(session)
    return HttpResponseRedirect(reverse("stripe_sandbox:checkout", args=[new["id"]]), status=303)


@never_cache
@require_POST
def authenticate(request: HttpRequest, session_id: str) -> HttpResponse:
    result = payment.authenticate(session_id, passed=request.POST.get("outcome") == "complete")
    return _redirect_after(session_id, result)


def _redirect_after(session_id: str, result: payment.Result) -> HttpResponse:
    """Redirect to the store after a payment, once it has received the webhook; else back to the page."""
    session = storage.get(session_id, "checkout.session") or {}
    if result.state == "accepted" or session.get("status") == "complete":
        if result.state != "accepted" and not switches.current().delay_seconds:
            delivery.wait_for(payment.get_completed_event(session_id), MAX_HOLD_SECONDS)
        return HttpResponseRedirect(success_url(session), status=303)
    declined = "?declined=1" if result.state == "declined" else ""
    return HttpResponseRedirect(reverse("stripe_sandbox:checkout", args=[session_id]) + declined, status=303)


def success_url(session: Obj) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


# --- rendering --------------------------------------------------------------------------------------------


def _initial_form(request: HttpRequest, order: SessionView) -> payment_form.PaymentForm:
    """Return a form with the test card of ?card= or the error of a failed 3D Secure (?declined=), or an empty one."""
    buyer = order.hidden.get("buyer") or {}
    address = buyer.get("address") or {}
    home = address.get("country") or payment_form.CURRENCY_COUNTRIES.get(order.session["currency"], "US")
    blank = payment_form.PaymentForm(
        email=buyer.get("email") or "",
        billingName=buyer.get("name") or "",
        billingCountry=home,
        billingPostalCode=address.get("postal_code") or "",
        billingAddressLine1=address.get("line1") or "",
        billingAddressLine2=address.get("line2") or "",
        billingLocality=address.get("city") or "",
        billingAdministrativeArea=address.get("state") or "",
        phoneNumber=buyer.get("phone") or "",
        custom=buyer.get("custom") or {},
    )
    blank.paymentMethod = order.methods[0]
    blank.customUnitAmount = custom_amount.initial(order) if order.custom_amount else ""
    blank.fill(request.GET.get("card", ""))
    if blank.cardNumber:
        blank.savedPaymentMethod = saved_cards.NEW
    if "iban" in request.GET and "sepa_debit" in order.methods:
        blank.paymentMethod, blank.iban = "sepa_debit", request.GET["iban"][:42]
    if not blank.cardNumber and "declined" in request.GET:
        blank.savedPaymentMethod = saved_cards.NEW
        intent = storage.get(order.hidden.get("intent") or "") or {}
        error = intent.get("last_payment_error") or intent.get("last_setup_error")
        if error:
            text = cards.GENERIC.page_message if error["message"] == cards.GENERIC_TEXT else error["message"]
            blank.errors["cardNumber"] = text
    return blank


def _page(
    request: HttpRequest, order: SessionView, form: payment_form.PaymentForm, promotion_error: str = ""
) -> HttpResponse:
    session = order.session
    language = texts.choose_language(session["locale"], request.headers.get("Accept-Language", ""))
    saved = saved_cards.describe(order)
    challenged = payment.get_challenged_intent(session["id"]) if request.method != "POST" else None
    context = {
        "session": session,
        "summary": order_summary.summarize(order, language),
        "language": language,
        "currency_code": session["currency"].upper(),
        "custom_fields": [extra_fields.describe(field, form) for field in session["custom_fields"]],
        "ask_address": order.asks_address,
        "us_states": us_states.US_STATES,
        "promotion": _applied_code(session),
        "promotion_error": promotion_error,
        "promotion_typed": request.POST.get("promotionCode", "") if promotion_error else "",
        "form": form,
        "email": order.email or form.email,
        "ask_email": not order.email,
        "ask_card": order.needs_card,
        "saved_cards": saved,
        "chosen_card": saved_cards.get_preselected(saved, form.savedPaymentMethod),
        "offers_to_save": saved_cards.offers_to_save(order),
        "ask_amount": order.custom_amount is not None,
        "countries": payment_form.countries(language),
        "methods": order.methods,
        "accounts": ibans.TABLE[:2],
        "suggested_cards": cards.SUGGESTED,
        "card_count": len(cards.TABLE),
        "challenge_url": reverse("stripe_sandbox:challenge", args=[session["id"]]) if challenged else "",
    }
    response = render(request, "stripe_sandbox/hosted/checkout.html", context)
    return _allow_store_redirect(response, order)


def _applied_code(session: Obj) -> str:
    for applied in session["discounts"] or []:
        code = storage.get(applied["promotion_code"] or "", "promotion_code")
        return code["code"] if code else ""
    return ""


def notice(
    request: HttpRequest, kind: str, order: SessionView | None = None, status: int = 200
) -> HttpResponse:
    session = order.session if order else {}
    back = success_url(session) if kind == "complete" else session.get("cancel_url")
    context = {"kind": kind, "back": back}
    return render(request, "stripe_sandbox/hosted/notice.html", context, status=status)


def _allow_store_redirect(response: HttpResponse, order: SessionView | None) -> HttpResponse:
    """Allow the redirect of the form to the store: browsers apply form-action to redirects, too."""
    if order is not None:
        store = urlsplit(order.session["success_url"])
        response._csp_update = {"form-action": [f"{store.scheme}://{store.netloc}"]}  # type: ignore[attr-defined]
    return response


def allow_framing(response: HttpResponse, order: SessionView | None = None) -> HttpResponse:
    """Allow pages of this site to show the response in a frame."""
    response._csp_replace = {"frame-ancestors": ["'self'"]}  # type: ignore[attr-defined]
    return _allow_store_redirect(response, order)
