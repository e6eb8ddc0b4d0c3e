from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import STRIPE_ID_LENGTH


class StripeCustomer(models.Model):
    """The Stripe Customer of a user, one per mode (test, live). https://docs.stripe.com/api/customers/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="stripe_customers"
    )
    livemode = models.BooleanField()
    is_email_outdated = models.BooleanField(
        default=False, help_text=_("Whether the user's new e-mail address still has to be sent to Stripe.")
    )
    name = models.CharField(max_length=200, blank=True, help_text=_("Name or company, for receipts."))
    line1 = models.CharField(max_length=200, blank=True)
    line2 = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=40, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True)
    tax_id_type = models.CharField(max_length=20, blank=True, help_text=_("For example: eu_vat"))
    tax_id = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "livemode"], name="one_customer_per_mode")]

    def __str__(self) -> str:
        return self.id
