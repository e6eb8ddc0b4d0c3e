"""The files of a product, each in versions. Owners get the newest version; earlier ones stay available."""

from __future__ import annotations

from contextlib import nullcontext
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .catalogue import ProductConfiguration
from .fields import PrivateFileField
from .lessons import Lesson

MAX_TYPE_LENGTH = 10


class ProductFile(models.Model):
    configuration = models.ForeignKey(
        ProductConfiguration, on_delete=models.CASCADE, related_name="files", verbose_name=_("product")
    )
    lesson = models.ForeignKey(
        Lesson,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="attachments",
        help_text=_("The lesson to which the file is attached. Empty: the product itself."),
    )
    name = models.CharField(max_length=200, help_text=_("For example: Icons as SVG"))
    position = models.PositiveIntegerField(default=0)
    is_sample = models.BooleanField(
        default=False,
        verbose_name=_("free sample"),
        help_text=_("Visitors can download it from the product page."),
    )
    plan = models.CharField(
        max_length=500, blank=True, help_text=_("Only for buyers of this plan. Empty: for all owners.")
    )

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self) -> str:
        return self.name


class FileVersion(models.Model):
    file = models.ForeignKey(ProductFile, on_delete=models.CASCADE, related_name="versions")
    # A folder for each upload, so that each version keeps its file name.
    upload = PrivateFileField(upload_to="downloads/%Y/%m/%d%H%M%S%f/", max_length=255)
    label = models.CharField(max_length=50, blank=True, help_text=_("For example: 1.2"))
    notes = models.TextField(blank=True, help_text=_("What is new, in Markdown."))
    size = models.PositiveBigIntegerField(default=0, editable=False, help_text=_("In bytes."))
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    announced_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When the e-mail about it was sent to the owners.")
    )

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("version")
        verbose_name_plural = _("versions")

    def __str__(self) -> str:
        return f"{self.filename} {self.label}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.upload and (self._state.adding or self._has_new_upload):
            self.measure()
        super().save(*args, **kwargs)

    @property
    def filename(self) -> str:
        return PurePosixPath(str(self.upload.name)).name

    @property
    def file_type(self) -> str:
        """Return "PDF" for book.pdf; "" without a suffix."""
        return PurePosixPath(self.filename).suffix[1:].upper()[:MAX_TYPE_LENGTH]

    def measure(self) -> None:
        """Set size and checksum by reading the file."""
        digest, size = sha256(), 0
        is_temporary = self._has_new_upload
        with nullcontext(self.upload.file) if is_temporary else self.upload.open("rb") as source:
            for chunk in source.chunks():
                size += len(chunk)
                digest.update(chunk)
        self.size, self.sha256 = size, digest.hexdigest()

    @property
    def _has_new_upload(self) -> bool:
        """Return whether the file is not yet in the storage."""
        return not getattr(self.upload, "_committed", True)
