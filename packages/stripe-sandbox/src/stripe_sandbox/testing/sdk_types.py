"""Check requests and responses against the types of the SDK, without the sandbox's own code."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import stripe
from stripe._object_classes import OBJECT_CLASSES, get_object_class
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict


def check_response(obj: Mapping[str, Any], cls: Any = None, at: str = "") -> None:
    """Check that all required fields of the object exist and have the right types, in nested objects, too.

    A deleted object needs only its id, and the invoice of the event invoice.upcoming has none. The AssertionError
    names the field.
    """
    kind = obj.get("object")
    if kind in ("list", "search_result"):
        _check_list(obj, at)
        return
    if isinstance(kind, str) and kind in OBJECT_CLASSES:
        named = get_object_class("V1", kind)
        assert cls in (None, named) or not hasattr(cls, "OBJECT_NAME"), (
            f"{at or kind}: a {kind}, not a {cls.__name__}"
        )
        cls = named
    assert cls is not None, f"{at}: no class for {kind!r}"
    where = at or getattr(cls, "OBJECT_NAME", cls.__qualname__)
    if obj.get("deleted") is True:
        assert obj.keys() == {"id", "object", "deleted"}, (
            f"{where}: a deleted object has nothing else, not {sorted(obj)}"
        )
        return
    hints = {
        name: hint for name, hint in cls.__annotations__.items() if name[0] != "_" and name != "OBJECT_NAME"
    }
    unknown = obj.keys() - hints.keys()
    assert not unknown, f"{where}: unknown {sorted(unknown)}"
    optional = {"id"} if kind == "invoice" and obj.get("billing_reason") == "upcoming" else set()
    for name, hint in hints.items():
        options = _union(hint)
        if NoneType not in options and name not in optional:
            assert obj.get(name) is not None, f"{where}.{name}: required"
        if obj.get(name) is not None:
            _check_value(obj[name], options, cls._inner_class_types.get(name), f"{where}.{name}")


def _check_list(obj: Mapping[str, Any], at: str) -> None:
    extra = {"next_page"} if obj["object"] == "search_result" else set()
    assert obj.keys() == {"object", "data", "has_more", "url"} | extra, f"{at or 'list'}: {sorted(obj)}"
    assert isinstance(obj["has_more"], bool)
    assert obj["url"].startswith("/v1/"), f"{at}.url: {obj['url']}"
    for index, item in enumerate(obj["data"]):
        check_response(item, None, f"{at}[{index}]")


def _check_value(value: Any, options: list[Any], inner: Any, at: str) -> None:
    if isinstance(value, list):
        lists = [option for option in options if get_origin(option) is list]
        assert lists, f"{at}: a list, not {options}"
        for index, item in enumerate(value):
            _check_value(item, _union(get_args(lists[0])[0]), inner, f"{at}[{index}]")
    elif isinstance(value, Mapping):
        if isinstance(value.get("object"), str):
            assert any(not _is_plain(option) for option in options), f"{at}: an object, not {options}"
            check_response(value, None, at)
        elif inner is not None and any(get_origin(option) is UntypedStripeObject for option in options):
            for key, nested in value.items():  # currency ▶ amounts
                check_response(nested, inner, f"{at}.{key}")
        elif inner is not None and inner is not UntypedStripeObject:
            check_response(value, inner, at)
        else:
            untyped = {get_origin(option) or option for option in options} & {UntypedStripeObject, dict}
            assert untyped, f"{at}: a hash, not {options}"
    else:
        plain = [option for option in options if _is_plain(option)]
        assert plain, f"{at}: {value!r}, not {options}"
        assert any(_fits(value, option) for option in plain), f"{at}: {value!r}, not {options}"


def _fits(value: Any, option: Any) -> bool:
    if get_origin(option) is Literal:
        return value in get_args(option)
    if option is Decimal:  # JSON has decimals as strings
        return isinstance(value, str) and Decimal(value).is_finite()
    if option is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is option


def _is_plain(option: Any) -> bool:
    return get_origin(option) is Literal or option in (str, int, bool, float, Decimal)


def _union(hint: Any) -> list[Any]:
    return list(get_args(hint)) if get_origin(hint) in (Union, UnionType) else [hint]


def check_params(params: Mapping[str, Any], schema: Any, at: str = "") -> None:
    """Check that all parameters are in the TypedDict with an allowed type, and that no required one is missing.

    `schema` is a class of `stripe.params`. Enums accept their named values only, although the SDK allows others.
    """
    assert is_typeddict(schema), schema
    names = {
        **vars(typing),
        "StripeContext": stripe.StripeContext,
        "UntypedStripeObject": UntypedStripeObject,
    }
    hints = get_type_hints(schema, localns=names, include_extras=True)
    fields = {name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__}
    unknown = params.keys() - fields.keys()
    assert not unknown, f"{schema.__name__}: unknown {[f'{at}{name}' for name in sorted(unknown)]}"
    for name, hint in fields.items():
        optional = get_origin(hint) is NotRequired
        inside = get_args(hint)[0] if get_origin(hint) in (NotRequired, Required) else hint
        assert optional or params.get(name) is not None, f"{schema.__name__}: {at}{name} is missing"
        if params.get(name) is not None:
            _check_param(params[name], _union(inside), f"{at}{name}")


def _check_param(value: Any, options: list[Any], at: str) -> None:
    if isinstance(value, Mapping):
        schemas = [option for option in options if is_typeddict(option)]
        free = [option for option in options if get_origin(option) is dict]
        assert schemas or free, f"{at}: a hash, not {options}"
        if schemas:
            check_params(value, schemas[0], f"{at}.")
        elif is_typeddict(get_args(free[0])[1]):  # currency ▶ amounts
            for key, nested in value.items():
                check_params(nested, get_args(free[0])[1], f"{at}.{key}.")
        else:
            assert all(isinstance(key, str) and isinstance(text, str) for key, text in value.items()), at
        return
    if isinstance(value, (list, tuple)):
        lists = [option for option in options if get_origin(option) is list]
        assert lists, f"{at}: a list, not {options}"
        for index, item in enumerate(value):
            _check_param(item, _union(get_args(lists[0])[0]), f"{at}[{index}]")
        return
    literals = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if isinstance(value, str) and any(literals):
        assert value in literals, f"{at}: {value!r} is none of {literals}"
        return
    fits = [option for option in options if _fits_param(value, option)]
    assert fits, f"{at}: {value!r}, not {options}"


def _fits_param(value: Any, option: Any) -> bool:
    if get_origin(option) is Literal:
        return value in get_args(option)
    if option in (Decimal, float):
        return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return type(value) is option
