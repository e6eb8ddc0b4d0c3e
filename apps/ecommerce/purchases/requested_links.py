"""Links to an order that are requested by entering an e-mail address."""

from datetime import timedelta

from django.utils import timezone

from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.purchases.emails.queue import queue_email

MAX_PER_DAY = 5  # links for each order


def queue_requested_link(purchase: Purchase) -> None:
    """E-mail the link at most once a minute and MAX_PER_DAY times a day, for all requests together."""
    now = timezone.now()
    links = Mail.objects.filter(
        purchase=purchase, kind=Mail.Kind.LINK, created_at__gt=now - timedelta(days=1)
    )
    if links.count() < MAX_PER_DAY:
        queue_email(purchase, Mail.Kind.LINK, f"requested {now:%Y-%m-%d %H:%M}")
