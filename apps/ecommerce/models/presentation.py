"""The questions and answers on a product's page."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .catalogue import ProductConfiguration


class FaqEntry(models.Model):
    configuration = models.ForeignKey(ProductConfiguration, on_delete=models.CASCADE, related_name="faq")
    question = models.CharField(max_length=200)
    answer = models.TextField(help_text=_("In Markdown."))
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("question")
        verbose_name_plural = _("questions and answers")

    def __str__(self) -> str:
        return self.question
