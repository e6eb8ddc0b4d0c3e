"""What happens at Stripe while a buyer looks: time passes, the operator refunds, a bank answers."""

from typing import Any

from apps.ecommerce.models import Purchase
from apps.ecommerce.stripe_api.client import get_client
from stripe_sandbox import scheduled_actions
from stripe_sandbox.billing import panel_actions


def renewal(purchase: Purchase, *, fails: bool = False) -> None:
    """The period (or trial) ends, and Stripe charges the card for the next one."""
    if fails:
        panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)


def days_pass(purchase: Purchase, days: int) -> None:
    panel_actions.advance(purchase.subscription_id, days * 86400)


def refund(purchase: Purchase, amount: int | None = None) -> None:
    """The operator gives money back: minor units, default all."""
    params: Any = {"payment_intent": purchase.payment_intent_id, **({"amount": amount} if amount else {})}
    get_client().v1.refunds.create(params)


def bank_answers(purchase: Purchase) -> None:
    """The debited account's bank pays or refuses, as the account has it."""
    assert scheduled_actions.run_for(str(purchase.session_id))


def dispute_arrives(purchase: Purchase) -> None:
    """The buyer has complained to the bank of a card that is made for it."""
    intent = get_client().v1.payment_intents.retrieve(purchase.payment_intent_id)
    assert scheduled_actions.run_for(str(intent.latest_charge))


def dispute_is_won(purchase: Purchase) -> None:
    """The operator sends evidence, and the bank accepts it."""
    (dispute,) = get_client().v1.disputes.list({"payment_intent": purchase.payment_intent_id}).data
    evidence: Any = {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}
    get_client().v1.disputes.update(dispute.id, evidence)
    assert scheduled_actions.run_for(dispute.id)


def checkout_expires(purchase: Purchase) -> None:
    get_client().v1.checkout.sessions.expire(str(purchase.session_id))


def promotion(code: str, percent_off: int) -> None:
    """The operator hands out a code, good once for each sale."""
    coupon = get_client().v1.coupons.create({"percent_off": percent_off, "duration": "once"})
    params: Any = {"code": code, "promotion": {"type": "coupon", "coupon": coupon.id}}
    get_client().v1.promotion_codes.create(params)
