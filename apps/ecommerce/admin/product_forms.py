"""The forms of the product editor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.catalogue.product_values import ProductValues
from apps.ecommerce.catalogue.rows import clean_line
from apps.ecommerce.catalogue.slugs import validate_new_slug
from apps.ecommerce.catalogue.uploads import UploadError, store_upload
from apps.ecommerce.models import Category, ProductConfiguration, Tag
from apps.ecommerce.models.pictures import Picture
from apps.users.models import User

MAX_FEATURES, MAX_FEATURE_LENGTH = 15, 80  # https://docs.stripe.com/api/products/create
MAX_NAME_LENGTH = 250
MAX_TEXT_LENGTH = 50_000
MAX_PAYMENT_TEXT_LENGTH = 40_000
MAX_TAGS, MAX_PICTURES, MAX_QUESTIONS = 20, 12, 40
MAX_GROUP_LENGTH = 80
PICTURE_SALT = "ecommerce.picture"


def textarea(rows: int, **attrs: Any) -> forms.Textarea:
    return forms.Textarea({"rows": rows, **attrs})


class ProductForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME_LENGTH)
    tagline = forms.CharField(
        label=_("Tagline"),
        required=False,
        max_length=200,
        help_text=_("What it is, in one sentence. It is shown with the name."),
    )
    status = forms.ChoiceField(
        label=_("Status"),
        choices=ProductConfiguration.Status.choices,
        help_text=_("Drafts and hidden products are neither shown nor sold. Owners keep their access."),
    )
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=MAX_TEXT_LENGTH,
        widget=textarea(10, **{"data-markdown": ""}),
        help_text=_(
            "Text of the product page, in Markdown. If it is empty, the page shows the text on the payment page."
        ),
    )
    payment_text = forms.CharField(
        label=_("Text on the payment page"),
        required=False,
        max_length=MAX_PAYMENT_TEXT_LENGTH,
        widget=textarea(3),
        help_text=_("Stripe's description of the product, without formatting."),
    )
    features = forms.CharField(
        label=_("What buyers get"),
        required=False,
        widget=textarea(4),
        help_text=_("One per line, at most 15 lines of 80 characters."),
    )
    specifications = forms.CharField(
        label=_("Specifications"),
        required=False,
        max_length=MAX_TEXT_LENGTH,
        widget=textarea(3),
        help_text=_("One per line, for example: Format: PDF, EPUB"),
    )
    category = forms.CharField(
        label=_("Category"),
        required=False,
        max_length=MAX_GROUP_LENGTH,
        widget=forms.TextInput({"list": "categories"}),
        help_text=_("Choose one, or enter the name of a new one."),
    )
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=2000, help_text=_("Separated by commas.")
    )
    content = forms.CharField(
        label=_("Text for owners"),
        required=False,
        max_length=MAX_TEXT_LENGTH,
        widget=textarea(6, **{"data-markdown": ""}),
        help_text=_("Shown to buyers after their purchase, in Markdown."),
    )
    licence_keys = forms.ChoiceField(
        label=_("License keys"), required=False, choices=ProductConfiguration.LicenceKeys.choices
    )
    max_activations = forms.IntegerField(
        label=_("Activations of each key"),
        min_value=0,
        max_value=1_000_000,
        help_text=_("How many computers can use one license key. 0: any number."),
    )
    slug = forms.SlugField(
        label=_("Address"),
        required=False,
        max_length=80,
        help_text=_("Last part of the URL in the store. If it is empty, it is made from the name."),
    )

    def __init__(self, *args: Any, user: User, row: ProductConfiguration | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.row = user, row
        for field in self.fields.values():
            if field.help_text:
                field.widget.attrs.setdefault("class", "vTextField")

    def clean_name(self) -> str:
        return self._line("name") or self._refuse(gettext("Enter a name with visible characters."))

    def clean_tagline(self) -> str:
        return self._line("tagline")

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug and not (self.row and self.row.slug == slug):  # an existing slug remains valid
            validate_new_slug(slug, self.row or ProductConfiguration())
        return slug or (self.row.slug if self.row else "")

    def clean_features(self) -> list[str]:
        lines = [line for text in self.cleaned_data["features"].splitlines() if (line := clean_line(text))]
        if len(lines) > MAX_FEATURES:
            self._refuse(gettext("Enter at most %(n)d lines.") % {"n": MAX_FEATURES})
        for number, line in enumerate(lines, start=1):
            if len(line) > MAX_FEATURE_LENGTH:
                values = {"number": number, "length": len(line), "n": MAX_FEATURE_LENGTH}
                self._refuse(
                    gettext("Line %(number)d has %(length)d characters, but Stripe allows %(n)d.") % values
                )
        return lines

    def clean_category(self) -> str:
        name = self._line("category")
        known = Category.objects.filter(name__iexact=name).first()
        if name and not known and not self.user.has_perm("ecommerce.add_category"):
            self._refuse(gettext("You may not add categories. Choose one of the list."))
        return known.name if known else name

    def clean_tags(self) -> list[str]:
        names = {clean_line(text) for text in self.cleaned_data["tags"].replace("\n", ",").split(",")} - {""}
        unique = {name.casefold(): name for name in sorted(names, reverse=True)}
        if len(unique) > MAX_TAGS:
            self._refuse(gettext("Enter at most %(n)d tags.") % {"n": MAX_TAGS})
        for folded, name in unique.items():
            if len(name) > MAX_GROUP_LENGTH:
                self._refuse(gettext("A tag can have at most %(n)d characters.") % {"n": MAX_GROUP_LENGTH})
            known = Tag.objects.filter(name__iexact=name).first()
            if not known and not self.user.has_perm("ecommerce.add_tag"):
                self._refuse(gettext("You may not add tags. These exist: %(tags)s") % {"tags": _tag_names()})
            unique[folded] = known.name if known else name
        return sorted(unique.values())

    def clean_description(self) -> str:
        return self._text("description")

    def clean_content(self) -> str:
        return self._text("content")

    def clean_payment_text(self) -> str:
        return self._text("payment_text")

    def clean_specifications(self) -> str:
        return self._text("specifications")

    def _line(self, name: str) -> str:
        return clean_line(self.cleaned_data[name])

    def _text(self, name: str) -> str:
        # Browsers send CRLF. The stored text must equal the submitted one, to detect changes.
        return str(self.cleaned_data[name]).replace("\r\n", "\n").replace("\r", "\n")

    def _refuse(self, message: str) -> Any:
        raise ValidationError(message)


class PictureForm(forms.Form):
    saved = forms.CharField(required=False, widget=forms.HiddenInput)
    file = forms.FileField(label=_("Image"), required=False, widget=forms.FileInput({"accept": "image/*"}))
    alt = forms.CharField(
        label=_("Alternative text"),
        required=False,
        max_length=200,
        help_text=_("What the image shows, for people who can't see it."),
    )

    def clean(self) -> dict[str, Any]:
        """Store an uploaded image at once, so that it is not lost if another field is refused."""
        super().clean()
        self.picture: dict[str, Any] | None = None
        try:
            if data := self.cleaned_data.get("saved"):
                self.picture = signing.loads(data, salt=PICTURE_SALT)
            if file := self.cleaned_data.get("file"):
                self.picture = store_upload(file)
        except UploadError as error:
            self.add_error("file", str(error))
        except signing.BadSignature:
            self.add_error("file", gettext("Please choose the image again."))
        if self.picture:
            self.picture["alt"] = clean_line(self.cleaned_data.get("alt"))
        return self.cleaned_data

    @property
    def shown(self) -> Picture | None:
        """Return the picture whose row this is, or that the request has uploaded."""
        try:
            data = signing.loads(self["saved"].value() or "", salt=PICTURE_SALT)
        except signing.BadSignature:
            return None
        return Picture(**data)

    @staticmethod
    def initial_values(picture: dict[str, Any]) -> dict[str, Any]:
        return {"saved": signing.dumps(picture, salt=PICTURE_SALT), "alt": picture.get("alt", "")}


class FaqForm(forms.Form):
    question = forms.CharField(label=_("Question"), max_length=200)
    answer = forms.CharField(
        label=_("Answer"), max_length=MAX_TEXT_LENGTH, widget=textarea(3), help_text=_("In Markdown.")
    )

    def clean_answer(self) -> str:
        return str(self.cleaned_data["answer"]).replace("\r\n", "\n")


def product_initial(values: ProductValues) -> dict[str, Any]:
    names = ProductForm.base_fields
    return {
        **{name: getattr(values, name) for name in names},
        "features": "\n".join(values.features),
        "tags": ", ".join(values.tags),
    }


def _tag_names() -> str:
    return ", ".join(Tag.objects.values_list("name", flat=True)[:50])
