from django.db import models
from django.utils.translation import gettext_lazy as _


class SearchWord(models.Model):
    """A normalized word in a product that the store lists or has listed, to correct misspelled searches."""

    word = models.CharField(
        primary_key=True, max_length=30, help_text=_("In lower case and without accents: “schlussel”.")
    )
    shown = models.CharField(max_length=30, help_text=_("As the page of a product spells it: “schlüssel”."))

    class Meta:
        verbose_name = _("word of the catalogue")
        verbose_name_plural = _("words of the catalogue")

    def __str__(self) -> str:
        return self.shown
