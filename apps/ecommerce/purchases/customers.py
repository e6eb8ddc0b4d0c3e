"""Keep the e-mail address of Stripe's Customer the same as the account's. https://docs.stripe.com/api/customers/update"""

from typing import Any

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.stripe_api.client import get_client, is_livemode
from apps.users.models import User


def queue_email_update(user: User, **kwargs: Any) -> None:
    """Receive allauth's signal email_changed."""
    if StripeCustomer.objects.filter(user=user, livemode=is_livemode()).exists():
        enqueue(update_customer_email, user.pk)


@task()
def update_customer_email(user_id: int) -> None:
    customer = (
        StripeCustomer.objects.filter(user=user_id, livemode=is_livemode()).select_related("user").first()
    )
    if customer:
        get_client().v1.customers.update(customer.id, {"email": customer.user.email})
