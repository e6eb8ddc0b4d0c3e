"""The control panel at /stripe-sandbox/: objects, deliveries and switches."""

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import stripe
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from .. import bootstrap, cards, conf, delivery, errors, formatting, ibans, storage, switches, versions
from ..storage import Obj
from . import actions
from .forms import SwitchesForm

PAGE_SIZE = 50
_ID = re.compile(
    r"&quot;((?:bps|ch|cs_test|cus|du|evt|il|in|inpay|li|pi|pm|price|prod|promo|re|seti|si|sub|txn|we)_[A-Za-z0-9]{10,})&quot;"
)
_SECRET = re.compile(r'("(?:client_)?secret": ")[^"]*')

View = Callable[..., HttpResponse]


def operators_only(view: View) -> View:
    """Decorate a view: return 404 without admin permission, unless DEBUG is true. Never cache."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEBUG and not (
            apps.is_installed("django.contrib.admin") and admin.site.has_permission(request)
        ):
            raise Http404
        bootstrap.prepare()
        return view(request, *args, **kwargs)

    return never_cache(guarded)


@require_GET
@operators_only
def home(request: HttpRequest) -> HttpResponse:
    return _home(request, SwitchesForm.current())


@require_POST
@operators_only
def change_switches(request: HttpRequest) -> HttpResponse:
    form = SwitchesForm(request.POST)
    if not form.is_valid():
        return _home(request, form, status=422)
    switches.change(**form.cleaned_data)
    return _back("panel")


@require_POST
@operators_only
def start_over(request: HttpRequest) -> HttpResponse:
    storage.reset()
    bootstrap.prepare()
    return _back("panel")


@require_GET
@operators_only
def objects(request: HttpRequest, kind: str) -> HttpResponse:
    after = request.GET.get("after", "")
    found, more = _nested(kind) if kind in _NESTED else storage.page(kind, limit=PAGE_SIZE, after=after)
    context = {"kind": kind, "rows": [_row(obj) for obj in found], "next": found[-1]["id"] if more else ""}
    return _render(request, "objects", context)


@require_GET
@operators_only
def detail(request: HttpRequest, object_id: str) -> HttpResponse:
    return _detail(request, _load(object_id))


@require_POST
@operators_only
def act(request: HttpRequest, object_id: str) -> HttpResponse:
    obj = _load(object_id)
    try:
        actions.perform(obj, request.POST.get("action", ""), request.POST)
    except errors.ApiError as error:
        return _detail(request, obj, str(error), status=422)
    return _back("object", object_id)


def _load(object_id: str) -> Obj:
    obj = storage.get(object_id)
    if obj is None:
        raise Http404
    return obj


def _detail(request: HttpRequest, obj: Obj, problem: str = "", status: int = 200) -> HttpResponse:
    object_id = obj["id"]
    sent = _deliveries("WHERE d.event = ?", object_id) if obj["object"] == "event" else []
    endpoints = storage.find("webhook_endpoint") if obj["object"] == "event" else []
    context = {
        "obj": obj,
        "kind": obj["object"],
        "json": _json(obj),
        "deliveries": sent,
        "endpoints": endpoints,
        "buttons": [] if obj.get("deleted") else actions.available_buttons(obj),
        "problem": problem,
    }
    return _render(request, "detail", context, status)


@require_GET
@operators_only
def deliveries(request: HttpRequest) -> HttpResponse:
    context = {
        "deliveries": _deliveries(""),
        "endpoints": storage.find("webhook_endpoint"),
        "kind": "deliveries",
    }
    return _render(request, "deliveries", context)


@require_POST
@operators_only
def resend(request: HttpRequest) -> HttpResponse:
    event = storage.get(request.POST.get("event", ""), "event")
    endpoint = storage.get(request.POST.get("endpoint", ""), "webhook_endpoint")
    if event is None or endpoint is None:
        raise Http404
    delivery.resend(event["id"], endpoint["id"])
    return _back("object", event["id"])


@require_GET
def test_cards(request: HttpRequest) -> HttpResponse:
    """Show the test cards. Buyers of a demo site may see them, too."""
    return render(request, "stripe_sandbox/panel/cards.html", {"cards": cards.TABLE, "accounts": ibans.TABLE})


_DELIVERIES = """
    SELECT d.*, json_extract(e.json, '$.type') AS type, json_extract(w.json, '$.url') AS url
    FROM deliveries d LEFT JOIN objects e ON e.id = d.event LEFT JOIN objects w ON w.id = d.endpoint
"""

# --- rendering --------------------------------------------------------------------------------------------

_NESTED = {"item", "line_item", "subscription_item"}  # only in the list of another object


def _home(request: HttpRequest, form: SwitchesForm, status: int = 200) -> HttpResponse:
    sessions, _ = storage.page("checkout.session", limit=12)
    context = {"form": form, "sessions": [_row(obj) for obj in sessions], "kind": ""}
    context |= {"unsupported_versions": versions.find_unsupported(), "newest_version": stripe.api_version}
    return _render(request, "home", context, status)


def _render(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    counts = storage.query("SELECT object, COUNT(*) AS n FROM objects GROUP BY object ORDER BY object")
    new_product = conf.get("NEW_PRODUCT")
    context |= {"counts": counts, "new_product_url": resolve_url(new_product) if new_product else ""}
    return render(request, f"stripe_sandbox/panel/{name}.html", context, status=status)


def _nested(kind: str) -> tuple[list[Obj], bool]:
    rows = storage.query(
        "SELECT json FROM objects WHERE object = ? ORDER BY seq DESC LIMIT ?", kind, PAGE_SIZE
    )
    return [json.loads(row["json"]) for row in rows], False


def _row(obj: Obj) -> dict[str, Any]:
    amounts = [obj.get(name) for name in ("amount_total", "amount", "total", "unit_amount")]
    amount = next((value for value in amounts if value is not None), None)
    name_field = "url" if obj["object"] == "webhook_endpoint" else "name"
    texts = [
        obj.get(name) for name in (name_field, "type", "email", "customer_email", "nickname", "description")
    ]
    details = obj.get("customer_details") or obj.get("billing_details") or {}
    return {
        "id": obj["id"],
        "words": details.get("email") or next(filter(None, texts), ""),
        "state": obj.get("status") or ("" if obj.get("active", True) else "archived"),
        "amount": formatting.format_money(amount, obj["currency"])
        if amount is not None and obj.get("currency")
        else "",
        "created": obj.get("created"),
        "open_url": reverse("stripe_sandbox:checkout", args=[obj["id"]])
        if obj["object"] == "checkout.session" and obj["status"] == "open"
        else "",
    }


def _deliveries(where: str, *values: object) -> list[Any]:
    return storage.query(f"{_DELIVERIES} {where} ORDER BY d.id DESC LIMIT 100", *values)


def _json(obj: Obj) -> SafeString:
    """Return formatted JSON with links to other objects. Hide secrets."""
    text = _SECRET.sub(r"\1…", json.dumps(obj, indent=2, ensure_ascii=False))
    return mark_safe(_ID.sub(_link, escape(text)))  # noqa: S308 (escaped above)


def _link(match: re.Match[str]) -> str:
    url = reverse("stripe_sandbox:object", args=[match[1]])
    return format_html('&quot;<a href="{}">{}</a>&quot;', url, match[1])


def _back(name: str, *args: str) -> HttpResponse:
    return HttpResponseRedirect(reverse(f"stripe_sandbox:{name}", args=args))
