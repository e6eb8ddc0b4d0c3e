"""Changes at Stripe while a page is open: renewals, refunds, disputes, results of bank debits."""

from typing import Any

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Payment, ProductConfiguration, Purchase
from apps.ecommerce.stripe_api.client import get_client
from stripe_sandbox import scheduled_actions, storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.resources import disputes


def renew(purchase: Purchase, *, fails: bool = False) -> None:
    """End the period (or trial), and let Stripe charge the card for the next one."""
    if fails:
        panel_actions.fail_next_renewal(purchase.subscription_id)
    panel_actions.advance_to_renewal(purchase.subscription_id)


def advance_days(purchase: Purchase, days: int) -> None:
    panel_actions.advance(purchase.subscription_id, days * 86400)


def refund(row: Purchase | Payment, amount: int | None = None) -> None:
    """Refund this amount in minor units, by default all."""
    params: Any = {"payment_intent": row.payment_intent_id, **({"amount": amount} if amount else {})}
    get_client().v1.refunds.create(params)


def complete_debit(purchase: Purchase) -> None:
    """Let the bank accept or refuse the debit, as the account number decides."""
    assert scheduled_actions.run_for(str(purchase.session_id))


def open_dispute(purchase: Purchase) -> None:
    """Open a dispute; needs a card number for disputes."""
    intent = get_client().v1.payment_intents.retrieve(purchase.payment_intent_id)
    assert scheduled_actions.run_for(str(intent.latest_charge))


def dispute(payment: Payment) -> None:
    """Open a dispute about a payment with any card."""
    with storage.transaction():
        disputes.open_dispute(storage.find("charge", ("id", "=", payment.charge_id))[0])


def win_dispute(purchase: Purchase) -> None:
    """Send evidence that the bank accepts."""
    (dispute,) = get_client().v1.disputes.list({"payment_intent": purchase.payment_intent_id}).data
    evidence: Any = {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}
    get_client().v1.disputes.update(dispute.id, evidence)
    assert scheduled_actions.run_for(dispute.id)


def expire_checkout(purchase: Purchase) -> None:
    get_client().v1.checkout.sessions.expire(str(purchase.session_id))


def create_promotion_code(code: str, percent_off: int, **duration: Any) -> None:
    """Create a code for a coupon that applies, by default, to one payment."""
    fields: Any = {"percent_off": percent_off, "duration": "once"} | duration
    coupon = get_client().v1.coupons.create(fields)
    params: Any = {"code": code, "promotion": {"type": "coupon", "coupon": coupon.id}}
    get_client().v1.promotion_codes.create(params)


def add_price(slug: str, amount: int) -> None:
    """Add a one-time price to the product, at Stripe and in the store."""
    product = ProductConfiguration.objects.get(slug=slug).product_id
    params: Any = {"product": product, "currency": "usd", "unit_amount": amount}
    get_client().v1.prices.create(params)
    sync_product(product)


def create_custom_product(name: str, **limits: int) -> str:
    """Create a product whose buyers choose the amount, at Stripe and in the store. Return its slug."""
    price: Any = {"currency": "usd", "custom_unit_amount": {"enabled": True, **limits}}
    product = get_client().v1.products.create({"name": name, "default_price_data": price}).id
    sync_product(product)
    return ProductConfiguration.objects.get(product=product).slug


def add_currency(slug: str, currency: str, amount: int) -> None:
    """Add a currency to the prices of the product, at Stripe and in the store."""
    product = ProductConfiguration.objects.get(slug=slug).product
    options: Any = {currency: {"unit_amount": amount}}
    for price in product.prices.all():
        get_client().v1.prices.update(price.id, {"currency_options": options})
    sync_product(product.id)
