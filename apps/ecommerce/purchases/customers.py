"""Create Stripe's Customer of a user, and keep its e-mail address the same. https://docs.stripe.com/api/customers"""

from collections.abc import Collection
from typing import Any

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.stripe_api.client import get_client, is_livemode
from apps.users.models import User


def get_or_create_customer(user: User) -> StripeCustomer:
    """Return the user's customer in the current mode. Raise stripe.StripeError."""
    if known := StripeCustomer.objects.filter(user=user, livemode=is_livemode()).first():
        return known
    metadata = {"user": str(user.pk)}
    created = get_client().v1.customers.create(
        {"email": user.email, "name": user.name or user.email, "metadata": metadata}
    )
    customer, _created = StripeCustomer.objects.get_or_create(
        user=user, livemode=is_livemode(), defaults={"id": created.id}
    )
    return customer


def queue_email_update(
    instance: User, created: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Receive post_save of User."""
    if created or (update_fields is not None and "email" not in update_fields):
        return
    if StripeCustomer.objects.filter(user=instance, livemode=is_livemode()).exists():
        enqueue(update_customer_email, instance.pk)


@task()
def update_customer_email(user_id: int) -> None:
    customer = (
        StripeCustomer.objects.filter(user=user_id, livemode=is_livemode()).select_related("user").first()
    )
    if customer:
        get_client().v1.customers.update(customer.id, {"email": customer.user.email})
