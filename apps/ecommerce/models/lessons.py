"""The lessons of a product, in sections. Owners read them in the player."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .catalogue import ProductConfiguration
from .fields import PrivateFileField


class Section(models.Model):
    configuration = models.ForeignKey(
        ProductConfiguration, on_delete=models.CASCADE, related_name="sections", verbose_name=_("product")
    )
    title = models.CharField(max_length=200)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("section")
        verbose_name_plural = _("sections")

    def __str__(self) -> str:
        return self.title


class Lesson(models.Model):
    section = models.ForeignKey(Section, on_delete=models.CASCADE, related_name="lessons")
    title = models.CharField(max_length=200)
    position = models.PositiveIntegerField(default=0)
    text = models.TextField(
        blank=True, help_text=_("In Markdown. The address of a video on a line of its own becomes a player.")
    )
    video = models.URLField(
        max_length=500,
        blank=True,
        help_text=_("The address of a video at YouTube, Vimeo, PeerTube or Bunny."),
    )
    video_file = PrivateFileField(
        upload_to="videos/%Y/%m/",
        max_length=255,
        blank=True,
        help_text=_("A video file (MP4 or WebM), shown to owners only."),
    )
    is_preview = models.BooleanField(
        default=False,
        verbose_name=_("free preview"),
        help_text=_("Visitors can open it from the product page."),
    )
    plan = models.CharField(
        max_length=500, blank=True, help_text=_("Only for buyers of this plan. Empty: for all owners.")
    )

    class Meta:
        ordering = ["section__position", "section_id", "position", "id"]
        verbose_name = _("lesson")
        verbose_name_plural = _("lessons")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("lesson", args=[self.section.configuration.slug, self.pk])


class LessonProgress(models.Model):
    """When a user last opened a lesson, and when they finished it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="progress")
    opened_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "lesson"], name="one_progress_per_user_and_lesson")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.lesson}"
