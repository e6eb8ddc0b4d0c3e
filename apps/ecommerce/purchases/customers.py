"""Keep the e-mail address of Stripe's Customer the same as the account's. https://docs.stripe.com/api/customers/update"""

import logging
from collections.abc import Collection
from typing import Any

import stripe

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.stripe_api.client import get_client, is_livemode
from apps.users.models import User

logger = logging.getLogger(__name__)


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
        except stripe.InvalidRequestError:  # for example a deleted customer
            logger.exception("The e-mail address of user %s could not be updated at Stripe", user_id)
