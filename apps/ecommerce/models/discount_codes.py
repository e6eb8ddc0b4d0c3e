from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.stripe_api.client import is_livemode

from .fields import STRIPE_ID_LENGTH

MAX_CODE_LENGTH = 500  # https://docs.stripe.com/api/promotion_codes/create#create_promotion_code-code


class DiscountCodeQuerySet(models.QuerySet["DiscountCode"]):
    def current(self) -> DiscountCodeQuerySet:
        """Filter the codes of the current mode (test, live)."""
        return self.filter(livemode=is_livemode())

    def find(self, text: str, customer_id: str = "") -> DiscountCode | None:
        """Return the customer's code with this text, in upper or lower case: an active one, or else the newest.

        Customers can have codes of their own with the same text.
        """
        if not (0 < len(text) <= MAX_CODE_LENGTH and text.isascii() and text.isprintable()):
            return None
        rows = self.current().filter(code__iexact=text)
        allowed = Q(customer_id="") | Q(customer_id=customer_id)
        return rows.filter(allowed).order_by("-active", "-created_at").first() or rows.first()


class DiscountCode(models.Model):
    """Copy of a Stripe Promotion Code with its Coupon. https://docs.stripe.com/api/promotion_codes/object"""

    class Duration(models.TextChoices):
        """How long the discount of a subscription lasts."""

        ONCE = "once", _("the first payment")
        REPEATING = "repeating", _("some months")
        FOREVER = "forever", _("each payment")

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    code = models.CharField(_("code"), max_length=MAX_CODE_LENGTH)
    coupon_id = models.CharField(max_length=STRIPE_ID_LENGTH, db_index=True)
    active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Whether the code can be used. It may be switched off, used up or expired."),
    )
    percent_off = models.DecimalField(max_digits=12, decimal_places=9, null=True, blank=True)
    amounts_off = models.JSONField(
        default=dict, blank=True, help_text=_("The discount by currency, if it is not a percentage.")
    )
    duration = models.CharField(max_length=20, choices=Duration.choices, default=Duration.ONCE)
    duration_in_months = models.PositiveIntegerField(default=0)
    product_ids = models.JSONField(
        default=list, blank=True, help_text=_("The products that the code reduces. Empty: all.")
    )
    minimum_amounts = models.JSONField(
        default=dict, blank=True, help_text=_("The smallest order by currency. Empty: any amount.")
    )
    first_purchase_only = models.BooleanField(default=False)
    customer_id = models.CharField(
        max_length=STRIPE_ID_LENGTH, blank=True, help_text=_("The only customer who can use the code.")
    )
    max_redemptions = models.PositiveBigIntegerField(null=True, blank=True)
    times_redeemed = models.PositiveBigIntegerField(_("used"), default=0)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    name = models.CharField(
        max_length=500,
        blank=True,
        help_text=_("The coupon's name, which is on Stripe's page and on invoices."),
    )
    note = models.CharField(
        _("note"),
        max_length=500,
        blank=True,
        help_text=_("For operators only, for example where the code was published."),
    )
    livemode = models.BooleanField()
    created_at = models.DateTimeField(_("created"))
    synced_at = models.DateTimeField(help_text=_("When this copy was last synced from Stripe."))

    objects = DiscountCodeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        verbose_name = _("discount code")
        verbose_name_plural = _("discount codes")
        indexes = [models.Index(Upper("code"), name="discount_code_upper")]

    def __str__(self) -> str:
        return self.code

    @property
    def is_free_forever(self) -> bool:
        """Return whether a subscription with this code never costs anything."""
        return self.percent_off == 100 and self.duration == self.Duration.FOREVER
