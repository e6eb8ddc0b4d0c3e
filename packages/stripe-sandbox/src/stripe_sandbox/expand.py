"""`expand`: ids replaced by the objects they name. The SDK's classes say which fields can be.

https://docs.stripe.com/expand
"""

from collections.abc import Callable
from typing import Any, ForwardRef, get_args

import stripe
from stripe._object_classes import OBJECT_CLASSES, get_object_class

from . import errors, shapes, storage
from .storage import Obj

_DEEPEST = 4


def _rows(kind: str, parent: str, url: str) -> Obj:
    data, has_more = storage.page(kind, parent=parent, limit=10)
    return shapes.envelope(data, url, has_more)


def _belonging(kind: str, field: str, url: str) -> Callable[[Obj], Obj]:
    def include(owner: Obj) -> Obj:
        data, has_more = storage.page(kind, (field, "=", owner["id"]), limit=10)
        return shapes.envelope(data, url.format(id=owner["id"]), has_more)

    return include


# Fields that are there only when asked for ▶ what they then hold.
_INCLUDABLE: dict[tuple[str, str], Callable[[Obj], Obj]] = {
    ("charge", "refunds"): _belonging("refund", "charge", "/v1/charges/{id}/refunds"),
    ("checkout.session", "line_items"): lambda session: _rows(
        "item", session["id"], f"/v1/checkout/sessions/{session['id']}/line_items"
    ),
    ("customer", "subscriptions"): _belonging("subscription", "customer", "/v1/customers/{id}/subscriptions"),
    ("invoice", "payments"): _belonging("invoice_payment", "invoice", "/v1/invoice_payments?invoice={id}"),
}


def expand(obj: Obj, paths: list[str]) -> Obj:
    """The object with each dotted path expanded. Raises ApiError for one that can't be, or goes too deep."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            message = f"You cannot expand more than {_DEEPEST} levels of a property: {path}."
            raise errors.ApiError(message, param="expand")
        _expand(obj, _class_of(obj), steps, path)
    return obj


def _expand(node: Obj, cls: Any, steps: list[str], path: str) -> None:
    step, *rest = steps
    if node.get("object") == "list" and step == "data":
        if not rest:
            raise _not_expandable(path, node)
        for item in node["data"]:
            _expand(item, _class_of(item), rest, path)
        return
    include = _INCLUDABLE.get((node.get("object", ""), step))
    if include and step not in node:
        node[step] = include(node)
    elif not include and not _can_expand(cls, step, rest):
        raise _not_expandable(path, node)
    value = node.get(step)
    if isinstance(value, str):
        value = node[step] = storage.get(value) or value
    if not rest:
        return
    for nested in value if isinstance(value, list) else [value]:
        if isinstance(nested, dict):
            _expand(nested, _class_of(nested) or cls._inner_class_types.get(step), rest, path)


def _can_expand(cls: Any, step: str, rest: list[str]) -> bool:
    """Whether the field can hold an id or an object, or is a hash or a list on the way to one."""
    if cls is None or step not in cls.__annotations__:
        return False
    hint = cls.__annotations__[step]
    options = {option for arg in (hint, *get_args(hint)) for option in (arg, *get_args(arg))}
    names_objects = any(isinstance(option, ForwardRef) for option in options) or isinstance(hint, str)
    return (names_objects and str in options) or (
        bool(rest) and (names_objects or step in cls._inner_class_types)
    )


def _class_of(obj: Obj) -> type[stripe.StripeObject] | None:
    kind = obj.get("object", "")
    return get_object_class("V1", kind) if kind in OBJECT_CLASSES else None


def _not_expandable(path: str, node: Obj) -> errors.ApiError:
    hint = f" You may want to try expanding 'data.{path}' instead." if node.get("object") == "list" else ""
    return errors.ApiError(f"This property cannot be expanded ({path}).{hint}", param="expand")
