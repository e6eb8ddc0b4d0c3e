"""What the store remembers.

Product, Price and StripeCustomer are copies of Stripe's objects and carry Stripe's ids. ProductConfiguration
is the founder's own: what the store shows. A Purchase is one buyer's deal and its newest known state;
whether it opens anything is asked in entitlements.py, never stored.
Money is an integer in the currency's minor unit beside its ISO code. Times are UTC.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from .pictures import Picture, drawn_for
from .stripe_client import livemode

UNPRICED = 2**62  # sorts behind every price
STRIPE_ID = 255  # Stripe's ids have no promised length; Checkout Sessions are about 66 characters
# https://docs.stripe.com/api/subscriptions/object#subscription_object-status: two of Stripe's never change again.
# And a word of ours: the account of our key has no such subscription, and Stripe forgets none. It is another account's.
MISSING_SUBSCRIPTION = "missing"
ENDED_SUBSCRIPTIONS = ("canceled", "incomplete_expired", MISSING_SUBSCRIPTION)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.users.models import User


class Product(models.Model):
    """Copy of a Stripe Product. https://docs.stripe.com/api/products/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID)
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    default_price_id = models.CharField(max_length=STRIPE_ID, blank=True)
    images = models.JSONField(default=list, blank=True, help_text=_("Addresses of Stripe's images."))
    copies = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Stripe's address of an image ▶ our Picture of it; empty if it can't be had."),
    )
    metadata = models.JSONField(default=dict, blank=True)
    synced_at = models.DateTimeField(help_text=_("When this copy was fetched."))

    prices: RelatedManager[Price]
    configuration: ProductConfiguration

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def in_store(self, prices: Iterable[Price]) -> list[Price]:
        """Of all its prices those that can be sold: the default one first, then by amount."""
        sellable = (price for price in prices if price.is_sellable)
        return sorted(
            sellable, key=lambda price: (price.id != self.default_price_id, price.unit_amount, price.id)
        )

    @property
    def pictures(self) -> list[Picture]:
        """Our copies of its images, in Stripe's order."""
        return [Picture(**copy) for url in self.images if (copy := self.copies.get(url))]

    @property
    def picture(self) -> Picture:
        """The first of them, or one that is drawn for it."""
        return next(iter(self.pictures), drawn_for(self.id))


class Price(models.Model):
    """Copy of a Stripe Price. https://docs.stripe.com/api/prices/object"""

    class Type(models.TextChoices):
        ONE_TIME = "one_time", _("one-time")
        RECURRING = "recurring", _("recurring")

    id = models.CharField(primary_key=True, max_length=STRIPE_ID)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="prices")
    active = models.BooleanField(default=True)
    currency = models.CharField(max_length=3)
    unit_amount = models.BigIntegerField(
        null=True,
        help_text=_("Minor units. Empty when Stripe computes it (tiers, fractions, pay what you want)."),
    )
    type = models.CharField(max_length=10, choices=Type.choices)
    interval = models.CharField(max_length=5, blank=True, help_text=_("day, week, month or year"))
    interval_count = models.PositiveIntegerField(default=1)
    trial_period_days = models.PositiveIntegerField(default=0)
    nickname = models.CharField(max_length=500, blank=True)
    metered = models.BooleanField(default=False)
    synced_at = models.DateTimeField(help_text=_("When this copy was fetched."))

    class Meta:
        ordering = ["unit_amount", "id"]

    def __str__(self) -> str:
        from .money import price_label

        return f"{self.product.name}: {price_label(self)}"

    @property
    def is_recurring(self) -> bool:
        return self.type == self.Type.RECURRING

    @property
    def is_sellable(self) -> bool:
        """The store can name its amount beforehand and sell one of it."""
        return self.active and self.unit_amount is not None and not self.metered


def private_storage() -> Storage:
    return storages["private"]


class ProductConfigurationQuerySet(models.QuerySet["ProductConfiguration"]):
    def on_sale(self) -> ProductConfigurationQuerySet:
        """In the store: the founder shows it, Stripe sells it."""
        return self.filter(is_active=True, product__active=True)

    def with_catalogue(self) -> ProductConfigurationQuerySet:
        """With product and prices, in two queries however many rows."""
        return self.select_related("product").prefetch_related("product__prices")


class ProductConfiguration(models.Model):
    """How the store shows a product, and what its owners get. Edited in the admin; Stripe never touches it."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="configuration")
    slug = models.SlugField(max_length=80, unique=True, help_text=_("The product's address in the store."))
    is_active = models.BooleanField(
        default=True,
        verbose_name=_("is active"),
        help_text=_("Shown and sold in the store. Unchecking it leaves owners their access."),
    )
    position = models.PositiveIntegerField(default=0, db_index=True, help_text=_("Lowest first."))
    tagline = models.CharField(max_length=200, blank=True, help_text=_("One line, shown on the card."))
    description = models.TextField(
        blank=True,
        help_text=_("The product page's text, in Markdown. Empty: the description at Stripe is shown."),
    )
    content = models.TextField(blank=True, help_text=_("What owners see, in Markdown."))
    download = models.FileField(
        storage=private_storage, upload_to="downloads/%Y/%m/", blank=True, help_text=_("Only owners get it.")
    )

    # Derived by search_columns.py: for the store's search, filter and sort, and for the site map.
    listed = models.BooleanField(editable=False, default=False)
    search_text = models.TextField(editable=False, default="")
    sort_name = models.CharField(max_length=120, editable=False, default="")
    sort_price = models.BigIntegerField(editable=False, default=UNPRICED)
    sells_once = models.BooleanField(editable=False, default=False)
    sells_recurring = models.BooleanField(editable=False, default=False)
    fingerprint = models.CharField(max_length=32, editable=False, default="")
    changed_at = models.DateTimeField(null=True, editable=False)  # what its page shows

    objects = ProductConfigurationQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        # What the store shows, in each of its orders. They hold what it filters by, so that choosing and counting
        # touch no row and none of its long texts. Conditional, because SQLite can't look up a bare boolean.
        indexes = [
            models.Index(
                fields=[*order, "listed", "sells_once", "sells_recurring"],
                name=name,
                condition=Q(listed=True),
            )
            for name, order in (
                ("store_by_position", ["position", "id"]),
                ("store_by_age", ["-id"]),
                ("store_by_name", ["sort_name", "id"]),
                ("store_by_price", ["sort_price", "position", "id"]),
            )
        ]

    def __str__(self) -> str:
        return self.product.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])

    @property
    def is_on_sale(self) -> bool:
        return self.is_active and self.product.active

    @property
    def summary(self) -> str:
        """What it is, in plain text of any length."""
        return " ".join(f"{self.tagline} {self.product.description}".split())

    @cached_property
    def prices(self) -> list[Price]:
        """What it is sold at, first the one that is offered."""
        return self.product.in_store(self.product.prices.all())


class StripeCustomer(models.Model):
    """The Stripe Customer that a user pays as, one per mode. https://docs.stripe.com/api/customers/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="stripe_customers"
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "livemode"], name="one_customer_per_mode")]

    def __str__(self) -> str:
        return self.id


class PurchaseStatus(models.TextChoices):
    """Where the money stands. One-time purchases use the first block, subscriptions the second, both the third."""

    PROCESSING = "processing", _("waiting for the bank")
    PAID = "paid", _("paid")
    PARTIALLY_REFUNDED = "partially_refunded", _("partially refunded")
    REFUNDED = "refunded", _("refunded")
    DISPUTED = "disputed", _("disputed")
    DISPUTE_LOST = "dispute_lost", _("dispute lost")

    TRIALING = "trialing", _("free trial")
    ACTIVE = "active", _("active")
    PAST_DUE = "past_due", _("payment overdue")
    UNPAID = "unpaid", _("unpaid")
    PAUSED = "paused", _("paused")
    INCOMPLETE = "incomplete", _("incomplete")
    CANCELED = "canceled", _("ended")

    OPEN = "open", _("not paid yet")
    FAILED = "failed", _("payment failed")
    EXPIRED = "expired", _("expired")


class PurchaseQuerySet(models.QuerySet["Purchase"]):
    def for_user(self, user: User | AnonymousUser) -> PurchaseQuerySet:
        """Return what a user has bought in the current mode; nothing, without a query, for a visitor."""
        return self.filter(user=user, livemode=livemode()) if user.pk else self.none()

    def with_catalogue(self) -> PurchaseQuerySet:
        return self.select_related("product__configuration", "price")

    def with_running_subscription(self) -> PurchaseQuerySet:
        """Filter as Purchase.has_running_subscription does."""
        return self.exclude(subscription_id="").exclude(subscription_status__in=ENDED_SUBSCRIPTIONS)

    def to_be_charged_again(self) -> PurchaseQuerySet:
        """Filter as Purchase.will_be_charged_again does."""
        return self.with_running_subscription().filter(
            ~Q(subscription_status__in=("active", "trialing"))
            | Q(cancel_at=None)
            | Q(current_period_end=None)
            | Q(cancel_at__gt=F("current_period_end"))
        )


class Purchase(models.Model):
    """One buyer, one price, one Checkout Session. It exists before the Session does.

    `public_id` is the Session's idempotency key, its client_reference_id and its metadata, so whatever
    crashes in between, either side leads to the other.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="purchases"
    )
    email = models.EmailField(help_text=_("What the buyer's address was; it outlives the account."))
    language = models.CharField(
        max_length=20,
        blank=True,
        help_text=_("What the buyer read when buying; their mails are written in it."),
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="purchases")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="purchases")
    status = models.CharField(max_length=20, choices=PurchaseStatus.choices, default=PurchaseStatus.OPEN)
    version = models.PositiveIntegerField(default=0, help_text=_("Counts writes; guards against older news."))
    livemode = models.BooleanField()
    is_recurring = models.BooleanField(
        default=False, help_text=_("Whether the price renewed when it was chosen: a subscription.")
    )

    currency = models.CharField(max_length=3)
    amount_subtotal = models.BigIntegerField(default=0)
    amount_discount = models.BigIntegerField(default=0)
    amount_tax = models.BigIntegerField(default=0)
    amount_total = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(default=0)

    session_id = models.CharField(max_length=STRIPE_ID, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    payment_intent_id = models.CharField(max_length=STRIPE_ID, blank=True, db_index=True)
    subscription_id = models.CharField(max_length=STRIPE_ID, blank=True, db_index=True)
    subscription_status = models.CharField(
        max_length=30, blank=True, help_text=_("Stripe's own word; refunds and disputes don't change it.")
    )
    receipt_url = models.TextField(blank=True)
    payment_method = models.CharField(max_length=100, blank=True, help_text=_("Visa •••• 4242"))
    failure_message = models.CharField(max_length=500, blank=True)

    trial_end = models.DateTimeField(null=True, blank=True)
    current_period_start = models.DateTimeField(null=True, blank=True)
    current_period_end = models.DateTimeField(null=True, blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)

    next_path = models.CharField(max_length=500, blank=True, help_text=_("The page the buyer wanted."))
    returned_at = models.DateTimeField(null=True, blank=True, help_text=_("Back from Stripe, payment made."))
    paid_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PurchaseQuerySet.as_manager()
    changes: RelatedManager[StatusChange]

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at"]),
            models.Index(fields=["user", "product", "status"]),
            models.Index(fields=["status", "created_at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "product", "price", "livemode"],
                condition=Q(status="open"),
                name="one_open_checkout",
            ),
            models.UniqueConstraint(
                fields=["user", "product", "livemode"],
                condition=Q(status="open", is_recurring=True),
                name="one_open_recurring_checkout",
            ),
            models.UniqueConstraint(
                fields=["subscription_id"],
                condition=~Q(subscription_id=""),
                name="one_purchase_per_subscription",
            ),
            models.CheckConstraint(
                condition=Q(status__in=PurchaseStatus.values), name="purchase_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} · {self.email} · {self.get_status_display()}"

    def get_absolute_url(self) -> str:
        return reverse("purchase", args=[self.public_id])

    def get_status_display(self) -> str:  # type: ignore[no-redef]
        return str(PurchaseStatus(self.status).label)  # Django builds a dictionary of all choices each time

    @property
    def is_open(self) -> bool:
        return self.status == PurchaseStatus.OPEN

    @property
    def has_running_subscription(self) -> bool:
        """Whether Stripe still runs the subscription: it can be managed, canceled and resumed, and may be charged.

        A status that we don't know counts as running. Says nothing about access.
        """
        return bool(self.subscription_id) and self.subscription_status not in ENDED_SUBSCRIPTIONS

    @property
    def will_be_charged_again(self) -> bool:
        """Whether Stripe will charge for the subscription again unless it is canceled."""
        ends_with_its_period = (
            self.subscription_status in ("active", "trialing")
            and self.cancel_at is not None
            and self.current_period_end is not None
            and self.cancel_at <= self.current_period_end
        )
        return self.has_running_subscription and not ends_with_its_period

    @property
    def amount_kept(self) -> int:
        """What the buyer has paid in the end."""
        return self.amount_total - self.amount_refunded


class StatusChange(models.Model):
    """One step of a purchase's life: the buyer's timeline and the operator's audit. Rows are only added."""

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="changes")
    from_status = models.CharField(max_length=20, choices=PurchaseStatus.choices, blank=True)
    to_status = models.CharField(max_length=20, choices=PurchaseStatus.choices)
    version = models.PositiveIntegerField()
    cause = models.CharField(
        max_length=300, help_text=_("What told us: an event, the return page, a person.")
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["purchase", "version"], name="one_change_per_version")]

    def __str__(self) -> str:
        return f"{self.get_from_status_display() or '—'} ▶ {self.get_to_status_display()}"

    def get_to_status_display(self) -> str:  # type: ignore[no-redef]
        return str(PurchaseStatus(self.to_status).label)  # as Purchase.get_status_display


class WebhookEvent(models.Model):
    """One event of Stripe's, however often it was delivered. https://docs.stripe.com/api/events/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID)
    type = models.CharField(max_length=100, db_index=True)
    payload = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    stripe_created = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)
    processed_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return f"{self.type} ({self.id})"


class Mail(models.Model):
    """A mail that a buyer is owed. Written with the change it tells of, sent after it, once.

    `about` says what makes it this one and no other ("v3": the third version of the purchase).
    """

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed", _("purchase confirmed")
        WAITING = "waiting", _("waiting for the bank")
        FAILED = "failed", _("payment failed")
        TRIAL_ENDING = "trial_ending", _("trial ending")
        RENEWAL_FAILED = "renewal_failed", _("renewal failed")
        ENDED = "ended", _("subscription ended")
        REFUNDED = "refunded", _("refunded")
        SUSPENDED = "suspended", _("access suspended")

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    about = models.CharField(max_length=60)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sending_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Somebody is sending it since then.")
    )
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["purchase", "kind", "about"], name="one_mail_per_news"),
        ]
        indexes = [models.Index(fields=["created_at"], condition=Q(sent_at=None), name="mail_unsent")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ▶ {self.purchase.email}"


class Alarm(models.Model):
    """What the founder was told of last, so that the same is not told again all day."""

    key = models.CharField(primary_key=True, max_length=60)
    words = models.TextField()
    mailed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
