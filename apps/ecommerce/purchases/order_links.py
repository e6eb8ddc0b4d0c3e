"""Links in e-mails that need no password: those that verify the buyer's address, and those that download a file."""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.stripe_api.client import is_livemode

ORDER = "order"
SALT, DOWNLOAD_SALT = "apps.ecommerce.order_links", "apps.ecommerce.download_links"
LINK_AGE = timedelta(days=30)
# After an account has claimed the order. Programs that scan e-mails open a link before the buyer does, and people open
# it on a second device.
CLAIMED_LINK_AGE = timedelta(days=2)


def order_link(purchase: Purchase, to: str = "") -> str:
    """Return the URL that opens what was bought, or the order if `to` is ORDER."""
    key = signing.dumps([purchase.public_id.hex, purchase.current_email], salt=SALT)
    return f"{settings.SITE_URL}{reverse('open_order', args=[key])}{f'?to={to}' if to else ''}"


def find_by_link(key: str) -> Purchase | None:
    """Return the purchase of a link; None if the link is forged, too old, or was sent to a former address."""
    try:
        public_id, email = signing.loads(key, salt=SALT)
        purchase = _find_owned(public_id)
        if purchase is None or purchase.current_email != email:
            return None
        signing.loads(key, salt=SALT, max_age=LINK_AGE if purchase.is_unclaimed else CLAIMED_LINK_AGE)
    except signing.BadSignature:
        return None
    return purchase


def download_link(purchase: Purchase, file_id: int) -> str:
    """Return the URL that downloads the file, and nothing else, while the purchase grants access."""
    key = signing.dumps([purchase.public_id.hex, file_id, purchase.current_email], salt=DOWNLOAD_SALT)
    return f"{settings.SITE_URL}{reverse('download_link', args=[key])}"


def find_download(key: str) -> tuple[Purchase, int, bool] | None:
    """Return the purchase, the id of the file, and whether the link works without signing in; None if it is forged.

    It does not if it is too old, or was sent to a former address.
    """
    try:
        public_id, file_id, *email = signing.loads(key, salt=DOWNLOAD_SALT)  # no address before 1.0.0
    except signing.BadSignature:
        return None
    purchase = _find_owned(public_id)
    if purchase is None:
        return None
    try:
        signing.loads(key, salt=DOWNLOAD_SALT, max_age=LINK_AGE)
    except signing.SignatureExpired:
        return purchase, file_id, False
    return purchase, file_id, email == [purchase.current_email]


def goods_url(purchase: Purchase, to: str = "") -> str:
    """Return the path of what was bought; without access that of the order, which says why."""
    if to == ORDER or not has_access(purchase):
        return purchase.get_absolute_url()
    return reverse("purchased_product", args=[purchase.product.configuration.slug])


def _find_owned(public_id: str) -> Purchase | None:
    """Return the purchase of the current mode, unless its account was deleted."""
    purchases = Purchase.objects.select_related("user", "product__configuration")
    purchase = purchases.filter(public_id=public_id, livemode=is_livemode()).first()
    return purchase if purchase and purchase.buyer else None
