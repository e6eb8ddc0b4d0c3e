"""Links in e-mails about new versions of files, which stop these e-mails without signing in."""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.models import Purchase

SALT = "apps.ecommerce.unsubscribe"


def unsubscribe_path(purchase: Purchase) -> str:
    token = Signer(salt=SALT).sign(purchase.public_id.hex)
    return reverse("unsubscribe", args=[token])


def unsubscribe_headers(purchase: Purchase) -> dict[str, str]:
    """Return the headers for the button of e-mail programs. https://www.rfc-editor.org/rfc/rfc8058"""
    return {
        "List-Unsubscribe": f"<{settings.SITE_URL}{unsubscribe_path(purchase)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def find_subscriber(token: str) -> Purchase | None:
    """Return the purchase of a link, or None if its signature is wrong."""
    try:
        public_id = Signer(salt=SALT).unsign(token)
    except BadSignature:
        return None
    return Purchase.objects.select_related("product").filter(public_id=public_id).first()


def set_subscribed(purchase: Purchase, *, subscribed: bool) -> None:
    purchase.unsubscribed_at = None if subscribed else timezone.now()
    Purchase.objects.filter(pk=purchase.pk).update(unsubscribed_at=purchase.unsubscribed_at)
