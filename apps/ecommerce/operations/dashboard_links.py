"""Links from the admin to Stripe's Dashboard, or to the sandbox's panel."""

from django.conf import settings
from django.urls import reverse

DASHBOARD = "https://dashboard.stripe.com"
# beginning of an id ▶ the folder of its page. Checkout Sessions have none.
FOLDERS = {
    "pi": "payments",
    "ch": "payments",
    "py": "payments",
    "in": "invoices",
    "sub": "subscriptions",
    "cus": "customers",
    "evt": "events",
    "du": "disputes",
    "dp": "disputes",
}


def dashboard_url(stripe_id: str, *, livemode: bool) -> str:
    """Return the page of the object at Stripe; "" without one.

    With several accounts, set STRIPE_ACCOUNT_ID ("acct_…") in apps/shop/settings.py, so that links open the right one.
    """
    if not stripe_id:
        return ""
    if settings.STRIPE_SANDBOX:
        return "" if livemode else reverse("stripe_sandbox:object", args=[stripe_id])
    folder = FOLDERS.get(stripe_id.partition("_")[0])
    if folder is None:
        return ""
    account = getattr(settings, "STRIPE_ACCOUNT_ID", "")
    parts = (DASHBOARD, account, "" if livemode else "test", folder, stripe_id)
    return "/".join(filter(None, parts))
