from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ManualAccess(models.Model):
    """The columns of a purchase that only operators set. No sync with Stripe changes them."""

    granted_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When an operator gave access without payment.")
    )
    granted_until = models.DateTimeField(
        null=True, blank=True, help_text=_("End of the access that was given. Empty: no end.")
    )
    claimed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("When an account got the access, or claimed the purchase made without an account."),
    )
    revoked_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When an operator ended the access. Payments do not restore it.")
    )

    class Meta:
        abstract = True

    @property
    def is_waiting(self) -> bool:
        """Return whether access was given to an e-mail address that no account has confirmed yet."""
        return self.granted_at is not None and self.claimed_at is None
