from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from .catalogue import Product
from .discount_codes import DiscountCode
from .fields import STRIPE_ID_LENGTH
from .manual_access import ManualAccess
from .order_numbers import OrderNumberField
from .permissions import PURCHASE_PERMISSIONS
from .prices import Price
from .purchase_owner import PurchaseOwner
from .purchase_querysets import PurchaseQuerySet
from .purchase_status import ACCESS_STATUSES, COMPLIMENTARY, PurchaseStatus, Suspension
from .subscription_state import SubscriptionState


class Purchase(PurchaseOwner, SubscriptionState, ManualAccess):
    """One buyer, one price, one Checkout Session. The purchase is created before the Session.

    `public_id` is in the Session's idempotency key, client_reference_id and metadata. After a crash, it leads from the
    purchase to the Session and back.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    order_number = OrderNumberField(max_length=20, unique=True, editable=False)
    language = models.CharField(
        max_length=20, blank=True, help_text=_("The buyer's language. E-mails are sent in it.")
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="purchases")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="purchases")
    former_products = models.ManyToManyField(
        Product,
        related_name="+",
        blank=True,
        help_text=_("The products of the subscription's earlier plans: a free trial of them was used."),
    )
    upgrade_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="upgrades",
        help_text=_("The purchase whose value was credited."),
    )
    discount_code = models.ForeignKey(
        DiscountCode,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="purchases",
        help_text=_("The discount code of the open checkout; after the payment, the one that was used."),
    )
    product_name = models.CharField(max_length=500, help_text=_("The product's name when it was bought."))
    price_name = models.CharField(
        max_length=500, blank=True, help_text=_("The price's name when it was bought, if it had one.")
    )
    plan = models.CharField(
        max_length=500, blank=True, help_text=_("The price's plan, for @product_required(plans=…).")
    )
    seller = models.TextField(
        blank=True, help_text=_("Name and address of the shop when it was bought, for receipts.")
    )
    quantity = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=20, choices=PurchaseStatus.choices, default=PurchaseStatus.OPEN)
    suspended_by = models.CharField(
        max_length=20,
        choices=Suspension.choices,
        blank=True,
        help_text=_("Why the payment for the current period does not give access. Stripe may still bill."),
    )
    version = models.PositiveIntegerField(
        default=0, help_text=_("Number of changes. Older data never overwrites newer data.")
    )
    livemode = models.BooleanField()
    is_recurring = models.BooleanField(default=False, help_text=_("Whether the purchase is a subscription."))

    currency = models.CharField(max_length=3)
    amount_subtotal = models.BigIntegerField(default=0)
    amount_discount = models.BigIntegerField(default=0)
    amount_tax = models.BigIntegerField(default=0)
    amount_total = models.BigIntegerField(default=0)
    amount_refunded = models.BigIntegerField(
        default=0, help_text=_("How much of the payments for the current period was refunded.")
    )
    session_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    payment_intent_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True, db_index=True)
    invoice_id = models.CharField(
        max_length=STRIPE_ID_LENGTH,
        blank=True,
        help_text=_("The invoice that was paid, of a sale without Checkout Session and subscription."),
    )
    payment_method = models.CharField(max_length=100, blank=True, help_text=_("For example: Visa •••• 4242"))
    failure_code = models.CharField(
        max_length=500, blank=True, help_text=_("Stripe's code for why the last payment failed.")
    )
    monthly_amount = models.BigIntegerField(
        null=True,
        blank=True,
        help_text=_("What the running subscription pays in a month. Empty if it does not run."),
    )
    next_path = models.CharField(max_length=500, blank=True, help_text=_("Page to open after the payment."))
    returned_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the buyer returned after paying.")
    )
    unsubscribed_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the buyer stopped e-mails about new versions of files.")
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    payments_synced_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the payments and next payment were last copied from Stripe.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PurchaseQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = PURCHASE_PERMISSIONS
        indexes = [
            models.Index(fields=["user", "-created_at"]),
            models.Index(fields=["user", "product", "status"]),
            models.Index(fields=["guest_token"], name="purchase_of_guest"),
            models.Index(fields=["email", "product", "status"], condition=Q(user=None), name="guest_order"),
            models.Index(fields=["livemode"], condition=Q(is_address_outdated=True), name="outdated_address"),
            models.Index(fields=["claimed_token"], name="claimed_by_account"),
            models.Index(fields=["status", "created_at"]),
            models.Index(fields=["email"], name="order_by_email"),
            models.Index(fields=["payment_method"], name="order_by_card"),
            models.Index(fields=["product_name"], name="order_by_product_name"),
            models.Index(fields=["livemode", "created_at", "paid_at"], name="purchase_checkouts"),
            models.Index(
                fields=["livemode"],
                condition=Q(granted_at__isnull=False, claimed_at=None),
                name="purchase_waiting",
            ),
            models.Index(
                fields=["granted_until"],
                condition=Q(granted_until__isnull=False),
                name="purchase_granted_until",
            ),
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
                fields=["guest_token", "product", "price", "livemode"],
                condition=Q(status="open") & ~Q(guest_token=""),
                name="one_open_guest_checkout",
            ),
            models.UniqueConstraint(
                fields=["guest_token", "product", "livemode"],
                condition=Q(status="open", is_recurring=True) & ~Q(guest_token=""),
                name="one_open_guest_subscription",
            ),
            models.UniqueConstraint(
                fields=["subscription_id"],
                condition=~Q(subscription_id=""),
                name="one_purchase_per_subscription",
            ),
            models.UniqueConstraint(
                fields=["invoice_id"], condition=~Q(invoice_id=""), name="one_purchase_per_invoice"
            ),
            models.CheckConstraint(
                condition=Q(status__in=PurchaseStatus.values), name="purchase_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_number} · {self.product_name} · {self.email} · {self.status_label}"

    def get_absolute_url(self) -> str:
        return reverse("purchase", args=[self.public_id])

    @property
    def status_label(self) -> str:
        # Faster than get_status_display(), which translates all choices.
        if self.is_suspended:
            return str(Suspension(self.suspension).label)
        is_given = self.granted_at and self.status == PurchaseStatus.PAID
        return str(COMPLIMENTARY if is_given else PurchaseStatus(self.status).label)

    @property
    def unit_amount(self) -> int | None:
        """Return the price in the currency of the purchase, or the amount that the buyer chose. None if unknown."""
        amount = self.price.amount_in(self.currency)
        if self.price.is_recurring or (amount is not None and self.currency == self.price.currency):
            return amount
        return self.amount_subtotal // self.quantity

    @property
    def price_label(self) -> str:
        if self.granted_at:
            return str(capfirst(COMPLIMENTARY))
        amount = self.unit_amount
        if amount is None and self.next_amount is not None:  # the price is no longer sold in this currency
            amount = self.next_amount // self.quantity
        if self.awaits_amount or amount is None:
            return self.price.label_in(self.currency)
        return self.price.format_amount(amount, self.currency)

    @property
    def awaits_amount(self) -> bool:
        """Return whether the buyer has not chosen the amount of pay what you want."""
        return self.price.is_custom and self.status in (PurchaseStatus.OPEN, PurchaseStatus.EXPIRED)

    @property
    def opens_product(self) -> bool:
        """Return whether status and payments allow access. See entitlements.has_access for the current moment."""
        return self.status in ACCESS_STATUSES and not self.suspension

    @property
    def suspension(self) -> str:
        """Return the Suspension that prevents access, or "". The operator's decision comes first."""
        return Suspension.REVOKED if self.revoked_at else self.suspended_by

    @property
    def is_suspended(self) -> bool:
        """Return whether only a refund, a dispute or the operator's decision prevents access."""
        return bool(self.suspension) and self.status in ACCESS_STATUSES

    @property
    def is_open(self) -> bool:
        return self.status == PurchaseStatus.OPEN

    @property
    def skips_payments(self) -> bool:
        """Return whether the operator has paused payments, and the next renewal is not charged."""
        resumes_at, period_end = self.collection_resumes_at, self.current_period_end
        resumes_before = resumes_at and period_end and resumes_at <= period_end
        is_renewing = self.status in (PurchaseStatus.TRIALING, PurchaseStatus.ACTIVE)
        return self.collection_paused and is_renewing and not resumes_before
