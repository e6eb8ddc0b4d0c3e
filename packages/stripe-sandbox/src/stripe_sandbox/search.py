"""Stripe's search query language. https://docs.stripe.com/search

Results are complete at once; Stripe's are up to a minute late.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import errors, storage
from .calls import Call, Handler, get_limit
from .storage import Obj

# object ▶ fields that can be searched, besides metadata
_FIELDS = {
    "charge": "amount billing_details.address.postal_code created currency customer disputed refunded status"
    " payment_method_details.card.brand payment_method_details.card.exp_month payment_method_details.card.exp_year"
    " payment_method_details.card.fingerprint payment_method_details.card.last4",
    "customer": "created email name phone",
    "invoice": "created currency customer number receipt_number status subscription total",
    "payment_intent": "amount created currency customer status",
    "price": "active currency lookup_key product type",
    "product": "active description name shippable url",
    "subscription": "canceled_at created status",
}
_PATHS = {("invoice", "subscription"): "parent.subscription_details.subscription"}
_CLAUSE = re.compile(
    r"""\s*(?P<negated>-?)(?P<field>[a-z_][a-z_0-9.]*)(?:\[(?P<quote>["'])(?P<key>.*?)(?P=quote)\])?"""
    r"""\s*(?P<operator>:|~|<=|>=|<|>)\s*(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"']+)"""
)
_CONJUNCTION = re.compile(r"\s+(AND|OR)\b|\s+(?=\S)", re.IGNORECASE)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ":": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


@dataclass(frozen=True)
class Clause:
    path: tuple[str, ...]
    operator: str
    value: str
    negated: bool

    def matches(self, obj: Obj) -> bool:
        return self._compare(obj) != self.negated

    def _compare(self, obj: Obj) -> bool:
        found: Any = obj
        for name in self.path:
            found = found.get(name) if isinstance(found, dict) else None
        if self.value == "null":
            return found is None
        if found is None:
            return False
        if isinstance(found, int) and not isinstance(found, bool):
            return _COMPARISONS[self.operator](found, float(self.value))
        text, value = str(found).lower(), self.value.lower()
        return value in text if self.operator == "~" else text == value


def search(kind: str) -> Handler:
    """Return the handler of GET /v1/<objects>/search."""

    def handler(call: Call) -> Obj:
        clauses, combine = parse(kind, call.params["query"])
        found = [obj for obj in storage.find(kind) if combine(clause.matches(obj) for clause in clauses)]
        start, limit = _read_page(call.params.get("page", "")), get_limit(call)
        following = str(start + limit) if len(found) > start + limit else None
        return {
            "object": "search_result",
            "data": found[start : start + limit],
            "has_more": following is not None,
            "next_page": following,
            "url": call.path,
        }

    return handler


def parse(kind: str, query: str) -> tuple[list[Clause], Callable[..., bool]]:
    """Return the clauses, and `all` or `any`. Raise ApiError if the query is invalid."""
    clauses, words, position = [], set(), 0
    while match := _CLAUSE.match(query, position):
        clauses.append(_build_clause(kind, match))
        position = match.end()
        if joint := _CONJUNCTION.match(query, position):
            words.add((joint[1] or "AND").upper())
            position = joint.end()
    if not clauses or query[position:].strip():
        message = f"We were unable to parse your search query. (The sandbox stopped at `{query[position:]}`.)"
        raise errors.ApiError(message, param="query")
    if len(words) > 1:
        raise errors.ApiError("You cannot combine AND and OR in the same search query.", param="query")
    return clauses, any if words == {"OR"} else all


def _build_clause(kind: str, match: re.Match[str]) -> Clause:
    field, key, raw = match["field"], match["key"], match["value"]
    if (field == "metadata") != (key is not None) or (
        field != "metadata" and field not in _FIELDS[kind].split()
    ):
        message = f"Field `{field}` is an unsupported search field for resource `{kind}s`."
        raise errors.ApiError(message, param="query")
    value = re.sub(r"\\(.)", r"\1", raw[1:-1]) if raw[0] in "\"'" else raw
    path = ("metadata", key) if key is not None else tuple(_PATHS.get((kind, field), field).split("."))
    numeric = field in ("amount", "canceled_at", "created", "total") or field.endswith(
        ("exp_month", "exp_year")
    )
    if numeric and value != "null" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        raise errors.ApiError(f"Field `{field}` needs a number, not `{value}`.", param="query")
    if match["operator"] in (("~",) if numeric else ("<", "<=", ">", ">=")):
        message = f"Operator `{match['operator']}` is not supported for the field `{field}`."
        raise errors.ApiError(message, param="query")
    return Clause(path, match["operator"], value, bool(match["negated"]))


def _read_page(page: str) -> int:
    if page and not page.isdecimal():
        raise errors.ApiError("Invalid page.", param="page")
    return int(page or 0)
