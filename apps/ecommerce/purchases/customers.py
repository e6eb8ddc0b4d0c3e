"""Keep the e-mail address of Stripe's Customer the same as the account's. https://docs.stripe.com/api/customers/update"""

from collections.abc import Collection
from typing import Any

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.stripe_api.client import get_client, is_livemode
from apps.users.models import User


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
