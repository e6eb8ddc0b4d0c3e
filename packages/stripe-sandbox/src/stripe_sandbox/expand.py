"""Replace ids by their objects. The SDK's classes say which fields are expandable. https://docs.stripe.com/expand"""

from typing import Any, ForwardRef, get_args

import stripe
from stripe._object_classes import OBJECT_CLASSES, get_object_class

from . import errors, includables, old_fields, storage
from .storage import Obj

_LISTS = ("list", "search_result")
_MAX_DEPTH = 4
_MAX_LINES = 10  # in an invoice; /v1/invoices/{id}/lines has all


def expand(obj: Obj, paths: list[str], old: old_fields.Fields | None = None) -> Obj:
    """Return the object with all paths expanded. Raise ApiError for a path that is too deep or not expandable.

    `old` are the fields of an old API version.
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > _MAX_DEPTH:
            message = f"You cannot expand more than {_MAX_DEPTH} levels of a property: {path}."
            raise errors.ApiError(message, param="expand")
        _expand(obj, _object_class(obj), steps, path, includables.FIELDS | (old or {}))
    for invoice in obj["data"] if obj.get("object") in _LISTS else [obj]:
        if invoice.get("object") == "invoice":
            _shorten_lines(invoice["lines"])
    return obj


def _shorten_lines(lines: Obj) -> None:
    lines["has_more"] = len(lines["data"]) > _MAX_LINES
    lines["data"] = lines["data"][:_MAX_LINES]


def _expand(node: Obj, cls: Any, steps: list[str], path: str, fields: old_fields.Fields) -> None:
    step, *rest = steps
    if node.get("object") in _LISTS and step == "data":
        if not rest:
            raise _not_expandable(path, node)
        for item in node["data"]:
            _expand(item, _object_class(item), rest, path, fields)
        return
    include = fields.get((_kind(node), step))
    if include and step not in node:
        node[step] = include(node)
    elif not include and not _can_expand(cls, step, rest):
        raise _not_expandable(path, node)
    value: Any = node.get(step)
    if isinstance(value, str):
        value = node[step] = storage.get(value) or value
    elif isinstance(value, list):
        value = node[step] = [storage.get(item) or item if isinstance(item, str) else item for item in value]
    if rest and (include_nested := includables.NESTED.get((_kind(node), step, rest[0]))):
        value[rest[0]] = include_nested(node)
        cls, value, step, rest = cls._inner_class_types[step], value[rest[0]], rest[0], rest[1:]
    if not rest:
        return
    for nested in value if isinstance(value, list) else [value]:
        if isinstance(nested, dict):
            _expand(nested, _object_class(nested) or cls._inner_class_types.get(step), rest, path, fields)


def _can_expand(cls: Any, step: str, rest: list[str]) -> bool:
    if cls is None or step not in cls.__annotations__:
        return False
    hint = cls.__annotations__[step]
    options = {option for arg in (hint, *get_args(hint)) for option in (arg, *get_args(arg))}
    names_objects = any(isinstance(option, ForwardRef) for option in options) or isinstance(hint, str)
    return names_objects or (bool(rest) and step in cls._inner_class_types)


def _object_class(obj: Obj) -> type[stripe.StripeObject] | None:
    kind = _kind(obj)
    return get_object_class("V1", kind) if kind in OBJECT_CLASSES else None


def _kind(obj: Obj) -> str:
    kind = obj.get("object")
    return kind if isinstance(kind, str) else ""  # an event's data has an object there


def _not_expandable(path: str, node: Obj) -> errors.ApiError:
    hint = f" You may want to try expanding 'data.{path}' instead." if node.get("object") == "list" else ""
    return errors.ApiError(f"This property cannot be expanded ({path}).{hint}", param="expand")
