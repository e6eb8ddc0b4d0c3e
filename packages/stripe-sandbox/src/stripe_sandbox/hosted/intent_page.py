"""3D Secure of a payment or setup intent that the store confirms with the API."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from .. import formatting, storage
from ..billing import clocks, intent_requests
from ..storage import Obj
from . import views


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def authenticate(request: HttpRequest, object_id: str) -> HttpResponse:
    with storage.transaction():
        intent = storage.get(object_id, "payment_intent") or storage.get(object_id, "setup_intent")
        action = (intent or {}).get("next_action") or {}
        if intent is None or "redirect_to_url" not in action:
            return views.notice(request, "unknown", status=404)
        if request.method != "POST":
            return render(request, "stripe_sandbox/hosted/bank.html", _context(request, intent))
        with clocks.object_time(intent):
            after = intent_requests.authenticate(intent, request.POST.get("outcome") == "complete")
    return_url = action["redirect_to_url"]["return_url"]
    if not return_url:
        return views.notice(request, "complete" if after["status"] == "succeeded" else "unknown")
    status = "succeeded" if after["status"] == "succeeded" else "failed"
    kind = intent["object"]
    answer = {kind: object_id, f"{kind}_client_secret": intent["client_secret"], "redirect_status": status}
    separator = "&" if "?" in return_url else "?"
    return HttpResponseRedirect(f"{return_url}{separator}{urlencode(answer)}", status=303)


def _context(request: HttpRequest, intent: Obj) -> dict[str, object]:
    method = storage.get(intent["payment_method"]) or {}
    amount = formatting.format_money(intent["amount"], intent["currency"]) if "amount" in intent else "0"
    return {"intent": intent, "card": method["card"], "amount": amount, "action_url": request.path}
