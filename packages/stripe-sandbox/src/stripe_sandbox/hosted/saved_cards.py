"""The customer's saved cards on the payment page. https://docs.stripe.com/payments/checkout/save-during-payment"""

from collections.abc import Mapping
from typing import Any

from .. import cards, storage
from ..resources import payment_methods
from ..storage import Obj
from .session_view import SessionView

NEW = "new"
MAX_CARDS = 50
_ENDED = ("canceled", "incomplete_expired")


def find_all(order: SessionView) -> list[Obj]:
    """Return the cards that the page offers, the preselected one first: the default one for subscriptions, or the last.

    As at Stripe, only cards with name, e-mail address and country, and by `allow_redisplay_filters`.
    """
    customer, options = order.session["customer"], order.session["saved_payment_method_options"] or {}
    if customer is None or not order.needs_card or "card" not in order.methods:
        return []
    shown = options.get("allow_redisplay_filters") or ["always"]
    filters = ("customer", "=", customer), ("type", "=", "card"), ("allow_redisplay", "IN", shown)
    found = [method for method in storage.find("payment_method", *filters) if _is_complete(method)]
    default = _default(customer) if order.mode == "subscription" else None
    return sorted(found, key=lambda method: method["id"] != default)[:MAX_CARDS]


def find_chosen(order: SessionView, posted: Mapping[str, str]) -> Obj | None:
    """Return the saved card that the buyer chose, or None for a new card or another payment method."""
    if posted.get("paymentMethod", "card") != "card":
        return None
    chosen = posted.get("savedPaymentMethod")
    return next((method for method in find_all(order) if method["id"] == chosen), None)


def offers_to_save(order: SessionView) -> bool:
    options = order.session["saved_payment_method_options"] or {}
    return order.needs_card and options.get("payment_method_save") == "enabled"


def describe(order: SessionView) -> list[dict[str, Any]]:
    """Return the saved cards as the page shows them."""
    return [
        {
            "id": method["id"],
            "name": f"{method['card']['brand'].title()} •••• {method['card']['last4']}",
            "expiry": f"{method['card']['exp_month']:02} / {method['card']['exp_year'] % 100:02}",
            "is_removable": _is_removable(order, method),
        }
        for method in find_all(order)
    ]


def get_preselected(described: list[dict[str, Any]], chosen: str) -> str:
    """Return the id of the card that the buyer chose before, or of the first one, or NEW."""
    known = [str(card["id"]) for card in described] + [NEW]
    return chosen if chosen in known else known[0]


def remove(order: SessionView, method_id: str) -> None:
    """Detach a saved card, if the session allows it and no subscription depends on it."""
    with storage.transaction():
        for method in find_all(order):
            if method["id"] == method_id and _is_removable(order, method):
                payment_methods.remove(method)


def needs_authentication(card: cards.Card) -> bool:
    """Return whether the saved card requires 3D Secure. One test card requires it only until it is saved."""
    return card.challenge and card.method != "authenticationRequiredOnSetup"


def find_decline(card: cards.Card) -> cards.Decline | None:
    """Return why a payment with the saved card fails, or None."""
    return cards.GENERIC if card.follow_up == "renewal_declined" else card.decline


def _is_complete(method: Obj) -> bool:
    details = method["billing_details"]
    return bool(details["email"] and details["name"] and (details["address"] or {}).get("country"))


def _is_removable(order: SessionView, method: Obj) -> bool:
    options = order.session["saved_payment_method_options"] or {}
    if options.get("payment_method_remove") != "enabled":
        return False
    using = storage.find("subscription", ("default_payment_method", "=", method["id"]))
    running = [subscription for subscription in using if subscription["status"] not in _ENDED]
    return not running or _default(method["customer"]) not in (None, method["id"])


def _default(customer_id: str) -> str | None:
    customer = storage.get(customer_id, "customer") or {}
    default: str | None = (customer.get("invoice_settings") or {}).get("default_payment_method")
    return default
