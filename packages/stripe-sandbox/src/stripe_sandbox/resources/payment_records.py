"""Payments outside Stripe. https://docs.stripe.com/api/payment-record"""

import stripe

from .. import errors, shapes, storage
from ..calls import Call, drop_empty, load
from ..storage import Obj

_AMOUNTS = ("authorized", "canceled", "failed", "refunded")


def report_payment(call: Call) -> Obj:
    """POST /v1/payment_records/report_payment, for payments that have succeeded."""
    params = drop_empty(call.params)
    for name in ("amount_requested", "initiated_at", "payment_method_details"):
        if name not in params:
            raise errors.missing(name)
    if params.get("outcome") != "guaranteed":
        raise errors.unsupported("payment records with another outcome than `guaranteed`", "outcome")
    if "guaranteed" not in params:
        raise errors.missing("guaranteed")
    customer = params.get("customer_details")
    if customer and customer.get("customer"):
        load("customer", customer["customer"], "customer_details[customer]")
    amount, processor = params["amount_requested"], params.get("processor_details") or {"type": "custom"}
    nothing = {"currency": amount["currency"], "value": 0}
    amounts = {f"amount_{name}": nothing for name in _AMOUNTS}
    details = {"type": "custom"} | params["payment_method_details"]
    defaults = {
        "amount": amount,
        "amount_guaranteed": amount,
        "amount_requested": amount,
        "customer_details": shapes.fill(stripe.PaymentRecord.CustomerDetails, **customer)
        if customer
        else None,
        "customer_presence": params.get("customer_presence"),
        "description": params.get("description"),
        "metadata": params.get("metadata") or {},
        "payment_method_details": shapes.fill(stripe.PaymentRecord.PaymentMethodDetails, **details),
        "processor_details": shapes.fill(stripe.PaymentRecord.ProcessorDetails, **processor),
        "reported_by": "self",
    }
    return storage.put(shapes.new(stripe.PaymentRecord, amounts | defaults, {}))
