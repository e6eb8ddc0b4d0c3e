"""The parameter `items` of subscriptions. https://docs.stripe.com/api/subscriptions/update"""

from .. import errors, storage
from ..calls import merge_metadata
from ..resources import price_amounts, subscriptions
from ..resources.prices import load_recurring_price
from ..storage import Obj

MAX_ITEMS = 20


def parse_new(rows: list[Obj], currency: str = "") -> list[tuple[Obj, int]]:
    """Return (price, quantity) pairs. Raise ApiError if a price is invalid or they cannot be billed together."""
    pairs = [
        (load_recurring_price(row.get("price", ""), f"items[{at}][price]"), _quantity(row, at))
        for at, row in enumerate(rows)
    ]
    _check([price for price, _ in pairs], currency or pairs[0][0]["currency"])
    return pairs


def set_metadata(subscription: Obj, rows: list[Obj]) -> Obj:
    """Store the metadata of the items of a new subscription."""
    by_price = {row["price"]: row for row in rows}
    items = [
        storage.put(item | _metadata(item, by_price[item["price"]["id"]]), parent=subscription["id"])
        for item in subscription["items"]["data"]
    ]
    return storage.put(subscription | {"items": subscription["items"] | {"data": items}})


def change(subscription: Obj, rows: list[Obj]) -> list[Obj]:
    """Return the subscription's items with the changes, new ones first. Store them, and delete removed items."""
    items = {item["id"]: item for item in subscription["items"]["data"]}
    added = []
    for at, row in enumerate(rows):
        if "id" not in row:
            price = load_recurring_price(row.get("price", ""), f"items[{at}][price]")
            period = next(iter(subscription["items"]["data"]))
            start, end = period["current_period_start"], period["current_period_end"]
            item = subscriptions.new_item(subscription["id"], price, _quantity(row, at), start, end)
            added.append(item | _metadata(item, row))
        elif row["id"] not in items:
            raise errors.no_such("subscription_item", row["id"], f"items[{at}][id]")
        elif row.get("deleted"):
            del items[row["id"]]
        else:
            items[row["id"]] = _change_item(items[row["id"]], row, at)
    after = added[::-1] + list(items.values())
    if not after:
        raise errors.ApiError("A subscription must have at least one active plan.", param="items")
    _check([item["price"] for item in after], subscription["currency"])
    for item in after:
        storage.put(item, parent=subscription["id"])
    return after


def delete_removed(subscription: Obj, after: list[Obj]) -> None:
    kept = {item["id"] for item in after}
    for item in subscription["items"]["data"]:
        if item["id"] not in kept:
            storage.delete(item["id"])


def get_interval(item: Obj) -> tuple[str, int]:
    return item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"]


def _change_item(item: Obj, row: Obj, at: int) -> Obj:
    """A new price sets the quantity to 1 unless the request names one."""
    if "price" not in row or row["price"] == item["price"]["id"]:
        return item | _metadata(item, row) | ({"quantity": _quantity(row, at)} if "quantity" in row else {})
    price = load_recurring_price(row["price"], f"items[{at}][price]")
    return (
        item
        | _metadata(item, row)
        | {
            "price": price,
            "plan": subscriptions.legacy_plan(price),
            "quantity": _quantity(row, at),
        }
    )


def _metadata(item: Obj, row: Obj) -> Obj:
    return {"metadata": merge_metadata(item["metadata"], row["metadata"])} if "metadata" in row else {}


def _quantity(row: Obj, at: int) -> int:
    quantity = int(row.get("quantity", 1))
    if quantity < 0:
        message = "This value must be greater than or equal to 0."
        param = f"items[{at}][quantity]"
        raise errors.ApiError(message, code="parameter_invalid_integer", param=param)
    return quantity


def _check(prices: list[Obj], currency: str) -> None:
    for price in prices:
        price_amounts.check_supported(price, currency, "items")
        if sum(other["id"] == price["id"] for other in prices) > 1:
            message = f"Cannot add multiple subscription items with the same plan: {price['id']}"
            raise errors.ApiError(message, param="items")
    if len(prices) > MAX_ITEMS:
        raise errors.ApiError(f"A subscription takes up to {MAX_ITEMS} items.", param="items")
    terms = {(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}
    if len(terms) > 1:
        raise errors.unsupported("subscriptions that mix billing intervals", "items")
