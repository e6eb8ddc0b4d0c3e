"""Handlers of /v1/subscription_items: changes to one item of a subscription. https://docs.stripe.com/api/subscription_items"""

from .. import errors, storage
from ..calls import Call, load
from ..storage import Obj
from . import changes

_OF_ITEM = ("price", "quantity", "metadata")
_OF_SUBSCRIPTION = ("proration_behavior", "proration_date", "off_session", "payment_behavior")


def create(call: Call) -> Obj:
    subscription = load("subscription", call.params["subscription"], "subscription")
    if not call.params.get("price"):
        raise errors.missing("price")
    before = {item["id"] for item in subscription["items"]["data"]}
    row: Obj = {name: call.params[name] for name in _OF_ITEM if name in call.params}
    after = _change(subscription, row, call.params)
    return next(item for item in after["items"]["data"] if item["id"] not in before)


def update(call: Call) -> Obj:
    item = load("subscription_item", call.args["id"])
    row: Obj = {name: call.params[name] for name in _OF_ITEM if name in call.params}
    after = _change(load("subscription", item["subscription"]), {"id": item["id"], **row}, call.params)
    return next(each for each in after["items"]["data"] if each["id"] == item["id"])


def delete(call: Call) -> Obj:
    item = load("subscription_item", call.args["id"])
    _change(load("subscription", item["subscription"]), {"id": item["id"], "deleted": True}, call.params)
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _change(subscription: Obj, row: Obj, params: Obj) -> Obj:
    given = {name: params[name] for name in _OF_SUBSCRIPTION if name in params}
    changes.update(subscription, {"items": [row], **given})
    return storage.get(subscription["id"], "subscription") or {}
