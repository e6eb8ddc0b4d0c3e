"""Changes at Stripe, made through the sandbox: renewals, refunds, disputes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from apps.ecommerce.models import Payment, Purchase
from apps.ecommerce.purchases.entitlements import has_access, purchases_with_access
from stripe_sandbox import storage
from stripe_sandbox.billing import clocks, collection, panel_actions
from stripe_sandbox.panel import actions
from stripe_sandbox.resources import invoices
from tests.factories import add_price

HOUR, DAY = 3600, 86400


def deliver_all(sandbox: Any) -> None:
    while sandbox.deliver(after=10):
        pass


def deliver(sandbox: Any, purchase: Purchase) -> Purchase:
    """Deliver all events and return the current purchase."""
    deliver_all(sandbox)
    return Purchase.objects.get(pk=purchase.pk)


def renew(sandbox: Any, purchase: Purchase, periods: int = 1) -> Purchase:
    for _ in range(periods):
        panel_actions.advance_to_renewal(purchase.subscription_id)
    return deliver(sandbox, purchase)


def fail_renewal(sandbox: Any, purchase: Purchase) -> Purchase:
    panel_actions.fail_next_renewal(purchase.subscription_id)
    return renew(sandbox, purchase)


def wait(sandbox: Any, purchase: Purchase, seconds: int) -> Purchase:
    panel_actions.advance(purchase.subscription_id, seconds)
    return deliver(sandbox, purchase)


def stripe_now(purchase: Purchase) -> datetime:
    """Return the time of the buyer's test clock, or the current time."""
    subscription = storage.get(purchase.subscription_id) or {}
    frozen = clocks.get_frozen_time(clocks.get_clock_id(subscription.get("customer")))
    return datetime.fromtimestamp(frozen, UTC) if frozen else timezone.now()


def is_open(purchase: Purchase, now: datetime | None = None) -> bool:
    """Return whether there is access at `now`, by default at Stripe's time. Both functions must agree."""
    now = now or stripe_now(purchase)
    purchase = Purchase.objects.get(pk=purchase.pk)
    answer = has_access(purchase, now)
    assert purchases_with_access(now).filter(pk=purchase.pk).exists() == answer
    return answer


def find_session(sandbox: Any, purchase: Purchase) -> Any:
    return sandbox.client.v1.checkout.sessions.retrieve(purchase.session_id)


def last_session(sandbox: Any) -> Any:
    return sandbox.client.v1.checkout.sessions.list({"limit": 1}).data[0]


def paid_charges() -> list[dict[str, Any]]:
    """Return the successful charges, oldest first."""
    return storage.find("charge", ("status", "=", "succeeded"))[::-1]


def find_invoices() -> list[dict[str, Any]]:
    """Return all invoices, oldest first."""
    return storage.find("invoice")[::-1]


def refund(sandbox: Any, charge: dict[str, Any], amount: int | None = None) -> str:
    """Refund a charge, by default all of it, and return the refund's id."""
    params: Any = {"charge": charge["id"], **({"amount": amount} if amount else {})}
    return str(sandbox.client.v1.refunds.create(params).id)


def fail_refund(charge: dict[str, Any], amount: int) -> str:
    """Refund `amount` minor units in a way that fails later, and return the refund's id."""
    actions.perform(storage.get(charge["id"]) or {}, "refund_fails", {"amount": f"{amount / 100:.2f}"})
    return str(storage.find("refund", ("charge", "=", charge["id"]))[0]["id"])


def run_scheduled(object_id: str) -> None:
    """Let the bank respond: a refund fails, a debit arrives."""
    actions.perform(storage.get(object_id) or {}, "hurry", {})


def dispute(charge: dict[str, Any], kind: str = "dispute_fraudulent") -> str:
    """Dispute a charge and return the dispute's id. `kind` dispute_inquiry starts with an inquiry."""
    actions.perform(storage.get(charge["id"]) or {}, "dispute", {"choice": kind})
    return str(storage.find("dispute", ("charge", "=", charge["id"]))[0]["id"])


def win(dispute_id: str) -> None:
    actions.perform(storage.get(dispute_id) or {}, "win", {})


def lose(dispute_id: str) -> None:
    actions.perform(storage.get(dispute_id) or {}, "lose", {})


def change_plan(sandbox: Any, purchase: Purchase, price: str, **params: Any) -> None:
    item = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)["items"].data[0].id
    items: Any = [{"id": item, "price": price}]
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"items": items, **params})


def bill_now(purchase: Purchase, reason: str = "subscription_update") -> dict[str, Any]:
    """Create and charge an invoice within the current period, as after a change with `always_invoice`."""
    subscription = storage.get(purchase.subscription_id) or {}
    with clocks.object_time(subscription), storage.transaction():
        invoice = invoices.new(subscription, reason, status="draft")
        return collection.start_collection(invoice, at_once=True)


def put_addon_first(sandbox: Any, purchase: Purchase, product_id: str) -> str:
    """Add an item of another product in front of the bought one, and return its price's id."""
    price_id = add_price(sandbox.client, product_id, 300, interval="month")
    subscription = storage.get(purchase.subscription_id) or {}
    items = subscription["items"]
    (bought,) = items["data"]
    price = storage.get(price_id) or {}
    addon = bought | {"id": "si_addon", "price": price, "quantity": 5}
    storage.put(addon, parent=purchase.subscription_id)
    storage.update(purchase.subscription_id, items=items | {"data": [addon, bought]})
    return price_id


def split_invoice(invoice_id: str, parts: list[tuple[str, int]]) -> list[str]:
    """Replace the payments of a paid invoice by several, each of a type and amount. Return their new charges.

    A `payment_intent` and a `charge` have a charge; a `payment_record` was paid outside Stripe.
    https://docs.stripe.com/api/invoice-payment/object
    """
    (template,) = storage.find("invoice_payment", ("invoice", "=", invoice_id))
    intent = storage.get(template["payment"]["payment_intent"]) or {}
    charge = storage.get(intent["latest_charge"]) or {}
    for obj in (template, intent, charge):
        storage.delete(obj["id"])
    made = []
    for number, (kind, amount) in enumerate(parts):
        keys: dict[str, Any] = {"type": kind}
        if kind == "payment_record":
            keys["payment_record"] = f"pr_part{number}"
        else:
            part = f"{charge['id']}part{number}"
            intent_id = f"{intent['id']}part{number}" if kind == "payment_intent" else None
            values = {"id": part, "amount": amount, "amount_captured": amount, "payment_intent": intent_id}
            storage.put(charge | values)
            if intent_id:
                storage.put(
                    intent
                    | {"id": intent_id, "amount": amount, "amount_received": amount, "latest_charge": part}
                )
            keys |= {"payment_intent": intent_id} if intent_id else {"charge": part}
            made.append(part)
        row = template | {"id": f"{template['id']}{number}", "amount_paid": amount, "payment": keys}
        storage.put(row | {"amount_requested": amount})
    return made


def payments(purchase: Purchase) -> list[Payment]:
    """Return the stored payments, oldest first."""
    return list(Payment.objects.filter(purchase=purchase).order_by("created_at", "id"))


def escalate(dispute_id: str) -> None:
    """Turn an inquiry into a chargeback."""
    actions.perform(storage.get(dispute_id) or {}, "escalate", {})
