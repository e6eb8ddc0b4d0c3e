"""Plans: recurring prices in the form of Stripe's old API, which is read only here. https://docs.stripe.com/api/plans"""

from .. import errors
from ..calls import Call, list_page, load, to_filters
from ..storage import Filter, Obj
from .subscriptions import legacy_plan


def listing(call: Call) -> Obj:
    """GET /v1/plans: the recurring prices."""
    filters: list[Filter] = [("type", "=", "recurring")]
    for name in ("active", "created", "product"):
        if name in call.params:
            filters += to_filters(name, call.params[name])
    page = list_page(call, "price", *filters)
    return page | {"data": [legacy_plan(price) for price in page["data"]]}


def retrieve(call: Call) -> Obj:
    """GET /v1/plans/{id}."""
    price = load("price", call.args["id"])
    if price["type"] != "recurring":
        raise errors.no_such("plan", price["id"])
    return legacy_plan(price)
