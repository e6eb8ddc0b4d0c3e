"""Create Stripe's Customer of a user, and keep its e-mail address current. https://docs.stripe.com/api/customers"""

import logging
from collections.abc import Collection
from typing import Any

import stripe

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.purchases.shop_id import shop_metadata
from apps.ecommerce.stripe_api.client import fetch_or_none, get_client, is_livemode
from apps.users.guests import Buyer
from apps.users.models import User

logger = logging.getLogger(__name__)


def find_customer(user: Buyer) -> StripeCustomer | None:
    """Return the account's customer in the current mode. A guest has none: Stripe creates one for each payment."""
    if not isinstance(user, User):
        return None
    return StripeCustomer.objects.filter(user=user, livemode=is_livemode()).first()


def get_or_create_customer(user: User, idempotency_key: str = "") -> StripeCustomer:
    """Return the user's customer in the current mode. Two requests with the same key create one customer.

    Raise stripe.StripeError.
    """
    if known := find_customer(user):
        return known
    metadata = shop_metadata(user=str(user.pk))
    created = get_client().v1.customers.create(
        {"email": user.email, "name": user.name or user.email, "metadata": metadata},
        {"idempotency_key": idempotency_key} if idempotency_key else {},
    )
    customer, _created = StripeCustomer.objects.get_or_create(
        user=user, livemode=is_livemode(), defaults={"id": created.id}
    )
    return customer


def billing_currency(user: Buyer) -> str:
    """Return the currency to which Stripe binds the user's customer; "" without one. Raise stripe.StripeError."""
    known = find_customer(user)
    customer = fetch_or_none("customers", known.id) if known else None
    return (customer or {}).get("currency") or ""


def queue_email_update(
    instance: User, created: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Receive post_save of User."""
    if created or (update_fields is not None and "email" not in update_fields):
        return
    if StripeCustomer.objects.filter(user=instance, livemode=is_livemode()).update(is_email_outdated=True):
        enqueue(update_customer_email, instance.pk)


@task()
def update_customer_email(user_id: int) -> None:
    customers = StripeCustomer.objects.filter(user=user_id, livemode=is_livemode(), is_email_outdated=True)
    if customer := customers.select_related("user").first():
        email = customer.user.email
        get_client().v1.customers.update(customer.id, {"email": email})
        # Unless it has changed again.
        StripeCustomer.objects.filter(pk=customer.pk, user__email=email).update(is_email_outdated=False)


def repeat_email_updates() -> None:
    """Repeat updates that failed."""
    outdated = StripeCustomer.objects.filter(is_email_outdated=True, livemode=is_livemode())
    for user_id in outdated.values_list("user", flat=True):
        try:
            update_customer_email.func(user_id)
        except stripe.InvalidRequestError:  # a deleted customer, or an address that Stripe does not accept
            logger.exception("Stripe refuses the new e-mail address of user %s", user_id)
            StripeCustomer.objects.filter(user=user_id, livemode=is_livemode()).update(
                is_email_outdated=False
            )
        except stripe.APIError:
            logger.exception("The e-mail address of user %s could not be updated at Stripe", user_id)
