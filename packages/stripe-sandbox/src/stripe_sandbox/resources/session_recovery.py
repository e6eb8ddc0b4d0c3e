"""Recover an expired Checkout Session. https://docs.stripe.com/payments/checkout/abandoned-carts"""

from .. import clock, ids, storage
from ..storage import Obj
from . import checkout_rules, session_items

RECOVERY_SECONDS = 30 * 86400
_HIDDEN = ("payment_intent_data", "subscription_data", "customer_update", "payment_method_data", "offers",
           "presentment_currency")  # fmt: skip


def build_expired_fields(session: Obj) -> Obj:
    """Return the fields of a session that expires: `after_expiration` gets the URL of a new one, if requested."""
    expiration = session["after_expiration"]
    if not expiration or not expiration["recovery"]["enabled"]:
        return {}
    base = session["url"].rpartition("/checkout/")[0]
    expires_at = session["expires_at"] + RECOVERY_SECONDS
    link = {"url": f"{base}/recover/{session['id']}", "expires_at": expires_at}
    return {"after_expiration": {"recovery": expiration["recovery"] | link}}


def is_recoverable(session: Obj) -> bool:
    recovery = (session["after_expiration"] or {}).get("recovery") or {}
    return session["status"] == "expired" and clock.now() < (recovery.get("expires_at") or 0)


def recover(session: Obj) -> Obj:
    """Store and return a new open session with the content of the expired one."""
    new_id, recovery = ids.new("checkout.session"), session["after_expiration"]["recovery"]
    rows = [row | {"id": ids.new("item")} for row in storage.find("item", parent=session["id"])]
    session_items.store(new_id, rows)
    hidden = storage.get_hidden(session["id"])
    fields = {
        "id": new_id,
        "after_expiration": None,
        "allow_promotion_codes": recovery["allow_promotion_codes"],
        "created": clock.now(),
        "expires_at": clock.now() + checkout_rules.MAX_EXPIRY_SECONDS,
        "recovered_from": session["id"],
        "status": "open",
        "url": recovery["url"].replace(f"/recover/{session['id']}", f"/checkout/{new_id}"),
    }
    if session["mode"] == "payment":
        fields["payment_intent"] = None
    return storage.put(session | fields, hidden={name: hidden[name] for name in _HIDDEN if name in hidden})
