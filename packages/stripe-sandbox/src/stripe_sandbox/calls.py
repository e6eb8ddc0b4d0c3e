"""A request to the API once it has been understood, and what all resources share: retrieve, list, update."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import clock, errors, events, shapes, storage
from .storage import Filter, Obj


@dataclass(frozen=True)
class Call:
    """What a handler gets to see. `params` are checked against the SDK's types and hold only what the sandbox plays."""

    path: str
    args: dict[str, str]
    params: Obj
    origin: str


Handler = Callable[[Call], Obj]
_PAGING = {"limit", "starting_after", "ending_before"}
_RANGE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def load(kind: str, object_id: str, param: str = "") -> Obj:
    """The object; or resource_missing: 404 for one named in the URL, 400 with the parameter's name otherwise."""
    obj = storage.get(object_id, kind)
    if obj is None or (param and obj.get("deleted")):
        raise errors.no_such(kind, object_id, param)
    return obj


def retrieve(kind: str) -> Handler:
    """The handler of GET /v1/<things>/{id}."""
    return lambda call: load(kind, call.args["id"])


def update(kind: str, event: str = "") -> Handler:
    """The handler of POST /v1/<things>/{id}, where any parameter may simply be set."""
    return lambda call: change(load(kind, call.args["id"]), call.params, event)


def listing(kind: str, **special: Callable[[Any], Filter]) -> Handler:
    """The handler of GET /v1/<things>. A filter is named like its field; `special` translates those that aren't."""

    def handler(call: Call) -> Obj:
        filters: list[Filter] = []
        for name, value in call.params.items():
            if name in special:
                filters.append(special[name](value))
            elif name not in _PAGING:
                filters += comparisons(name, value)
        return listed(call, kind, *filters)

    return handler


def listed(call: Call, kind: str, *filters: Filter, parent: str = "", url: str = "") -> Obj:
    """One page of a list, by the request's limit, starting_after and ending_before. https://docs.stripe.com/api/pagination"""
    after, before = (call.params.get(name, "") for name in ("starting_after", "ending_before"))
    if after and before:
        raise errors.exclusive("ending_before", "starting_after")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor:
            load(kind, cursor, name)
    limit = call.params.get("limit", 10)
    if not 1 <= limit <= 100:
        bound, edge = ("greater", 1) if limit < 1 else ("less", 100)
        message = f"This value must be {bound} than or equal to {edge} (it currently is '{limit}')."
        raise errors.ApiError(message, code="parameter_invalid_integer", param="limit")
    data, has_more = storage.page(kind, *filters, parent=parent, limit=limit, after=after, before=before)
    return shapes.envelope(data, url or call.path, has_more)


def comparisons(name: str, value: Any) -> list[Filter]:
    """As filters: created[gte]=5 compares, recurring[interval]=month looks inside, active=true just equals."""
    if not isinstance(value, dict):
        return [(name, "=", value)]
    return [
        (name, _RANGE[key], nested) if key in _RANGE else (f"{name}.{key}", "=", nested)
        for key, nested in value.items()
    ]


def change(obj: Obj, params: Obj, event: str = "", **more: Any) -> Obj:
    """Apply an update's parameters (metadata merges, "" unsets) and `more`; emit `<event>.updated` if it mattered."""
    for name in [name for name, value in params.items() if value == ""]:
        if isinstance(obj.get(name), list):
            params = params | {name: []}
        elif not shapes.may_be_null(obj["object"], name):
            raise errors.empty(name)
    after = obj | unset(params) | more
    if "metadata" in params:
        after["metadata"] = merged(obj.get("metadata") or {}, params["metadata"])
    if after == obj:
        return obj
    if "updated" in obj:
        after["updated"] = clock.now()
    storage.put(after)
    if event:
        events.updated(event, obj, after)
    return after


def unset(params: Obj) -> Obj:
    """Parameters as fields: "" is how a request says null, in nested hashes too, and no metadata is {}."""
    return {
        name: merged({}, value) if name == "metadata" else _nulled(value) for name, value in params.items()
    }


def given(params: Obj) -> Obj:
    """For a new object: what is sent as "" was as good as not sent."""
    return {name: value for name, value in unset(params).items() if value is not None}


def _nulled(value: Any) -> Any:
    if isinstance(value, list):
        return [_nulled(item) for item in value]
    return unset(value) if isinstance(value, dict) else None if value == "" else value


def merged(metadata: Obj, changes: Obj | str) -> Obj:
    """Metadata after an update: "" clears it all, a key with "" goes. https://docs.stripe.com/api/metadata"""
    if not isinstance(changes, dict):
        return {}
    result = {key: value for key, value in (metadata | changes).items() if value != ""}
    if len(result) > 50:
        raise errors.ApiError("Metadata can have up to 50 keys.", param="metadata")
    return result
