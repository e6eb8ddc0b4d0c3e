"""Import sales that were made outside the store: by Payment Links, in Stripe's Dashboard, by other programs.

A sale to a known customer becomes a purchase of this customer's account. With ADOPT_FOREIGN_SALES, so does a sale to
the verified e-mail address of an account. All others wait in the admin until the operator assigns or ignores them.
"""

import logging
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from apps.core.tasks import enqueue, task
from apps.ecommerce.catalogue.bought_prices import find_or_copy_price
from apps.ecommerce.models import ExternalSale, Price, Product, Purchase, StripeCustomer, parse_public_id
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.payments.invoice_lines import fetch_lines
from apps.ecommerce.purchases.payments.stored_payments import invoice_subscription
from apps.ecommerce.purchases.payments.stripe_payments import to_datetime
from apps.ecommerce.purchases.shop_id import is_of_other_shop
from apps.ecommerce.stripe_api.client import (
    StripeData,
    expanded,
    fetch,
    fetch_or_none,
    is_livemode,
    object_id,
)
from apps.users.models import User

logger = logging.getLogger(__name__)

CAUSE = "sale outside the store"
MAX_EMAIL_LENGTH = 254


def import_session(session_id: str, cause: str) -> Purchase | None:
    """Store the sale of a paid Checkout Session that the store has not created. Raise stripe.StripeError.

    Return its synced purchase; None if the sale has no owner yet, or is not of a known product. For subscriptions, use
    import_subscription.
    """
    session = fetch_or_none("checkout/sessions", session_id, expand=["line_items.data.price"])
    if session is None or session["mode"] != "payment" or _is_of_a_store(session["metadata"]):
        return None
    if session["status"] != "complete" or session["payment_status"] == "unpaid":
        return None
    lines = session["line_items"]["data"]
    details = session["customer_details"] or {}
    return _import(
        [(line["price"], line["quantity"] or 1) for line in lines if line["price"]],
        cause,
        id=session["id"],
        email=details.get("email") or session["customer_email"] or "",
        customer_id=object_id(session["customer"]),
        currency=session["currency"],
        amount=session["amount_total"],
        sold_at=to_datetime(session["created"]),
    )


def import_invoice(invoice_id: str, cause: str) -> Purchase | None:
    """Store the sale of a paid invoice without subscription, as import_session does."""
    if Purchase.objects.filter(payments__invoice_id=invoice_id).exists():
        return None
    invoice = fetch_or_none("invoices", invoice_id, expand=["payments"])
    if invoice is None or invoice["status"] != "paid" or _is_of_a_store(invoice["metadata"]):
        return None
    if invoice_subscription(invoice):
        return None
    if session_id := _find_session(invoice):
        return import_session(session_id, cause)
    return _import(
        [(price, line["quantity"] or 1) for line in fetch_lines(invoice) if (price := _line_price(line))],
        cause,
        id=invoice["id"],
        email=invoice["customer_email"] or "",
        customer_id=object_id(invoice["customer"]),
        currency=invoice["currency"],
        amount=invoice["total"],
        sold_at=to_datetime(invoice["created"]),
    )


def import_subscription_sale(subscription: StripeData, cause: str) -> Purchase | None:
    """Store the sale of a subscription, as import_session does."""
    items = subscription["items"]["data"]
    customer_id = object_id(subscription["customer"])
    has_owner = StripeCustomer.objects.filter(id=customer_id, livemode=is_livemode()).exists()
    if subscription["status"] == "incomplete" and not has_owner:
        return None  # not sold before the first payment succeeds
    is_known = ExternalSale.objects.filter(id=subscription["id"]).exists()
    if not is_known and _find_known_price([item["price"] for item in items]) is None:
        return None  # without fetching its customer, because reconcile_purchases compares all subscriptions
    customer = None if is_known or has_owner else fetch_or_none("customers", customer_id)
    return _import(
        [(item["price"], item.get("quantity") or 1) for item in items],
        cause,
        id=subscription["id"],
        email=(customer or {}).get("email") or "",  # a deleted customer has none
        customer_id=customer_id,
        currency=subscription["currency"],
        amount=sum(_item_amount(item, subscription["currency"]) for item in items),
        sold_at=to_datetime(subscription["created"]),
    )


def assign_sale(sale: ExternalSale, user: User, cause: str) -> Purchase:
    """Assign the sale to the account, and return its synced purchase. Raise stripe.StripeError.

    Safe to repeat. An assigned sale keeps its account.
    """
    with transaction.atomic():
        sale = ExternalSale.objects.select_for_update().get(pk=sale.pk)
        purchase = sale.purchase
        if purchase is None:
            purchase = _create_purchase(sale, user, cause)
            ExternalSale.objects.filter(pk=sale.pk).update(purchase=purchase, ignored_at=None)
    return sync_purchase(purchase, cause)


def adopt_sale(sale: ExternalSale, cause: str = CAUSE) -> Purchase | None:
    """Assign the sale to the account of its customer or of its verified e-mail address, if there is one."""
    owner = _find_owner(sale)
    return assign_sale(sale, owner, cause) if owner else None


def find_verified_account(email: str) -> User | None:
    """Return the active account that has verified this e-mail address."""
    rows = EmailAddress.objects.filter(email=email.lower(), verified=True, user__is_active=True)
    row = rows.select_related("user").first() if email else None
    return row.user if row else None


def queue_adoption(email_address: EmailAddress, **kwargs: Any) -> None:
    """Receive allauth's email_confirmed: the account may have bought before it was created."""
    if settings.ADOPT_FOREIGN_SALES:
        enqueue(adopt_sales_of, email_address.email)


@task()
def adopt_sales_of(email: str) -> None:
    for sale in ExternalSale.objects.unassigned().filter(email__iexact=email):
        adopt_sale(sale)


def _import(lines: list[tuple[StripeData, int]], cause: str, **fields: Any) -> Purchase | None:
    """`lines` are prices at Stripe and their quantities."""
    prices = [price for price, _quantity in lines]
    sold = _find_known_price(prices)
    if sold is None:
        return None
    sale, is_new = ExternalSale.objects.get_or_create(
        id=fields.pop("id"),
        defaults={
            **fields,
            "email": fields["email"][:MAX_EMAIL_LENGTH],  # Stripe allows longer addresses
            "price": sold,
            "quantity": next(quantity for price, quantity in lines if price["id"] == sold.id),
            "also_sold": _other_products(prices, sold),
            "livemode": is_livemode(),
        },
    )
    if is_new:
        logger.warning("Found a sale outside the store: %s", sale)
    return None if sale.ignored_at else adopt_sale(sale, cause)


def _item_amount(item: StripeData, currency: str) -> int:
    amount = item["price"]["unit_amount"]
    if item["price"]["currency"] != currency:
        known = Price.objects.filter(id=item["price"]["id"]).first()
        amount = known.amount_in(currency) if known else None
    return (amount or 0) * (item.get("quantity") or 1)


def _find_known_price(listed: list[StripeData]) -> Price | None:
    """Return the first price of a known product. A price that was never for sale is copied from Stripe."""
    prices = Price.objects.select_related("product").in_bulk([price["id"] for price in listed])
    if known := next((prices[price["id"]] for price in listed if price["id"] in prices), None):
        return known
    return next(filter(None, map(find_or_copy_price, listed)), None)


def _other_products(prices: list[StripeData], sold: Price) -> str:
    ids = {object_id(price["product"]) for price in prices} - {sold.product_id}
    return ", ".join(Product.objects.filter(id__in=ids).values_list("name", flat=True))


def _find_owner(sale: ExternalSale) -> User | None:
    customers = StripeCustomer.objects.filter(id=sale.customer_id, livemode=sale.livemode)
    if sale.customer_id and (customer := customers.select_related("user").first()):
        return customer.user
    return find_verified_account(sale.email) if settings.ADOPT_FOREIGN_SALES else None


def _create_purchase(sale: ExternalSale, user: User, cause: str) -> Purchase:
    kind = sale.id.partition("_")[0]
    source = {"cs": "session_id", "sub": "subscription_id", "in": "invoice_id"}[kind]
    fields = {
        source: sale.id,
        "quantity": sale.quantity,
        "currency": sale.currency,
        "amount_subtotal": sale.amount,
        "amount_total": sale.amount,
        # The sync corrects it. If that fails, reconcile_purchases repeats it.
        "status": Status.INCOMPLETE if kind == "sub" else Status.PROCESSING,
    }
    return Purchase.objects.create_for(user, sale.price, cause, **fields)


def _is_of_a_store(metadata: StripeData | None) -> bool:
    """Return whether a store has created the object: this one, which has its purchase, or another one."""
    is_own = parse_public_id((metadata or {}).get("purchase")) is not None
    return is_own or is_of_other_shop(metadata)


def _find_session(invoice: StripeData) -> str:
    """Return the id of the Checkout Session whose payment created the invoice; "" without one."""
    for payment in (invoice["payments"] or {"data": []})["data"]:
        if intent := object_id(payment["payment"].get("payment_intent")):
            for session in fetch("checkout/sessions", payment_intent=intent)["data"]:
                return str(session["id"])
    return ""


def _line_price(line: StripeData) -> StripeData | None:
    """Return the price of an invoice line; None if it has no price or its product is unknown."""
    details = (line["pricing"] or {}).get("price_details") or {}
    if not Product.objects.filter(id=object_id(details.get("product"))).exists():
        return None
    return expanded(details["price"]) or fetch_or_none("prices", object_id(details["price"]))
