"""Purchases of buyers without an account: accounts that claim them, and corrected addresses.

See docs/guests.md for who may see what, and when.
"""

import logging
from typing import Any

import stripe
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Mail, Purchase, PurchaseQuerySet, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.billing_details import store_checkout_details
from apps.ecommerce.purchases.emails.queue import queue_email
from apps.ecommerce.purchases.requested_links import queue_requested_link
from apps.ecommerce.purchases.signals import queue_signal
from apps.ecommerce.stripe_api.client import fetch_or_none, get_client, is_livemode, object_id
from apps.users.email_verification import is_email_verified
from apps.users.emails import deliver, is_daily_limit_reached
from apps.users.models import User

logger = logging.getLogger(__name__)

UNPAID = (Status.OPEN, Status.EXPIRED)
MAX_CUSTOMERS_PER_RUN = 50  # for each run of reconcile_purchases


def waiting_orders(user: User, guest_token: str = "") -> PurchaseQuerySet:
    """Return the paid orders that the user may claim: bought with the account's address, or in this browser."""
    rows = Purchase.objects.unclaimed().exclude(status__in=UNPAID).with_catalogue()
    own = rows.filter(email=user.email)
    return own | rows.filter(guest_token=guest_token) if guest_token else own


@transaction.atomic
def claim_orders(orders: PurchaseQuerySet, user: User) -> list[Purchase]:
    """Assign these orders to the account. The caller has checked that the user may claim them. Safe to repeat."""
    claimed = []
    for pk in orders.order_by("pk").values_list("pk", flat=True):
        purchase = orders.select_for_update(of=("self",)).filter(pk=pk).first()
        if purchase is None:  # another request has claimed it, or corrected its address
            continue
        changes = {
            "user": user,
            "guest_token": "",
            "claimed_token": purchase.guest_token,
            "claimed_at": timezone.now(),
            "is_address_outdated": purchase.is_address_outdated or purchase.email != user.email,
            "version": purchase.version + 1,
        }
        for name, value in changes.items():
            setattr(purchase, name, value)
        purchase.save(update_fields=changes)
        claimed.append(purchase)
        queue_signal("purchase_claimed", purchase, f"v{purchase.version}")
        enqueue(copy_customer, purchase.pk)
    return claimed


def claim_orders_of(email: str, user: User) -> list[Purchase]:
    """Claim the guest orders of an address that the user has just verified."""
    return claim_orders(Purchase.objects.unclaimed().exclude(status__in=UNPAID).filter(email=email), user)


def claim_confirmed(email_address: EmailAddress, **kwargs: Any) -> None:
    """Receive allauth's email_confirmed."""
    claim_orders_of(email_address.email, email_address.user)


def claim_after_signup(user: User, **kwargs: Any) -> None:
    """Receive allauth's user_signed_up: another service may have verified the address before."""
    if is_email_verified(user):
        claim_orders_of(user.email, user)


def move_to_session(purchase: Purchase, guest_token: str) -> None:
    """Move an unclaimed order to another session of the same browser. The caller has checked that it is the same."""
    rows = Purchase.objects.unclaimed().filter(pk=purchase.pk, guest_token=purchase.guest_token)
    rows.update(guest_token=guest_token, version=F("version") + 1)
    purchase.refresh_from_db()


@task()
def copy_customer(purchase_id: int) -> None:
    """Assign the customer that Stripe has created for the order to the account, unless it has one.

    Stripe's own receipts and reminders then go to the account's address, even if the buyer had mistyped it.
    """
    purchase = Purchase.objects.select_related("user").get(pk=purchase_id)
    session = fetch_or_none("checkout/sessions", purchase.session_id)
    customer_id = object_id(session["customer"]) if session else ""
    if not (session and customer_id and purchase.user):
        return
    entered = ((session["customer_details"] or {}).get("email") or "").lower()
    is_outdated = entered != purchase.user.email
    StripeCustomer.objects.get_or_create(
        user=purchase.user,
        livemode=purchase.livemode,
        defaults={"id": customer_id, "is_email_outdated": is_outdated},
    )
    store_checkout_details(session)
    if is_outdated:
        correct_customer.func(purchase_id)
        StripeCustomer.objects.filter(pk=customer_id).update(is_email_outdated=False)


def copy_missing_customers() -> None:
    """Repeat copy_customer for accounts without a customer: a request has failed, or the process was killed."""
    claimed = Purchase.objects.filter(claimed_at__isnull=False, user__isnull=False, livemode=is_livemode())
    # Newest first: sessions that are missing at Stripe are tried again each time, and must not delay others.
    claimed = claimed.exclude(session_id=None).order_by("-claimed_at")
    has_customer = StripeCustomer.objects.filter(user=OuterRef("user"), livemode=is_livemode())
    for purchase in claimed.exclude(Exists(has_customer))[:MAX_CUSTOMERS_PER_RUN]:
        copy_customer.func(purchase.pk)


@transaction.atomic
def correct_address(purchase: Purchase, email: str) -> bool:
    """Change the address of an unclaimed order, and send a link to the new one. The links to the old one are void.

    Return False if nothing has changed. Unpaid orders are excluded, so that e-mails to other people need a payment.
    """
    unclaimed = Purchase.objects.unclaimed().exclude(status__in=UNPAID)
    locked = unclaimed.select_for_update().filter(pk=purchase.pk).first()
    if locked is None or locked.email == email:
        return False
    Purchase.objects.filter(pk=locked.pk).update(
        email=email, version=locked.version + 1, is_address_outdated=True
    )
    locked.refresh_from_db()
    queue_email(locked, Mail.Kind.LINK, f"address v{locked.version}")
    enqueue(correct_customer, locked.pk)
    return True


@task()
def correct_customer(purchase_id: int) -> None:
    """Correct the address of the customer at Stripe, which Stripe's own receipts use."""
    purchase = Purchase.objects.select_related("user").get(pk=purchase_id)
    session = fetch_or_none("checkout/sessions", purchase.session_id) if purchase.session_id else None
    if session and (customer_id := object_id(session["customer"])):
        get_client().v1.customers.update(customer_id, {"email": purchase.current_email})
    unchanged = Purchase.objects.filter(pk=purchase_id, email=purchase.email, user=purchase.user_id)
    unchanged.update(is_address_outdated=False)


def repeat_corrections() -> None:
    """Repeat correct_customer where a request has failed, or the process was killed."""
    outdated = Purchase.objects.filter(is_address_outdated=True, livemode=is_livemode())
    for pk in outdated.values_list("pk", flat=True):
        try:
            correct_customer.func(pk)
        except stripe.InvalidRequestError:  # a deleted customer, or an address that Stripe does not accept
            logger.exception("Stripe refuses the corrected e-mail address of order %s", pk)
            Purchase.objects.filter(pk=pk).update(is_address_outdated=False)
        except stripe.APIError:
            logger.exception("The e-mail address of order %s could not be corrected at Stripe", pk)


@task()
def send_link(email: str, language: str) -> None:
    """E-mail a link to the newest order of this address, or a note that it has no orders, which takes the same time.

    `language` is that of the visitor, because a worker has none.
    """
    orders = Purchase.objects.of_address(email).known_to_buyers().exclude(status__in=UNPAID)
    purchase = orders.unclaimed().first() or orders.first()
    if purchase:
        queue_requested_link(purchase)
        return
    with override(language or None):
        _send_no_orders_email(email)


def _send_no_orders_email(email: str) -> None:
    if is_daily_limit_reached("no orders", email):
        return
    subject = _("Your purchases at %(site)s") % {"site": settings.SITE_NAME}
    body = _(
        "Someone asked for the purchases of this e-mail address, but there are none. Did you use another address?\n\n"
        "If this wasn't you, you can ignore this e-mail.\n\n%(url)s"
    )
    deliver.func(subject, body % {"url": settings.SITE_URL}, settings.DEFAULT_FROM_EMAIL, [email], [])
