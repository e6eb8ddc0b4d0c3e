"""Validate and convert request parameters with the TypedDicts of the SDK."""

import re
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import stripe
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from . import errors
from .forms import Tree
from .storage import Obj

# Removed in 2026-09-30.endive, but common in older tutorials.
_REMOVED = {"payment_method_types": "payment_method_types_no_longer_supported"}


def check(tree: Tree, schema: type, supported: frozenset[str]) -> Obj:
    """Return the parameters as Python values: int, bool, str, list, dict (decimals are str). Raise ApiError if invalid.

    `supported` contains dotted paths without list indexes. "a" includes "a.b"; "a.b=false" supports this value only.
    """
    params = _convert_hash(tree, schema, "")
    for path, param, value in _leaves(params, "", ""):
        known = (
            not path
            or any(part in supported for part in _with_parents(path))
            or f"{path}={_to_literal(value)}" in supported
        )
        if not known and path != "expand":
            raise errors.unsupported(f"the parameter `{param}`", param)
    return params


def _convert_hash(tree: Tree, schema: type, at: str) -> Obj:
    fields = _fields(schema)
    for name in tree:
        if name in _REMOVED and name not in fields:
            message = f"The parameter `{name}` is no longer supported: Stripe chooses the methods from your settings."
            raise errors.ApiError(message, code=_REMOVED[name], param=_name(at, name))
    if unknown := [_name(at, name) for name in tree if name not in fields]:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise errors.ApiError(message, code="parameter_unknown", param=unknown[0])
    params = {name: _convert_value(raw, fields[name][0], _name(at, name)) for name, raw in tree.items()}
    for name, (_, required) in fields.items():
        if required and name not in params:
            raise errors.missing(_name(at, name))
        if required and params[name] == "":
            raise errors.empty(_name(at, name))
    return params


def _convert_value(raw: str | Tree, hint: Any, at: str) -> Any:
    options = _options(hint)
    if isinstance(raw, dict):
        return _convert_nested(raw, options, at)
    literals = [value for option in options if get_origin(option) is Literal for value in get_args(option)]
    if raw in literals:
        return raw
    if raw == "" and str in options:
        if any(literals):
            raise errors.empty(at)
        return raw
    for kind, convert in _SCALARS.items():
        if kind in options and (kind is not str or not any(literals)):
            return convert(raw, at)
    if any(literals):
        *others, last = sorted(filter(None, literals))
        choice = f"one of {', '.join(others)}, or {last}" if len(others) > 1 else " or ".join([*others, last])
        raise errors.ApiError(f"Invalid {at}: must be {choice}", param=at)
    wanted = "array" if any(get_origin(option) is list for option in options) else "object"
    raise errors.ApiError(f"Invalid {wanted}", param=at)


def _convert_nested(tree: Tree, options: list[Any], at: str) -> Any:
    for option in options:
        if is_typeddict(option):
            return _convert_hash(tree, option, at)
        if get_origin(option) is dict:
            return _convert_free_hash(tree, get_args(option)[1], at)
        if get_origin(option) is list:
            if not all(key.isdecimal() for key in tree):
                raise errors.ApiError("Invalid array", param=at)
            (item,) = get_args(option)
            rows = [(f"{at}[{index}]", tree[key]) for index, key in enumerate(sorted(tree, key=int))]
            if blank := [name for name, raw in rows if raw == ""]:
                raise errors.empty(blank[0])
            return [_convert_value(raw, item, name) for name, raw in rows]
    raise errors.ApiError(
        "Invalid string: a hash or an array was given", code="parameter_invalid_string", param=at
    )


def _convert_free_hash(tree: Tree, hint: Any, at: str) -> Obj:
    """Convert a hash with any keys, such as metadata. https://docs.stripe.com/api/metadata"""
    values = {key: _convert_value(raw, hint, f"{at}[{key}]") for key, raw in tree.items()}
    if hint is str:
        for key, value in values.items():
            for what, text, limit in (("keys", key, 40), ("values", value, 500)):
                if len(text) > limit:
                    message = (
                        f"Metadata {what} can have up to {limit} characters, but you passed in a {what[:-1]} that is"
                        f" {len(text)} characters. Invalid {what[:-1]}: {text}"
                    )
                    raise errors.ApiError(message, param=at)
        if len(values) > 50:
            raise errors.ApiError(
                f"Metadata can have up to 50 keys, but you passed in {len(values)}.", param=at
            )
    return values


def _integer(raw: str, at: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", raw):
        raise errors.ApiError(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=at)
    return int(raw)


def _boolean(raw: str, at: str) -> bool:
    if raw.lower() not in ("true", "false"):  # stripe-python up to 11 sends True
        raise errors.ApiError(f"Invalid boolean: {raw}", param=at)
    return raw.lower() == "true"


def _decimal(raw: str, at: str) -> str:
    try:
        if Decimal(raw).is_finite():
            return raw
    except InvalidOperation:
        pass
    raise errors.ApiError(f"Invalid decimal: {raw}", param=at)


# For unions the first type wins.
_SCALARS: dict[type, Callable[[str, str], Any]] = {
    int: _integer,
    bool: _boolean,
    Decimal: _decimal,
    float: lambda raw, at: float(_decimal(raw, at)),
    str: lambda raw, at: raw,
}


def _name(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def _leaves(value: Any, path: str, param: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict) and value:
        for name, nested in value.items():
            yield from _leaves(nested, f"{path}.{name}".lstrip("."), _name(param, name))
    elif isinstance(value, list) and value:
        for index, nested in enumerate(value):
            yield from _leaves(nested, path, f"{param}[{index}]")
    else:
        yield path, param, value


def _with_parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


def _to_literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _fields(schema: type) -> dict[str, tuple[Any, bool]]:
    """Return parameter ▶ (type, is required), without the SDK's request options such as idempotency_key."""
    names = {
        **vars(typing),
        "StripeContext": stripe.StripeContext,
        "UntypedStripeObject": UntypedStripeObject,
    }
    hints = get_type_hints(schema, localns=names, include_extras=True)
    return {
        name: (
            get_args(hint)[0] if get_origin(hint) in (NotRequired, Required) else hint,
            get_origin(hint) is not NotRequired,
        )
        for name, hint in hints.items()
        if name not in RequestOptions.__annotations__
    }


def _options(hint: Any) -> list[Any]:
    return list(get_args(hint)) if get_origin(hint) in (Union, UnionType) else [hint]
