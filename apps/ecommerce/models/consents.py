from __future__ import annotations

from hashlib import sha256
from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from .purchases import Purchase


class ConsentQuerySet(models.QuerySet["Consent"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("What a buyer agreed to is not changed.")

    def delete(self) -> NoReturn:
        raise TypeError("What a buyer agreed to is not deleted.")


class AppendOnly(models.Model):
    """A row that is neither changed nor deleted by the store."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("What a buyer agreed to is not changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("What a buyer agreed to is not deleted.")


class LegalText(AppendOnly):
    """The terms of sale as their page showed them. Each text is stored once."""

    digest = models.CharField(max_length=64, unique=True, editable=False, help_text=_("SHA-256 of the text."))
    language = models.CharField(max_length=20)
    text = models.TextField()
    stored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("legal text")
        verbose_name_plural = _("legal texts")

    def __str__(self) -> str:
        return f"{self.language} · {self.digest[:12]}"

    @classmethod
    def store(cls, text: str, language: str) -> LegalText:
        digest = sha256(text.encode()).hexdigest()
        row, _is_new = cls.objects.get_or_create(digest=digest, defaults={"language": language, "text": text})
        return row


class Consent(AppendOnly):
    """A text that a buyer agreed to before a checkout, as the page showed it. The newest of each kind counts."""

    class Kind(models.TextChoices):
        TERMS = "terms", _("terms of sale")
        WITHDRAWAL = "withdrawal", _("waiver of the right of withdrawal")

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="consents")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    version = models.CharField(max_length=50, blank=True, help_text=_("TERMS_VERSION at that time."))
    text = models.TextField(help_text=_("The text beside the box that the buyer ticked."))
    language = models.CharField(max_length=20, help_text=_("The language in which the page was shown."))
    document = models.ForeignKey(
        LegalText,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("The terms that the text links to."),
    )
    given_at = models.DateTimeField()

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["given_at", "id"]
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.given_at:%Y-%m-%d %H:%M}"


def latest_consents(purchase: Purchase) -> list[Consent]:
    """Return the newest consent of each kind. Prefetch `consents__document` for several purchases."""
    rows = purchase.consents.all() if purchase.pk else []  # not of a sample, which is not saved
    return list({consent.kind: consent for consent in rows}.values())
