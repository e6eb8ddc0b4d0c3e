"""Products and prices are copies of Stripe's objects. ProductConfiguration is the founder's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models.pictures import Picture, drawn_for

from .fields import STRIPE_ID_LENGTH, PrivateFileField

UNPRICED = 2**62  # sorts behind every price

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Product(models.Model):
    """Copy of a Stripe Product. https://docs.stripe.com/api/products/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    default_price_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True)
    images = models.JSONField(default=list, blank=True, help_text=_("URLs of the images at Stripe."))
    copies = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("URL of an image at Stripe ▶ our Picture of it; empty if it cannot be downloaded."),
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

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
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
        from apps.ecommerce.money import price_label

        return f"{self.product.name}: {price_label(self)}"

    @property
    def is_recurring(self) -> bool:
        return self.type == self.Type.RECURRING

    @property
    def is_sellable(self) -> bool:
        """The store can name its amount beforehand and sell one of it."""
        return self.active and self.unit_amount is not None and not self.metered


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
    download = PrivateFileField(upload_to="downloads/%Y/%m/", blank=True, help_text=_("Only owners get it."))

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
