"""https://docs.stripe.com/api/products"""

from typing import Any

import stripe

from .. import clock, errors, events, shapes, storage
from ..calls import Call, change, load
from ..storage import Obj


def new(name: str, **fields: Any) -> Obj:
    defaults = {
        "active": True,
        "images": [],
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "type": "service",
        "updated": clock.now(),
    }
    return storage.put(shapes.new(stripe.Product, defaults, fields))


def create_from(params: Obj) -> Obj:
    product = new(**params)
    events.emit("product.created", product)
    return product


def update(call: Call) -> Obj:
    product, params = load("product", call.args["id"]), call.params
    if default := params.get("default_price"):
        price = load("price", default, "default_price")
        if price["product"] != product["id"]:
            message = (
                f"The price `{default}` cannot be the default of this product: it belongs to another one."
            )
            raise errors.ApiError(message, param="default_price")
        if not price["active"]:
            message = f"The price `{default}` cannot be the default of this product: it is inactive."
            raise errors.ApiError(message, param="default_price")
    return change(product, params, "product")


def delete(call: Call) -> Obj:
    product = load("product", call.args["id"])
    if storage.page("price", ("product", "=", product["id"]), limit=1)[0]:
        message = "This product cannot be deleted because it has one or more user-created prices."
        raise errors.ApiError(message, param="id")
    storage.delete(product["id"])
    events.emit("product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}
