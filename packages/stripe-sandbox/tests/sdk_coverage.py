"""Compare the sandbox with the types of the installed SDK: routes, parameters and response fields."""

from __future__ import annotations

import re
import textwrap
import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import stripe
from stripe._object_classes import OBJECT_CLASSES, get_object_class
from typing_extensions import is_typeddict

from stripe_sandbox import includables, params, routes

_JOINED = "\0"  # a space at which no line is broken
_REQUEST = re.compile(r'_request\(\s*"(get|post|delete)",\s*"(/v1/[^"]+)"')


def find_sdk_routes() -> dict[str, set[str]]:
    """Return path ▶ methods of all v1 routes of the SDK. Parts of paths that vary are {id}."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in Path(stripe.__file__).parent.rglob("_*_service.py"):
        for method, path in _REQUEST.findall(file.read_text()):
            found[re.sub(r"{\w+}", "{id}", path)].add(method.upper())
    return found


def find_missing_routes() -> tuple[dict[str, list[str]], list[str]]:
    """Return missing routes of resources that the sandbox has, by resource, and the resources that it lacks."""
    supported = {(route.method, re.sub(r"{\w+}", "{id}", route.path)) for route in routes.ROUTES}
    resources = {_resource(path) for _, path in supported}
    partly: dict[str, list[str]] = defaultdict(list)
    lacking = set()
    for path, methods in sorted(find_sdk_routes().items()):
        if _resource(path) not in resources:
            lacking.add(_resource(path))
            continue
        for method in sorted(methods):
            if (method, path) not in supported:
                partly[_resource(path)].append(f"{method} {path.removeprefix('/v1/')}")
    return partly, sorted(lacking)


def _resource(path: str) -> str:
    """Return the part before the first id: "checkout/sessions" of /v1/checkout/sessions/{id}/line_items."""
    parts = path.removeprefix("/v1/").split("/{id}")[0].split("/")
    grouped = parts[0] in {"billing_portal", "checkout", "radar", "test_helpers"}
    return "/".join(parts[: 2 if grouped else 1])


def find_missing_params(route: routes.Route) -> list[str]:
    """Return the parameters of the SDK that the route refuses, without the parts of a hash that it refuses entirely."""
    return list(_missing(route.schema, route.supported, ""))


def _missing(schema: Any, supported: frozenset[str], at: str) -> Iterator[str]:
    for name, (hint, _) in params._fields(schema).items():
        path = f"{at}{name}"
        if path in supported or path == "expand":
            continue
        values = sorted(entry.partition("=")[2] for entry in supported if entry.startswith(f"{path}="))
        if values:
            yield f"{path}={'|'.join(values)} only"
        elif any(entry.startswith(f"{path}.") for entry in supported):
            for nested in _find_schemas(hint):
                yield from _missing(nested, supported, f"{path}.")
        else:
            yield path


def _find_schemas(hint: Any) -> list[Any]:
    if is_typeddict(hint):
        return [hint]
    if get_origin(hint) in (list, typing.Union):
        return [schema for option in get_args(hint) for schema in _find_schemas(option)][:1]
    return []


def find_empty_fields(objects: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the fields of each object type that have no value in these objects, and are no parameters."""
    filled: dict[str, set[str]] = defaultdict(set)
    for obj in objects:
        for nested in _find_objects(obj):
            filled[nested["object"]] |= {name for name, value in nested.items() if value is not None}
    for kind, name in includables.FIELDS:
        filled[kind].add(name)
    for kind in filled.keys() & OBJECT_CLASSES.keys():
        filled[kind] |= _find_params(get_object_class("V1", kind)) | {"deleted"}
    return {
        kind: missing
        for kind in sorted(filled)
        if kind in OBJECT_CLASSES
        and (missing := sorted(_list_fields(get_object_class("V1", kind)) - filled[kind]))
    }


def _find_params(cls: Any) -> set[str]:
    """Return the parameters with which objects of this class are created and changed."""
    url = cls.class_url() if hasattr(cls, "class_url") else ""
    return {
        entry.partition(".")[0]
        for route in routes.ROUTES
        if route.method == "POST" and route.path in (url, f"{url}/{{id}}")
        for entry in route.supported
    }


def _find_objects(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        if isinstance(node.get("object"), str):
            yield node
        for value in node.values():
            yield from _find_objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _find_objects(value)


def _list_fields(cls: Any) -> set[str]:
    return {name for name in cls.__annotations__ if not name.startswith("_") and name != "OBJECT_NAME"}


def describe(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return the README's section in Markdown."""
    partly, lacking = find_missing_routes()
    lines = [f"Compared with stripe-python {stripe.VERSION}, API version {stripe.api_version}.", ""]
    lines += ["### Routes", "", *_item("Not supported at all", lacking), ""]
    lines += [line for resource, missing in sorted(partly.items()) for line in _item(resource, missing)]
    lines += ["", "### Parameters", ""]
    for route in sorted(routes.ROUTES, key=lambda route: route.path):
        if missing := find_missing_params(route):
            lines += _item(f"{route.method} {route.path.removeprefix('/v1/')}", missing)
    lines += ["", "### Fields that have no value in the objects of the test", ""]
    lines += [line for kind, names in find_empty_fields(objects).items() for line in _item(kind, names)]
    return "\n".join(lines) + "\n"


def _item(title: str, names: list[str]) -> list[str]:
    text = f"- {title}: {', '.join(f'`{name}`'.replace(' ', _JOINED) for name in names)}"
    lines = textwrap.wrap(text, 118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line.replace(_JOINED, " ") for line in lines]
