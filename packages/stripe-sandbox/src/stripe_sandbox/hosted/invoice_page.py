"""The hosted page of an unpaid invoice. https://docs.stripe.com/invoicing/hosted-invoice-page"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from .. import formatting, storage
from ..billing import clocks, collection
from ..storage import Obj

_IS_PASSED = {"complete": True, "fail": False}


@require_POST
def settle(request: HttpRequest, invoice_id: str) -> HttpResponse:
    with storage.transaction():
        invoice = storage.get(invoice_id, "invoice") or {}
        if _is_payable(invoice):
            with clocks.object_time(invoice):
                outcome = request.POST.get("outcome", "")
                if outcome in _IS_PASSED:
                    collection.authenticate(invoice, _IS_PASSED[outcome])
                else:
                    collection.pay(invoice)
    return redirect("stripe_sandbox:receipt", invoice_id)


def context(paid: Obj) -> dict[str, Any]:
    if not _is_payable(paid):
        return {}
    intent = collection.get_payment_intent(paid) or {}
    error = intent.get("last_payment_error") or {}
    needs_authentication = intent.get("status") == "requires_action"
    amount = formatting.format_money(paid["amount_remaining"], paid["currency"])
    return {
        "amount": amount,
        "owed": True,
        "bank_asks": needs_authentication,
        "problem": "" if needs_authentication else error.get("message", ""),
    }


def _is_payable(invoice: Obj) -> bool:
    return invoice.get("object") == "invoice" and invoice["status"] == "open" and bool(invoice["parent"])
