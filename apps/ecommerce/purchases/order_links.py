"""Links in e-mails that prove the buyer's address, and open the order without a password."""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.stripe_api.client import is_livemode

ORDER = "order"
SALT = "apps.ecommerce.order_links"
LINK_AGE = timedelta(days=30)
# After an account has claimed the order. Programs that scan e-mails open a link before the buyer does, and people open
# it on a second device.
CLAIMED_LINK_AGE = timedelta(days=2)


def order_link(purchase: Purchase, to: str = "") -> str:
    """Return the URL that opens what was bought. `to` is the id of a file, or ORDER."""
    key = signing.dumps([purchase.public_id.hex, purchase.current_email], salt=SALT)
    return f"{settings.SITE_URL}{reverse('open_order', args=[key])}{f'?to={to}' if to else ''}"


def find_by_link(key: str) -> Purchase | None:
    """Return the purchase of a link; None if the link is forged, too old, or was sent to a former address."""
    try:
        public_id, email = signing.loads(key, salt=SALT, max_age=LINK_AGE)
        purchases = Purchase.objects.select_related("user", "product__configuration")
        purchase = purchases.filter(public_id=public_id, livemode=is_livemode()).first()
        if purchase and not purchase.is_unclaimed:
            signing.loads(key, salt=SALT, max_age=CLAIMED_LINK_AGE)
    except signing.BadSignature:
        return None
    is_owned = purchase and (purchase.user or purchase.is_unclaimed)
    return purchase if purchase and is_owned and purchase.current_email == email else None


def goods_url(purchase: Purchase, to: str = "") -> str:
    """Return the path of what was bought, see order_link. Without access, that of the order, which says why."""
    if to == ORDER or not has_access(purchase):
        return purchase.get_absolute_url()
    slug = purchase.product.configuration.slug
    if to.isdecimal():
        return reverse("purchased_file", args=[slug, int(to)])
    return reverse("purchased_product", args=[slug])
