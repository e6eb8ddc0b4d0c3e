from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.users.guests import Buyer, Guest


class PurchaseOwner(models.Model):
    """The owner of a purchase: an account, or until an account claims it, the browser that has bought it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="purchases"
    )
    guest_token = models.CharField(
        max_length=32,
        blank=True,
        editable=False,
        help_text=_(
            "Token in the session of a buyer without an account, until an account claims the purchase."
        ),
    )
    claimed_token = models.CharField(
        max_length=32,
        blank=True,
        editable=False,
        help_text=_(
            "The token before an account claimed the purchase, so that the browser that paid is not charged again."
        ),
    )
    email = models.EmailField(
        help_text=_("The buyer's e-mail address. It is kept when the account is deleted.")
    )
    buyer_country = models.CharField(
        max_length=2,
        blank=True,
        editable=False,
        help_text=_("The country that a buyer without an account has entered at Stripe."),
    )
    is_address_outdated = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("Whether a corrected e-mail address of the order still has to be sent to Stripe."),
    )

    class Meta:
        abstract = True

    @property
    def buyer(self) -> Buyer | None:
        """Return the account, or the guest; None if the account was deleted."""
        return self.user or (Guest(self.guest_token) if self.guest_token else None)

    @property
    def is_unclaimed(self) -> bool:
        """Return whether a guest has bought it, and no account has claimed it yet."""
        return self.user_id is None and bool(self.guest_token)

    @property
    def current_email(self) -> str:
        """Return the account's e-mail address, or the buyer's if the account was deleted."""
        return self.user.email if self.user else self.email
