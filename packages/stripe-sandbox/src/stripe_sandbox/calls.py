"""A parsed API request, and the handlers that resources share: retrieve, list, update."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import clock, errors, events, shapes, storage
from .storage import Filter, Obj


@dataclass(frozen=True)
class Call:
    """A parsed request. `params` contain only supported parameters, which match the SDK's types."""

    path: str
    args: dict[str, str]
    params: Obj
    origin: str


Handler = Callable[[Call], Obj]
_PAGING = {"limit", "starting_after", "ending_before"}
_RANGE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def load(kind: str, object_id: str, param: str = "") -> Obj:
    """Return the object. Raise resource_missing: 400 if the id is in the parameter `param`, 404 if it is in the URL."""
    obj = storage.get(object_id, kind)
    if obj is None or (param and obj.get("deleted")):
        raise errors.no_such(kind, object_id, param)
    return obj


def retrieve(kind: str) -> Handler:
    return lambda call: load(kind, call.args["id"])


def update(kind: str, event: str = "") -> Handler:
    """Return the handler of POST /v1/<objects>/{id} for objects whose parameters need no further checks."""
    return lambda call: change(load(kind, call.args["id"]), call.params, event)


def list_objects(kind: str, **special: Callable[[Any], Filter]) -> Handler:
    """Return the handler of GET /v1/<objects>. A filter has the name of a field, or is in `special`."""

    def handler(call: Call) -> Obj:
        filters: list[Filter] = []
        for name, value in call.params.items():
            if name in special:
                filters.append(special[name](value))
            elif name not in _PAGING:
                filters += to_filters(name, value)
        return list_page(call, kind, *filters)

    return handler


def list_page(call: Call, kind: str, *filters: Filter, parent: str = "", url: str = "") -> Obj:
    """Return one page of a list by limit, starting_after and ending_before. https://docs.stripe.com/api/pagination"""
    after, before = (call.params.get(name, "") for name in ("starting_after", "ending_before"))
    if after and before:
        raise errors.exclusive("ending_before", "starting_after")
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor:
            load(kind, cursor, name)
    limit = get_limit(call)
    data, has_more = storage.page(kind, *filters, parent=parent, limit=limit, after=after, before=before)
    return shapes.list_object(data, url or call.path, has_more)


def page_rows(call: Call, rows: list[Obj]) -> Obj:
    """Return one page of rows that are not stored as objects of their own, or have an order of their own."""
    after, before = (call.params.get(name, "") for name in ("starting_after", "ending_before"))
    if after and before:
        raise errors.exclusive("ending_before", "starting_after")
    limit, numbers = get_limit(call), {row["id"]: number for number, row in enumerate(rows)}
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and cursor not in numbers:
            raise errors.no_such(rows[0]["object"] if rows else "object", cursor, name)
    end = numbers[before] if before else len(rows)
    start = numbers[after] + 1 if after else max(end - limit, 0) if before else 0
    has_more = start > 0 if before else end - start > limit
    return shapes.list_object(rows[start:end][:limit], call.path, has_more)


def get_limit(call: Call) -> int:
    limit = int(call.params.get("limit", 10))
    if not 1 <= limit <= 100:
        bound, edge = ("greater", 1) if limit < 1 else ("less", 100)
        message = f"This value must be {bound} than or equal to {edge} (it currently is '{limit}')."
        raise errors.ApiError(message, code="parameter_invalid_integer", param="limit")
    return limit


def to_filters(name: str, value: Any) -> list[Filter]:
    """Return the filters of created[gte]=5 (compare), recurring[interval]=month (nested) or active=true (equal)."""
    if not isinstance(value, dict):
        return [(name, "=", value)]
    return [
        (name, _RANGE[key], nested) if key in _RANGE else (f"{name}.{key}", "=", nested)
        for key, nested in value.items()
    ]


def change(obj: Obj, params: Obj, event: str = "", **more: Any) -> Obj:
    """Update the object with the parameters and `more`; "" unsets a field. Emit `<event>.updated` if it changed."""
    for name in [name for name, value in params.items() if value == ""]:
        if isinstance(obj.get(name), list):
            params = params | {name: []}
        elif not shapes.is_nullable(obj["object"], name):
            raise errors.empty(name)
    after = obj | empty_to_null(params) | more
    if "metadata" in params:
        after["metadata"] = merge_metadata(obj.get("metadata") or {}, params["metadata"])
    if after == obj:
        return obj
    if "updated" in obj:
        after["updated"] = clock.now()
    storage.put(after)
    if event:
        events.emit_updated(event, obj, after)
    return after


def empty_to_null(params: Obj) -> Obj:
    """Replace "" by null, also in nested hashes, because requests unset fields with "". Metadata becomes {}."""
    return {
        name: merge_metadata({}, value) if name == "metadata" else _replace_empty(value)
        for name, value in params.items()
    }


def drop_empty(params: Obj) -> Obj:
    return {name: value for name, value in empty_to_null(params).items() if value is not None}


def _replace_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [_replace_empty(item) for item in value]
    return empty_to_null(value) if isinstance(value, dict) else None if value == "" else value


def merge_metadata(metadata: Obj, changes: Obj | str) -> Obj:
    """Return the updated metadata. "" removes a key, or all of them. https://docs.stripe.com/api/metadata"""
    if not isinstance(changes, dict):
        return {}
    result = {key: value for key, value in (metadata | changes).items() if value != ""}
    if len(result) > 50:
        raise errors.ApiError("Metadata can have up to 50 keys.", param="metadata")
    return result
