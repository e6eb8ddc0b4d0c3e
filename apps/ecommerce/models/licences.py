"""Licence keys of purchases, and the computers on which they are activated."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .catalogue import ProductConfiguration
from .purchases import Purchase


class LicenceKeyQuerySet(models.QuerySet["LicenceKey"]):
    def for_purchase(self, purchase: Purchase) -> LicenceKeyQuerySet:
        """Return the purchase's key of its current product, if there is one."""
        product = purchase.product_id
        if purchase.pk is None:  # a sample or a preview
            return self.none()
        return self.filter(purchase=purchase, replaced_at=None, configuration__product=product)


class LicenceKey(models.Model):
    """A key from an uploaded list has no purchase until it is sold. It is valid while its purchase grants access."""

    configuration = models.ForeignKey(
        ProductConfiguration, on_delete=models.PROTECT, related_name="issued_keys", verbose_name=_("product")
    )
    key = models.CharField(max_length=100, unique=True)
    purchase = models.ForeignKey(
        Purchase, null=True, blank=True, on_delete=models.PROTECT, related_name="issued_keys"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    issued_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the key was assigned to the purchase.")
    )
    replaced_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the operator gave the buyer another key instead.")
    )

    objects = LicenceKeyQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["configuration", "purchase"],
                condition=Q(replaced_at=None),
                name="one_key_per_purchase",
            )
        ]
        indexes = [
            models.Index(fields=["configuration", "id"], condition=Q(purchase=None), name="unsold_keys")
        ]
        verbose_name = _("license key")
        verbose_name_plural = _("license keys")

    def __str__(self) -> str:
        return self.key


class LicenceActivation(models.Model):
    licence_key = models.ForeignKey(LicenceKey, on_delete=models.CASCADE, related_name="activations")
    instance = models.CharField(max_length=200, help_text=_("The computer or site, as the program names it."))
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(help_text=_("When the program last checked the key."))

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["licence_key", "instance"], name="one_activation_per_instance")
        ]
        verbose_name = _("activation")
        verbose_name_plural = _("activations")

    def __str__(self) -> str:
        return self.instance
