from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.stripe_api.client import is_livemode

from .fields import STRIPE_ID_LENGTH
from .prices import Price
from .purchases import Purchase


class ExternalSaleQuerySet(models.QuerySet["ExternalSale"]):
    def unassigned(self) -> ExternalSaleQuerySet:
        """Filter sales in the current mode that wait for an account."""
        return self.filter(purchase=None, ignored_at=None, livemode=is_livemode())


class ExternalSale(models.Model):
    """A paid sale that was made by a Payment Link, in Stripe's Dashboard or by another program."""

    id = models.CharField(
        primary_key=True,
        max_length=STRIPE_ID_LENGTH,
        help_text=_("Id of the Checkout Session, subscription or invoice at Stripe."),
    )
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="external_sales")
    quantity = models.PositiveIntegerField(default=1)
    also_sold = models.TextField(
        blank=True,
        help_text=_("Other products of the same sale. Assigning it gives no access to them."),
    )
    email = models.EmailField(blank=True, help_text=_("The buyer's e-mail address at Stripe."))
    customer_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(help_text=_("In the smallest unit, such as cents."))
    livemode = models.BooleanField()
    sold_at = models.DateTimeField()
    found_at = models.DateTimeField(auto_now_add=True)
    purchase = models.OneToOneField(
        Purchase,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="external_sale",
        help_text=_("The purchase of the account to which the sale was assigned."),
    )
    ignored_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the operator decided that it needs no account.")
    )

    objects = ExternalSaleQuerySet.as_manager()

    class Meta:
        verbose_name = _("sale outside the store")
        verbose_name_plural = _("sales outside the store")
        ordering = ["-sold_at", "id"]
        indexes = [
            models.Index(
                fields=["livemode"], condition=Q(purchase=None, ignored_at=None), name="sale_unassigned"
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} · {self.price.product} · {self.email}"
