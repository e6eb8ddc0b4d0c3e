from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .catalogue import Product
from .fields import STRIPE_ID_LENGTH
from .purchases import Purchase


class Payment(models.Model):
    """One payment of a purchase: its only payment, or an invoice of its subscription.

    Only sync_purchase writes it. Columns that Stripe does not fill are empty.
    """

    class Status(models.TextChoices):
        PAID = "paid", _("paid")
        OPEN = "open", _("not paid yet")
        PROCESSING = "processing", _("payment processing")
        FAILED = "failed", _("payment failed")
        VOID = "void", _("canceled")
        UNCOLLECTIBLE = "uncollectible", _("not paid")

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="payments")
    # These two are in the indexes of the figures, which read no other table.
    livemode = models.BooleanField()
    product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text=_("What was paid for. The order's product may change with its plan."),
    )
    stripe_id = models.CharField(
        max_length=STRIPE_ID_LENGTH,
        unique=True,
        help_text=_("The invoice's id, or the payment intent's if there is no invoice."),
    )
    invoice_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True)
    payment_intent_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True, db_index=True)
    charge_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True, db_index=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    reason = models.CharField(
        max_length=40,
        blank=True,
        help_text=_("Why Stripe created the invoice, for example subscription_cycle."),
    )

    description = models.TextField(
        blank=True, help_text=_("What was paid for, as on the invoice: one line for each item.")
    )

    currency = models.CharField(max_length=3)
    amount_total = models.BigIntegerField(help_text=_("Total, in the smallest unit, such as cents."))
    amount_subtotal = models.BigIntegerField(default=0)
    amount_paid = models.BigIntegerField(default=0)
    amount_discount = models.BigIntegerField(default=0)
    amount_tax = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(default=0, help_text=_("Without refunds that failed."))
    presentment_currency = models.CharField(
        max_length=3, blank=True, help_text=_("The currency in which the buyer paid, if it is another one.")
    )
    presentment_amount = models.BigIntegerField(default=0)

    payment_method = models.CharField(max_length=100, blank=True, help_text=_("For example: Visa •••• 4242"))
    failure_code = models.CharField(max_length=500, blank=True)
    dispute_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True)
    dispute_status = models.CharField(max_length=40, blank=True)
    dispute_reason = models.CharField(
        max_length=100, blank=True, help_text=_("The reason in Stripe's words.")
    )
    dispute_amount = models.BigIntegerField(default=0)
    disputed_at = models.DateTimeField(null=True, blank=True)
    dispute_due_by = models.DateTimeField(null=True, blank=True, help_text=_("When the evidence is due."))
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    invoice_number = models.CharField(max_length=100, blank=True)
    receipt_url = models.TextField(blank=True)
    invoice_url = models.TextField(blank=True)
    invoice_pdf = models.TextField(blank=True)
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["livemode", "paid_at", "currency", "amount_paid"], name="payment_sales"),
            models.Index(
                fields=["livemode", "product", "currency", "paid_at", "amount_paid"],
                name="payment_sales_by_product",
            ),
            models.Index(fields=["livemode", "dispute_status", "disputed_at"], name="payment_disputes"),
            models.Index(fields=["payment_method", "purchase"], name="payment_by_card"),
            models.Index(
                fields=["invoice_number"],
                condition=~Q(invoice_number=""),
                name="payment_by_invoice_number",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["paid", "open", "processing", "failed", "void", "uncollectible"]),
                name="payment_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_id} · {self.get_status_display()}"

    def get_absolute_url(self) -> str:
        return reverse("receipt", args=[self.purchase.public_id, self.stripe_id])

    @property
    def is_paid(self) -> bool:
        return self.status == self.Status.PAID

    @property
    def is_refunded(self) -> bool:
        return 0 < self.amount_paid <= self.amount_refunded

    @property
    def amount_credit(self) -> int:
        """Return how much of the total was paid from the customer's balance at Stripe."""
        return self.amount_total - self.amount_paid

    @property
    def amount_after_refunds(self) -> int:
        return self.amount_paid - self.amount_refunded

    def differing_fields(self, other: Payment) -> list[str]:
        return [name for name in COPIED_FIELDS if getattr(self, name) != getattr(other, name)]

    def copy_from(self, other: Payment, names: list[str]) -> None:
        for name in names:
            setattr(self, name, getattr(other, name))


# All other columns are copied from Stripe.
STORE_FIELDS = ("id", "purchase", "livemode", "product")
COPIED_FIELDS = [field.attname for field in Payment._meta.concrete_fields if field.name not in STORE_FIELDS]
