"""Product is a copy of Stripe's object. ProductConfiguration is edited in the admin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from .categories import Category, Tag
from .fields import STRIPE_ID_LENGTH
from .pictures import Picture, generated_picture

if TYPE_CHECKING:
    from .prices import Price

MAX_SORT_PRICE = 2**62  # products without a price come last
FILTER_COLUMNS = ["listed", "sells_once", "sells_recurring"]


class Product(models.Model):
    """Copy of a Stripe Product. https://docs.stripe.com/api/products/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    default_price_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True)
    images = models.JSONField(default=list, blank=True, help_text=_("Image URLs at Stripe."))
    copies = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Local copy of each image URL. Empty if the image could not be downloaded."),
    )
    metadata = models.JSONField(default=dict, blank=True)
    features = models.JSONField(
        default=list, blank=True, help_text=_("What buyers get: the marketing features at Stripe.")
    )
    synced_at = models.DateTimeField(help_text=_("When this copy was last synced from Stripe."))

    class Meta:
        ordering = ["name"]
        verbose_name = _("product at Stripe")
        verbose_name_plural = _("products at Stripe")

    def __str__(self) -> str:
        return self.name

    def sellable_prices(self, prices: Iterable[Price]) -> list[Price]:
        """Return the default price, then the prices in its currency, then the other currencies, each by amount."""
        sellable = [price for price in prices if price.is_sellable]
        default = next((price for price in sellable if price.id == self.default_price_id), None)
        main = default.currency if default else ""

        def position(price: Price) -> tuple[bool, bool, str, int, str]:
            amount = price.amounts[price.currency]
            return price is not default, price.currency != main, price.currency, amount, price.id

        return sorted(sellable, key=position)

    @property
    def pictures(self) -> list[Picture]:
        """Return the images that the founder has uploaded for the store, or else those at Stripe."""
        configuration = getattr(self, "configuration", None)
        if configuration and configuration.pictures:
            return [Picture(**uploaded) for uploaded in configuration.pictures]
        return self.stripe_pictures

    @property
    def stripe_pictures(self) -> list[Picture]:
        return [Picture(**copy) for url in self.images if (copy := self.copies.get(url))]

    @property
    def picture(self) -> Picture:
        return next(iter(self.pictures), generated_picture(self.id))


class ProductConfigurationQuerySet(models.QuerySet["ProductConfiguration"]):
    def on_sale(self) -> ProductConfigurationQuerySet:
        return self.filter(status=ProductConfiguration.Status.ON_SALE, product__active=True, listed=True)

    def with_catalogue(self) -> ProductConfigurationQuerySet:
        return self.select_related("product").prefetch_related("product__prices")


class ProductConfiguration(models.Model):
    """A product's settings in the store, and what its owners get. Stripe's events do not change it."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ON_SALE = "on_sale", _("on sale")
        HIDDEN = "hidden", _("hidden")

    class LicenceKeys(models.TextChoices):
        NONE = "", _("no license keys")
        GENERATED = "generated", _("generate a key for each purchase")
        LISTED = "listed", _("take a key from the uploaded list")

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="configuration")
    slug = models.SlugField(
        max_length=80, unique=True, help_text=_("Last part of the product's URL in the store.")
    )
    status = models.CharField(
        max_length=10,
        choices=Status.choices,
        default=Status.ON_SALE,
        help_text=_(
            "Drafts and hidden products are neither shown nor sold. Owners of a hidden product keep their access."
        ),
    )
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="configurations"
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="configurations")
    pictures = models.JSONField(
        default=list,
        blank=True,
        help_text=_(
            "Uploaded images, which are shown instead of Stripe's: files, sizes and alternative text."
        ),
    )
    specifications = models.TextField(
        blank=True, help_text=_('One per line, for example "Format: PDF, EPUB".')
    )
    licence_keys = models.CharField(max_length=10, choices=LicenceKeys.choices, blank=True)
    max_activations = models.PositiveIntegerField(
        default=3, help_text=_("How many computers can use one license key. 0: any number.")
    )
    position = models.PositiveIntegerField(default=0, db_index=True, help_text=_("Lower numbers come first."))
    tagline = models.CharField(
        max_length=200, blank=True, help_text=_("One line, shown with the product's name.")
    )
    description = models.TextField(
        blank=True,
        help_text=_(
            "Text of the product page, in Markdown. If empty, the page shows the description from Stripe."
        ),
    )
    content = models.TextField(blank=True, help_text=_("What buyers see after their purchase, in Markdown."))

    # Computed by search_columns.py, for the store's search, filter and sort, and for the sitemap.
    listed = models.BooleanField(editable=False, default=False)
    search_text = models.TextField(editable=False, default="")
    sort_name = models.CharField(max_length=120, editable=False, default="")
    sort_currency = models.CharField(max_length=3, editable=False, default="")
    sort_price = models.BigIntegerField(editable=False, default=MAX_SORT_PRICE)
    sells_once = models.BooleanField(editable=False, default=False)
    sells_recurring = models.BooleanField(editable=False, default=False)
    fingerprint = models.CharField(max_length=32, editable=False, default="")
    changed_at = models.DateTimeField(null=True, editable=False)  # when its page last changed

    objects = ProductConfigurationQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("product")
        verbose_name_plural = _("products")
        # With the filter columns, the database filters and counts by reading an index only. The indexes are partial,
        # because SQLite can't use an index for a bare boolean.
        indexes = [
            models.Index(fields=[*order, *FILTER_COLUMNS], condition=Q(listed=True), name=f"store_by_{name}")
            for name, order in {
                "position": ["position", "id"],
                "age": ["-id"],
                "name": ["sort_name", "id"],
                "category": ["category", "id"],
                "price": ["sort_currency", "sort_price", "position", "id"],
            }.items()
        ]

    def __str__(self) -> str:
        return self.product.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])

    @property
    def is_on_sale(self) -> bool:
        return self.status == self.Status.ON_SALE and self.product.active

    @property
    def specification_rows(self) -> list[tuple[str, str]]:
        """Return ("Format", "PDF, EPUB") for each line "Format: PDF, EPUB"; a line without a name has the name ""."""
        lines = (line.strip() for line in self.specifications.splitlines())
        rows = (line.partition(": ") for line in lines if line)
        return [(name, value.strip()) if colon else ("", name) for name, colon, value in rows]

    @property
    def summary(self) -> str:
        return " ".join(f"{self.tagline} {self.product.description}".split())

    @cached_property
    def prices(self) -> list[Price]:
        return self.product.sellable_prices(self.product.prices.all())
