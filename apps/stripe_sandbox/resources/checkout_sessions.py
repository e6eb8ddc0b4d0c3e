"""https://docs.stripe.com/api/checkout/sessions"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import stripe

from .. import calls, clock, errors, events, ids, shapes, storage
from ..calls import Call, listed, load, unset
from ..storage import Obj
from . import prices, products, session_amounts

Session = stripe.checkout.Session
_SOONEST, _LATEST = 30 * 60, 24 * 3600  # seconds until it may expire
# parameter ▶ the one mode it belongs to
_ONE_MODE = {
    "customer_creation": "payment",
    "invoice_creation": "payment",
    "payment_intent_data": "payment",
    "payment_method_collection": "subscription",
    "subscription_data": "subscription",
}


def create(call: Call) -> Obj:
    """POST /v1/checkout/sessions, for Stripe's hosted page."""
    params = {name: value for name, value in call.params.items() if value != {"enabled": False}}
    _check(params)
    lines = [_line(row, f"line_items[{index}]") for index, row in enumerate(params.pop("line_items"))]
    _check_lines(params["mode"], lines)
    subscription_data = params.pop("subscription_data", {})
    trial = "trial_end" in subscription_data or "trial_period_days" in subscription_data
    session_id = ids.new("checkout.session")
    items = [_item(line, trial) for line in lines]
    discounts, coupon = session_amounts.chosen(params, items)
    rows, amounts = session_amounts.priced(items, coupon, "automatic_tax" in params)
    for row in reversed(rows):
        storage.put(row, parent=session_id)
    params |= {name: build(params[name]) for name, build in _COMPLETED.items() if name in params}
    params |= {"discounts": discounts}
    defaults = _defaults(params) | amounts
    defaults |= {
        "id": session_id,
        "currency": rows[0]["currency"],
        "payment_method_types": _methods(params, rows[0]["currency"]),
        "url": f"{call.origin}/stripe-sandbox/checkout/{session_id}",
    }
    hidden = {
        "payment_intent_data": unset(params.pop("payment_intent_data", {})),
        "subscription_data": unset(subscription_data),
        "customer_update": params.pop("customer_update", {}),
    }
    return storage.put(shapes.new(Session, defaults, unset(params)), hidden=hidden)


def retrieve(call: Call) -> Obj:
    """GET /v1/checkout/sessions/{id}"""
    expire_due()
    return load("checkout.session", call.args["id"])


def listing(call: Call) -> Obj:
    """GET /v1/checkout/sessions"""
    expire_due()
    return calls.listing("checkout.session")(call)


def line_items(call: Call) -> Obj:
    """GET /v1/checkout/sessions/{id}/line_items"""
    load("checkout.session", call.args["id"])
    return listed(call, "item", parent=call.args["id"])


def expire(call: Call) -> Obj:
    """POST /v1/checkout/sessions/{id}/expire"""
    session = load("checkout.session", call.args["id"])
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of `{session['status']}`."
        )
        raise errors.ApiError(message, param="id")
    return expired(session)


def expire_due(now: int | None = None) -> None:
    """Expire every open session whose time has come, with its event. Cheap when there is none."""
    sql = (
        "SELECT id FROM objects INDEXED BY sessions_open WHERE object = 'checkout.session'"
        " AND json_extract(json, '$.status') = 'open' AND json_extract(json, '$.expires_at') <= ?"
    )
    for row in storage.query(sql, clock.now() if now is None else now):
        with storage.transaction():
            session = storage.get(row["id"])
            if session and session["status"] == "open":
                expired(session)


def complete(session: Obj, payment_status: str, **fields: Any) -> Obj:
    """The buyer has paid (or need not): complete, with checkout.session.completed. Gives the session back.

    `fields` are what the page has learnt: customer, customer_details, payment_intent, subscription, invoice …
    """
    after = storage.put(
        session | {"status": "complete", "payment_status": payment_status, "url": None} | fields
    )
    events.emit("checkout.session.completed", after)
    return after


def expired(session: Obj) -> Obj:
    """Expire an open session, with its event."""
    after = storage.put(session | {"status": "expired", "url": None})
    events.emit("checkout.session.expired", after)
    return after


# --- what a new session must satisfy ----------------------------------------------------------------------


def _check(params: Obj) -> None:
    mode = params.get("mode")
    if not mode:
        raise errors.missing("mode")
    for name, only in _ONE_MODE.items():
        if name in params and mode != only:
            raise errors.ApiError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if mode == "setup":
        raise errors.not_played("Checkout Sessions in `setup` mode", "mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise errors.not_played("any `ui_mode` but `hosted_page`", "ui_mode")
    for name in ("line_items", "success_url"):
        if not params.get(name):
            raise errors.missing(name)
    for name in ("success_url", "cancel_url"):
        if name in params and urlsplit(params[name]).scheme not in ("http", "https"):
            raise errors.ApiError("Not a valid URL", code="url_invalid", param=name)
    _check_customer(params)
    _check_expiry(params)
    _check_trial(params.get("subscription_data", {}))


def _check_customer(params: Obj) -> None:
    if "customer" in params and "customer_email" in params:
        raise errors.exclusive("customer", "customer_email")
    for name in ("customer_update", "customer_creation"):
        if name in params and ("customer" in params) != (name == "customer_update"):
            word = "only" if name == "customer_update" else "not"
            raise errors.ApiError(f"`{name}` can {word} be used with `customer`.", param=name)
    if "customer" in params:
        _check_known(load("customer", params["customer"], "customer"), params)


def _check_known(customer: Obj, params: Obj) -> None:
    """What tax asks of a customer who is known already."""
    update = params.get("customer_update", {})
    if "automatic_tax" in params and update.get("address") != "auto" and not customer["address"]:
        message = (
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the"
            " Customer or set `customer_update[address]` to 'auto' to save the address entered in Checkout to it."
        )
        raise errors.ApiError(message, code="customer_tax_location_invalid", param="customer")
    if "tax_id_collection" in params and update.get("name") != "auto":
        message = (
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an"
            " existing customer, please set `customer_update[name]` to `auto`."
        )
        raise errors.ApiError(message, param="tax_id_collection")


def _check_expiry(params: Obj) -> None:
    ahead = params.get("expires_at", clock.now() + _LATEST) - clock.now()
    if ahead < _SOONEST - 5:  # a moment for the way here
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise errors.ApiError(message, param="expires_at")
    if ahead > _LATEST:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise errors.ApiError(message, param="expires_at")


def _check_trial(data: Obj) -> None:
    if "trial_end" in data and "trial_period_days" in data:
        raise errors.exclusive("subscription_data[trial_end]", "subscription_data[trial_period_days]")
    if data.get("trial_period_days", 1) < 1:
        message = "The minimum number of trial period days is 1."
        raise errors.ApiError(message, param="subscription_data[trial_period_days]")
    if "trial_end" in data and data["trial_end"] < clock.now() + 48 * 3600:
        message = "The `trial_end` date has to be at least 2 days in the future."
        raise errors.ApiError(message, param="subscription_data[trial_end]")


def _line(row: Obj, at: str) -> Obj:
    """A line item's price (made on the spot from price_data), product and quantity."""
    if ("price" in row) == ("price_data" in row):
        raise (
            errors.exclusive(f"{at}[price]", f"{at}[price_data]")
            if "price" in row
            else errors.missing(f"{at}[price]")
        )
    if "price" in row:
        price = load("price", row["price"], f"{at}[price]")
        product = load("product", price["product"], f"{at}[price]")
        if not price["active"]:
            message = "The price specified is inactive. This field only accepts active prices."
            raise errors.ApiError(message, param=f"{at}[price]")
        if not product["active"]:
            message = (
                f"Price `{price['id']}` is not available to be purchased because its product is not active."
            )
            raise errors.ApiError(message, param=f"{at}[price]")
    else:
        price = _inline_price(unset(row["price_data"]), f"{at}[price_data]")
        product = load("product", price["product"], f"{at}[price_data][product]")
    if "quantity" not in row:
        raise errors.missing(f"{at}[quantity]")
    if row["quantity"] < 1:
        message = "This value must be greater than or equal to 1."
        raise errors.ApiError(message, code="parameter_invalid_integer", param=f"{at}[quantity]")
    return {
        "price": price,
        "product": product,
        "quantity": row["quantity"],
        "metadata": row.get("metadata", {}),
    }


def _inline_price(data: Obj, at: str) -> Obj:
    if ("product" in data) == ("product_data" in data):
        names = f"{at}[product]", f"{at}[product_data]"
        raise errors.exclusive(*names) if "product" in data else errors.missing(names[0])
    if "product_data" in data:
        data["product"] = products.create_from(data.pop("product_data") | {"active": False})["id"]
    load("product", data["product"], f"{at}[product]")
    return prices.create_from(data | {"active": False}, at)


def _check_lines(mode: str, lines: list[Obj]) -> None:
    recurring = [line for line in lines if line["price"]["recurring"]]
    if mode == "payment" and recurring:
        message = (
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use"
            " only one-time prices."
        )
        raise errors.ApiError(message, param="mode")
    if mode == "subscription" and not recurring:
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise errors.ApiError(message, param="line_items")
    if len(lines) > 100 or len(recurring) > 20:
        raise errors.ApiError(
            "A Checkout Session takes up to 100 line items, 20 of them recurring.", param="line_items"
        )
    if len({line["price"]["currency"] for line in lines}) > 1:
        raise errors.ApiError(
            "All line items of a Checkout Session must have the same currency.", param="line_items"
        )
    if (
        len(
            {
                (price["interval"], price["interval_count"])
                for price in (line["price"]["recurring"] for line in recurring)
            }
        )
        > 1
    ):
        raise errors.not_played("subscriptions that mix billing intervals", "line_items")


# --- what a new session looks like ------------------------------------------------------------------------


def _automatic_tax(asked: Obj) -> Obj:
    liability = {"account": None, "type": "self"}
    return shapes.fill(
        Session.AutomaticTax, **asked | {"liability": liability, "provider": "stripe", "status": "complete"}
    )


def _invoice_creation(asked: Obj) -> Obj:
    data: Obj = {"metadata": {}} | unset(asked.get("invoice_data", {}))
    return {
        "enabled": asked["enabled"],
        "invoice_data": shapes.fill(Session.InvoiceCreation.InvoiceData, **data),
    }


# parameter ▶ what the session makes of it
_COMPLETED: dict[str, Callable[[Obj], Obj]] = {
    "automatic_tax": _automatic_tax,
    "invoice_creation": _invoice_creation,
    "tax_id_collection": lambda asked: {"required": "never"} | asked,
}


def _methods(params: Obj, currency: str) -> list[str]:
    """What the page offers: cards, and for one-time payments in euros SEPA debit, unless the request narrows it."""
    offered = ["card", "sepa_debit"] if currency == "eur" and params["mode"] == "payment" else ["card"]
    allowed = params.get("allowed_payment_method_types") or offered
    excluded = params.get("excluded_payment_method_types") or []
    methods = [method for method in offered if method in allowed and method not in excluded]
    if not methods:
        message = f"No payment method is left. The sandbox plays {' and '.join(offered)} for this session."
        raise errors.ApiError(message, param="allowed_payment_method_types")
    return methods


def _item(line: Obj, trial: bool) -> Obj:
    price, quantity = line["price"], line["quantity"]
    amount = 0 if trial and price["recurring"] else (price["unit_amount"] or 0) * quantity
    defaults = {
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": line["product"]["name"],
        "metadata": line["metadata"],
        "price": price,
        "quantity": quantity,
    }
    return shapes.new(stripe.LineItem, defaults, {})


def _defaults(params: Obj) -> Obj:
    customer = storage.get(params.get("customer", ""), "customer") or {"email": params.get("customer_email")}
    payment = params["mode"] == "payment"
    details = {name: customer.get(name) for name in ("address", "email", "name", "phone")}
    return {
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": shapes.fill(Session.AutomaticTax, enabled=False),
        "custom_fields": [],
        "custom_text": shapes.fill(Session.CustomText),
        "customer_creation": "if_required" if payment and "id" not in customer else None,
        "customer_details": shapes.fill(Session.CustomerDetails, tax_exempt="none", **details)
        if customer["email"]
        else None,
        "expires_at": clock.now() + _LATEST,
        "invoice_creation": _invoice_creation({"enabled": False}) if payment else None,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "payment_method_collection": "if_required" if payment else "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
    }
