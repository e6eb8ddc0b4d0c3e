"""Validate a new Checkout Session, with Stripe's messages. https://docs.stripe.com/api/checkout/sessions/create"""

from urllib.parse import urlsplit

from .. import clock, errors
from ..calls import empty_to_null, load
from ..storage import Obj
from . import prices, products, session_options

MIN_EXPIRY_SECONDS, MAX_EXPIRY_SECONDS = 30 * 60, 24 * 3600
# parameter ▶ the only mode that allows it
_ONE_MODE = {
    "customer_creation": "payment",
    "invoice_creation": "payment",
    "payment_intent_data": "payment",
    "payment_method_collection": "subscription",
    "subscription_data": "subscription",
}


def check(params: Obj) -> None:
    """Raise ApiError if a parameter is invalid. Line items are checked elsewhere."""
    mode = params.get("mode")
    if not mode:
        raise errors.missing("mode")
    for name, only in _ONE_MODE.items():
        if name in params and mode != only:
            raise errors.ApiError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if mode == "setup":
        raise errors.unsupported("Checkout Sessions in `setup` mode", "mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise errors.unsupported("any `ui_mode` but `hosted_page`", "ui_mode")
    for name in ("line_items", "success_url"):
        if not params.get(name):
            raise errors.missing(name)
    for name in ("success_url", "cancel_url"):
        if name in params and urlsplit(params[name]).scheme not in ("http", "https"):
            raise errors.ApiError("Not a valid URL", code="url_invalid", param=name)
    session_options.check_submit_type(params)
    session_options.check_saved_methods(params)
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
        _check_existing_customer(load("customer", params["customer"], "customer"), params)


def _check_existing_customer(customer: Obj, params: Obj) -> None:
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
    ahead = params.get("expires_at", clock.now() + MAX_EXPIRY_SECONDS) - clock.now()
    if ahead < MIN_EXPIRY_SECONDS - 5:  # the request takes some time
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise errors.ApiError(message, param="expires_at")
    if ahead > MAX_EXPIRY_SECONDS:
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


def parse_line(row: Obj, at: str) -> Obj:
    """Return price, product and quantity of a line item. Create the price if the item has price_data."""
    if ("price" in row) == ("price_data" in row):
        names = f"{at}[price]", f"{at}[price_data]"
        raise errors.exclusive(*names) if "price" in row else errors.missing(names[0])
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
        price = _inline_price(empty_to_null(row["price_data"]), f"{at}[price_data]")
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
        "adjustable_quantity": session_options.parse_quantity_limits(row, at),
    }


def parse_optional_items(params: Obj) -> list[Obj]:
    """Return the optional items as lines. Set their defaults in the parameters."""
    rows = params.get("optional_items", [])
    lines = [parse_line(row, f"optional_items[{index}]") for index, row in enumerate(rows)]
    for row, line in zip(rows, lines, strict=True):
        row["adjustable_quantity"] = line["adjustable_quantity"]
    return lines


def _inline_price(data: Obj, at: str) -> Obj:
    if ("product" in data) == ("product_data" in data):
        names = f"{at}[product]", f"{at}[product_data]"
        raise errors.exclusive(*names) if "product" in data else errors.missing(names[0])
    if "product_data" in data:
        data["product"] = products.create_from(data.pop("product_data") | {"active": False})["id"]
    load("product", data["product"], f"{at}[product]")
    return prices.create_from(data | {"active": False}, at)


def check_lines(params: Obj, lines: list[Obj]) -> None:
    mode = params["mode"]
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
    if any(line["price"]["custom_unit_amount"] for line in lines):
        _check_custom_amount(params, lines)
    terms = [line["price"]["recurring"] for line in recurring]
    if len({(term["interval"], term["interval_count"]) for term in terms}) > 1:
        raise errors.unsupported("subscriptions that mix billing intervals", "line_items")


def _check_custom_amount(params: Obj, lines: list[Obj]) -> None:
    """Raise ApiError for what Stripe does not combine with a price whose amount the buyer chooses."""
    refused = [name for name in ("allow_promotion_codes", "discounts", "optional_items") if params.get(name)]
    if refused:
        message = f"`{refused[0]}` cannot be used with a price that has `custom_unit_amount`."
        raise errors.ApiError(message, param=refused[0])
    if params["mode"] != "payment":
        message = "Prices with `custom_unit_amount` can only be used in `payment` mode."
        raise errors.ApiError(message, param="mode")
    if len(lines) > 1:
        message = "A price with `custom_unit_amount` must be the only line item."
        raise errors.ApiError(message, param="line_items")
    if lines[0]["quantity"] != 1 or lines[0]["adjustable_quantity"]:
        message = "The quantity of a price with `custom_unit_amount` must be 1."
        raise errors.ApiError(message, param="line_items[0][quantity]")
