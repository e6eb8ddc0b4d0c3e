"""Amounts are integers in the minor unit of their currency. Times are UTC."""

from .alerts import Alert
from .catalogue import (
    MAX_SORT_PRICE,
    Product,
    ProductConfiguration,
    ProductConfigurationQuerySet,
)
from .categories import Category, Tag
from .consents import Consent, LegalText, latest_consents
from .customers import StripeCustomer
from .discount_codes import MAX_CODE_LENGTH, DiscountCode
from .emails import Mail
from .external_sales import ExternalSale
from .fields import STRIPE_ID_LENGTH, private_storage
from .files import FileVersion, ProductFile
from .lessons import Lesson, LessonProgress, Section
from .licences import LicenceActivation, LicenceKey
from .operator_actions import OperatorAction
from .order_numbers import parse_public_id
from .payments import Payment
from .presentation import FaqEntry
from .prices import MAX_CURRENCIES, Price, cheapest, offered_currencies, shop_currencies
from .purchase_querysets import PurchaseQuerySet
from .purchase_status import (
    ACCESS_STATUSES,
    ENDED_SUBSCRIPTIONS,
    MISSING_SUBSCRIPTION,
    PurchaseStatus,
    Suspension,
)
from .purchases import Purchase
from .receiver_calls import ReceiverCall
from .refunds import Refund
from .sales_problems import SalesProblem
from .scheduled_runs import ScheduledRun
from .search_words import SearchWord
from .status_changes import StatusChange
from .subscription_changes import SubscriptionChange
from .webhook_events import WebhookEvent
from .withdrawals import Withdrawal
