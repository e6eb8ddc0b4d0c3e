from .. import errors, events, storage
from ..calls import Call, empty_to_null
from ..storage import Obj
from . import prices, products


def create(call: Call) -> Obj:
    params = empty_to_null(call.params)
    if storage.get(params.get("id", "")):
        message = f"Product already exists: {params['id']}"
        raise errors.ApiError(message, code="resource_already_exists", param="id")
    price_data = params.pop("default_price_data", None)
    if not price_data:
        return products.create_from(params)
    product = products.new(**params)
    price = prices.create_from(price_data | {"product": product["id"]}, "default_price_data")
    product = storage.update(product["id"], default_price=price["id"])
    events.emit("product.created", product)
    return product
