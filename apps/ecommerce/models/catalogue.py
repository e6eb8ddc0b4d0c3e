"""Product and Price are copies of Stripe's objects. ProductConfiguration is edited in the admin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.money import format_money, format_period

from .fields import STRIPE_ID_LENGTH, PrivateFileField
from .pictures import Picture, generated_picture

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
    synced_at = models.DateTimeField(help_text=_("When this copy was last synced from Stripe."))

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def sellable_prices(self, prices: Iterable[Price]) -> list[Price]:
        sellable = (price for price in prices if price.is_sellable)
        default = self.default_price_id
        return sorted(sellable, key=lambda price: (price.id != default, price.unit_amount, price.id))

    @property
    def pictures(self) -> list[Picture]:
        return [Picture(**copy) for url in self.images if (copy := self.copies.get(url))]

    @property
    def picture(self) -> Picture:
        return next(iter(self.pictures), generated_picture(self.id))


class Price(models.Model):
    """Copy of a Stripe Price. https://docs.stripe.com/api/prices/object"""

    class Type(models.TextChoices):
        ONE_TIME = "one_time", _("one-time")
        RECURRING = "recurring", _("recurring")

    class Unsellable(models.TextChoices):
        """Why the store can't sell a price that is active at Stripe."""

        CUSTOM_AMOUNT = "custom_amount", _("buyers choose its amount")
        FRACTIONAL = "fractional", _("its amount has fractions of the smallest unit")
        METERED = "metered", _("it is charged by usage")
        TIERED = "tiered", _("it has tiers")
        TOO_SMALL = "too_small", _("its amount is below Stripe's minimum charge")

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="prices")
    active = models.BooleanField(default=True)
    currency = models.CharField(max_length=3)
    unit_amount = models.BigIntegerField(
        null=True,
        help_text=_(
            "In the smallest unit, such as cents. Empty if Stripe calculates it (tiers, pay what you want)."
        ),
    )
    type = models.CharField(max_length=10, choices=Type.choices)
    interval = models.CharField(max_length=5, blank=True, help_text=_("day, week, month or year"))
    interval_count = models.PositiveIntegerField(default=1)
    trial_period_days = models.PositiveIntegerField(default=0)
    nickname = models.CharField(max_length=500, blank=True)
    plan = models.CharField(
        max_length=500,
        blank=True,
        help_text=_(
            "Name of the plan for @product_required(plans=…): the lookup key or the nickname that the price had first."
        ),
    )
    unsellable = models.CharField(
        max_length=20, choices=Unsellable.choices, blank=True, help_text=_("Why the store can't sell it.")
    )
    refusal = models.TextField(
        blank=True,
        help_text=_("Stripe's words when it refused to sell the price. The store does not sell it any more."),
    )
    synced_at = models.DateTimeField(help_text=_("When this copy was last synced from Stripe."))

    class Meta:
        ordering = ["unit_amount", "id"]

    def __str__(self) -> str:
        return f"{self.product.name}: {self.label}"

    @property
    def label(self) -> str:
        """Return "$9", "$9 / month", "$25 / 3 months" or "Free"."""
        if self.unit_amount is None:
            return gettext("Price on request")
        if not self.unit_amount and not self.is_recurring:
            return gettext("Free")
        amount = format_money(self.unit_amount, self.currency, short=True)
        if not self.is_recurring:
            return amount
        return gettext("%(amount)s / %(period)s") % {"amount": amount, "period": self.period}

    @property
    def period(self) -> str:
        return format_period(self.interval, self.interval_count)

    @property
    def is_recurring(self) -> bool:
        return self.type == self.Type.RECURRING

    @property
    def is_sellable(self) -> bool:
        return self.active and self.unit_amount is not None and not self.unsellable and not self.refusal

    @property
    def unsellable_reason(self) -> str:
        """Return why the store can't sell the price, for the founder; "" if it can."""
        if not self.active:
            return gettext("it is archived at Stripe")
        if self.refusal:
            return gettext("Stripe refused to sell it: %(refusal)s") % {"refusal": self.refusal}
        return self.get_unsellable_display()


def cheapest(prices: Sequence[Price]) -> Price:
    """Return the lowest price in the currency of the first one, which is the default price."""
    comparable = (price for price in prices if price.currency == prices[0].currency)
    return min(comparable, key=lambda price: price.unit_amount or 0)


class ProductConfigurationQuerySet(models.QuerySet["ProductConfiguration"]):
    def on_sale(self) -> ProductConfigurationQuerySet:
        return self.filter(is_active=True, product__active=True, listed=True)

    def with_catalogue(self) -> ProductConfigurationQuerySet:
        return self.select_related("product").prefetch_related("product__prices")


class ProductConfiguration(models.Model):
    """A product's settings in the store, and what its owners get. Stripe's events do not change it."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="configuration")
    slug = models.SlugField(
        max_length=80, unique=True, help_text=_("Last part of the product's URL in the store.")
    )
    is_active = models.BooleanField(
        default=True,
        verbose_name=_("is active"),
        help_text=_(
            "Show and sell the product in the store. If you turn this off, buyers keep their access."
        ),
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
    download = PrivateFileField(
        upload_to="downloads/%Y/%m/", blank=True, help_text=_("File that buyers can download.")
    )

    # Computed by search_columns.py, for the store's search, filter and sort, and for the sitemap.
    listed = models.BooleanField(editable=False, default=False)
    search_text = models.TextField(editable=False, default="")
    sort_name = models.CharField(max_length=120, editable=False, default="")
    sort_price = models.BigIntegerField(editable=False, default=MAX_SORT_PRICE)
    sells_once = models.BooleanField(editable=False, default=False)
    sells_recurring = models.BooleanField(editable=False, default=False)
    fingerprint = models.CharField(max_length=32, editable=False, default="")
    changed_at = models.DateTimeField(null=True, editable=False)  # when its page last changed

    objects = ProductConfigurationQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        # With the filter columns, the database filters and counts by reading an index only. The indexes are partial,
        # because SQLite can't use an index for a bare boolean.
        indexes = [
            models.Index(fields=[*order, *FILTER_COLUMNS], condition=Q(listed=True), name=f"store_by_{name}")
            for name, order in {
                "position": ["position", "id"],
                "age": ["-id"],
                "name": ["sort_name", "id"],
                "price": ["sort_price", "position", "id"],
            }.items()
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
        return " ".join(f"{self.tagline} {self.product.description}".split())

    @cached_property
    def prices(self) -> list[Price]:
        return self.product.sellable_prices(self.product.prices.all())
