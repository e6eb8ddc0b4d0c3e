"""Money is an integer in the currency's minor unit beside its ISO code. Times are UTC."""

from .alerts import Alert
from .catalogue import UNPRICED, Price, Product, ProductConfiguration, ProductConfigurationQuerySet
from .customers import StripeCustomer
from .emails import Mail
from .fields import STRIPE_ID_LENGTH, private_storage
from .purchase_status import ENDED_SUBSCRIPTIONS, MISSING_SUBSCRIPTION, PurchaseStatus
from .purchases import Purchase, PurchaseQuerySet, StatusChange
from .webhook_events import WebhookEvent

__all__ = [
    "ENDED_SUBSCRIPTIONS",
    "MISSING_SUBSCRIPTION",
    "STRIPE_ID_LENGTH",
    "UNPRICED",
    "Alert",
    "Mail",
    "Price",
    "Product",
    "ProductConfiguration",
    "ProductConfigurationQuerySet",
    "Purchase",
    "PurchaseQuerySet",
    "PurchaseStatus",
    "StatusChange",
    "StripeCustomer",
    "WebhookEvent",
    "private_storage",
]
