"""The page of a paid charge or an invoice."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from .. import formatting, storage
from ..storage import Obj
from . import invoice_page, portal_page, views


@require_GET
def receipt(request: HttpRequest, object_id: str) -> HttpResponse:
    paid = storage.get(object_id, "charge") or storage.get(object_id, "invoice")
    if paid is None:
        return views.notice(request, "unknown", status=404)
    currency, refunded = paid["currency"], paid.get("amount_refunded")
    context = {
        "paid": paid,
        "amount": formatting.format_money(paid["amount" if "amount" in paid else "amount_paid"], currency),
        "date": formatting.date(paid["created"]),
        "refunded": formatting.format_money(refunded, currency) if refunded else "",
        "paid_by": _payment_label(paid),
        "lines": portal_page.invoice_lines(paid) if "lines" in paid else _order_lines(paid),
    }
    return render(request, "stripe_sandbox/hosted/receipt.html", context | invoice_page.context(paid))


def _payment_label(paid: Obj) -> str:
    """Return "Visa •••• 4242" or "SEPA debit •••• 3201"; "" for an invoice."""
    details = paid.get("payment_method_details") or {"type": ""}
    if details["type"] == "sepa_debit":
        return f"SEPA debit •••• {details['sepa_debit']['last4']}"
    return (
        f"{details['card']['brand'].capitalize()} •••• {details['card']['last4']}" if details["type"] else ""
    )


def _order_lines(charge: Obj) -> list[tuple[str, str]]:
    sessions = storage.find("checkout.session", ("payment_intent", "=", charge["payment_intent"]))
    rows = storage.find("item", parent=sessions[0]["id"]) if sessions else []
    return [
        (row["description"], formatting.format_money(row["amount_total"], charge["currency"])) for row in rows
    ]
