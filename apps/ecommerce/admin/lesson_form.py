from __future__ import annotations

from hashlib import sha256
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.content.video_files import validate_video_file
from apps.ecommerce.content.videos import MAX_ADDRESS_LENGTH, VideoAddressError, parse_video
from apps.ecommerce.models import Lesson, Price, Section


class LessonForm(forms.ModelForm):
    video = forms.CharField(
        required=False,
        max_length=MAX_ADDRESS_LENGTH,
        label=_("Video"),
        help_text=Lesson._meta.get_field("video").help_text,
        widget=forms.TextInput(attrs={"class": "vURLField"}),
    )
    plan = forms.ChoiceField(required=False, help_text=Lesson._meta.get_field("plan").help_text)
    fingerprint = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.instance.section_id or self.data.get("section") or self.initial.get("section")
        self.product_id = _product_of_section(chosen)
        sections: Any = self.fields.get("section")  # the field is missing for staff with view permission only
        if sections:
            rows = Section.objects.select_related("configuration__product")
            sections.queryset = (
                rows.filter(configuration__product=self.product_id) if self.product_id else rows
            )
            sections.label_from_instance = lambda row: f"{row.configuration}: {row}"
        self.fields["fingerprint"].initial = _fingerprint(self.instance)
        plans: Any = self.fields["plan"]
        plans.choices = [("", gettext("All owners")), *((plan, plan) for plan in self._plans())]

    def _plans(self) -> list[str]:
        """Return the plans that the product sells or has sold, and the one that the lesson has."""
        prices = Price.objects.filter(product=self.product_id).exclude(plan="")
        return sorted({*prices.values_list("plan", flat=True), *filter(None, [self.instance.plan])})

    def clean_video(self) -> str:
        """Return the address without parameters for tracking."""
        address: str = self.cleaned_data["video"]
        try:
            return parse_video(address).page_url if address else ""
        except VideoAddressError as error:
            raise ValidationError(str(error)) from error

    def clean_video_file(self) -> Any:
        file = self.cleaned_data["video_file"]
        if isinstance(file, UploadedFile):
            validate_video_file(file)
        return file

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("video") and data.get("video_file"):
            self.add_error(
                "video", gettext("A lesson has one video: an address or a file. Remove one of them.")
            )
        stored = Lesson.objects.filter(pk=self.instance.pk).first()
        if stored and data.get("fingerprint") != _fingerprint(stored):
            self._refuse_once(stored)
        return data

    def _refuse_once(self, stored: Lesson) -> None:
        """Refuse to overwrite a change that was saved in the meantime. Saving again overwrites it."""
        self.data = MultiValueDict({**dict(self.data.lists()), "fingerprint": [_fingerprint(stored)]})  # type: ignore[attr-defined]
        text = gettext(
            "Someone else has changed this lesson since you opened it, so your changes were not saved. Open the lesson "
            "in another tab to compare. If you save again, your version replaces theirs."
        )
        self.add_error(None, text)


def _fingerprint(lesson: Lesson) -> str:
    names = ("section_id", "title", "text", "video", "video_file", "is_preview", "plan")
    values = [str(getattr(lesson, name)) for name in names]
    return sha256(repr(values).encode()).hexdigest()[:32] if lesson.pk else ""


def _product_of_section(section_id: Any) -> str:
    if not str(section_id or "").isdecimal():
        return ""
    products = Section.objects.filter(pk=section_id).values_list("configuration__product_id", flat=True)
    return products.first() or ""
