"""API versions: requests and objects of older releases. https://docs.stripe.com/api/versioning

The sandbox stores the newest shapes, those of the SDK. In the releases of SUPPORTED, the types of Stripe's SDKs differ
for the sandbox's objects and parameters only in what this module translates, and in added fields.
"""

import re
from collections.abc import Callable
from typing import Any

import stripe

from . import errors, old_fields, storage
from .forms import Tree
from .storage import Obj

SUPPORTED = ("clover", "dahlia", "endive")
WARNING_HEADER = "Stripe-Sandbox-Warning"
_BASIL, _CLOVER, _DAHLIA, _ENDIVE = "2025-03-31", "2025-09-30", "2026-03-25", "2026-09-30"
_FORMAT = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?(;.*)?")
_UI_MODES = {"hosted": "hosted_page", "embedded": "embedded_page", "custom": "elements"}
_OLD_UI_MODES = {new: old for old, new in _UI_MODES.items()}
_SETTING = "unplayed_versions"  # the key in existing files


def check(version: str, param: str = "") -> str:
    """Return the warning for a version that is not supported, or "". Raise ApiError if it is malformed."""
    if not _FORMAT.fullmatch(version):
        raise errors.ApiError(f"Invalid Stripe API version: {version}", param=param)
    if is_played(version):
        return ""
    known = find_unsupported()
    if version not in known:
        storage.set_setting(_SETTING, sorted([*known, version]))
    return f"API version {version} is not supported. Objects have the shapes of {stripe.api_version}."


def is_played(version: str) -> bool:
    return version.partition(";")[0].rpartition(".")[2] in SUPPORTED


def find_unsupported() -> list[str]:
    """Return the versions that are not supported and that requests and webhook endpoints have named."""
    return list(storage.get_setting(_SETTING, []))


def upgrade_params(version: str, method: str, path: str, tree: Tree) -> Tree:
    """Return the request's parameters with the names and values of the newest version."""
    for before, url, upgrade in _REQUESTS:
        if method == "POST" and version < before and re.fullmatch(url, path):
            tree = upgrade(dict(tree))
    return tree


def downgrade(version: str, node: Any) -> Any:
    """Return a response in the shapes of a supported version. Events keep the version in which they were created.

    Before basil, it has the newest shapes and the most used fields of that time.
    """
    if version < _BASIL:
        return old_fields.add(node) if node.get("object") != "event" else node
    if version >= _ENDIVE or not is_played(version):
        return node
    if isinstance(node, list):
        return [downgrade(version, item) for item in node]
    if not isinstance(node, dict) or node.get("object") == "event":
        return node
    return _downgrade_object(version, {name: downgrade(version, value) for name, value in node.items()})


def get_old_fields(version: str) -> old_fields.Fields:
    """Return the fields of a version before basil, which requests may expand."""
    return old_fields.FIELDS if version < _BASIL else {}


def render_event(event: Obj, version: str | None) -> Obj:
    """Return the event for a webhook endpoint with this API version (None: the account's version)."""
    if version and version < _BASIL:
        return event | {"data": event["data"] | {"object": old_fields.add(event["data"]["object"])}}
    if not version or not is_played(version):
        return event
    return event | {"api_version": version, "data": downgrade(version, event["data"])}


def _downgrade_object(version: str, obj: Obj) -> Obj:
    if obj.get("object") == "checkout.session":
        obj.pop("allowed_payment_method_types", None)
        if version < _DAHLIA:
            obj["ui_mode"] = _OLD_UI_MODES.get(obj["ui_mode"], obj["ui_mode"])
    return obj


def _upgrade_methods(tree: Tree) -> Tree:
    """Before endive, payment_method_types lists the payment methods. Since then Stripe chooses them."""
    if "payment_method_types" not in tree:
        return tree
    methods = _pop_methods(tree, "card", "sepa_debit")
    return tree | {"allowed_payment_method_types": methods}


def _upgrade_intent_methods(tree: Tree) -> Tree:
    """Before endive, payment_method_types is a parameter of intents, too. The sandbox's intents take cards only.

    Listed methods need no return URL, like automatic ones without redirects.
    """
    if "payment_method_types" not in tree:
        return tree
    _pop_methods(tree, "card")
    return tree | {"automatic_payment_methods": {"enabled": "true", "allow_redirects": "never"}}


def _pop_methods(tree: Tree, *supported: str) -> Any:
    methods = tree.pop("payment_method_types")
    for method in methods.values() if isinstance(methods, dict) else [methods]:
        if method not in supported:
            raise errors.unsupported(f"the payment method type `{method}`", "payment_method_types")
    return methods


def _upgrade_ui_mode(tree: Tree) -> Tree:
    mode = tree.get("ui_mode")
    return tree | {"ui_mode": _UI_MODES.get(mode, mode)} if isinstance(mode, str) else tree


def _upgrade_anchor(tree: Tree) -> Tree:
    anchor = tree.get("billing_cycle_anchor")
    return tree | {"billing_cycle_anchor": {"type": anchor}} if anchor in ("now", "unchanged") else tree


def _upgrade_promotion(tree: Tree) -> Tree:
    if "coupon" not in tree:
        return tree
    return tree | {"promotion": {"type": "coupon", "coupon": tree.pop("coupon")}}


def _upgrade_discount(tree: Tree) -> Tree:
    given: Tree = {name: tree.pop(name) for name in ("coupon", "promotion_code") if name in tree}
    return tree | {"discounts": {"0": given}} if given else tree


# (first version with the new form, path, translation)
_REQUESTS: tuple[tuple[str, str, Callable[[Tree], Tree]], ...] = (
    (_ENDIVE, "/v1/checkout/sessions", _upgrade_methods),
    (_ENDIVE, "/v1/(payment|setup)_intents", _upgrade_intent_methods),
    (_ENDIVE, "/v1/subscriptions/[^/]+(/resume)?", _upgrade_anchor),
    (_DAHLIA, "/v1/checkout/sessions", _upgrade_ui_mode),
    (_CLOVER, "/v1/promotion_codes", _upgrade_promotion),
    (_BASIL, "/v1/subscriptions(/[^/]+)?", _upgrade_discount),
)
