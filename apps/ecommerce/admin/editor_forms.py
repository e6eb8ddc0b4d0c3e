"""All forms of the product editor together, and the state that the page carries from one request to the next."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from django import forms
from django.core import signing
from django.db.models import Count
from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.ecommerce.catalogue.product_values import PriceValues, ProductValues
from apps.ecommerce.models import Price, ProductConfiguration
from apps.users.models import User

from .price_forms import MAX_PRICES, PriceForm
from .product_forms import MAX_PICTURES, MAX_QUESTIONS, FaqForm, PictureForm, ProductForm, product_initial

STATE_SALT = "ecommerce.product_editor"
EMPTY_ROWS = 2  # empty rows of a list, for browsers without JavaScript


def new_nonce() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class EditorState:
    """`values` are those that Stripe and the store had when the page was rendered. `nonce` is new for each page.

    `tried` are the values of an interrupted try, which may have written some of them.
    """

    product_id: str
    values: ProductValues = field(default_factory=ProductValues)
    nonce: str = field(default_factory=new_nonce)
    tried: ProductValues | None = None

    @classmethod
    def new(cls) -> Self:
        return cls(f"prod_{secrets.token_hex(12)}")

    @classmethod
    def load(cls, text: str) -> Self:
        """Raise signing.BadSignature if the text was not signed by `dump`."""
        product_id, values, nonce, tried = signing.loads(text, salt=STATE_SALT)
        interrupted = ProductValues.from_dict(tried) if tried else None
        return cls(product_id, ProductValues.from_dict(values), nonce, interrupted)

    def dump(self) -> str:
        tried = self.tried.to_dict() if self.tried else None
        data = (self.product_id, self.values.to_dict(), self.nonce, tried)
        return signing.dumps(data, salt=STATE_SALT, compress=True)


class EditorForms:
    """The product's form and three lists of rows: `values` are the initial ones, `data` is a POST request's."""

    def __init__(
        self,
        user: User,
        row: ProductConfiguration | None,
        values: ProductValues,
        known: Mapping[str, PriceValues],
        data: QueryDict | None = None,
        files: Any = None,
    ) -> None:
        self.data = data
        self.product = ProductForm(data, initial=product_initial(values), user=user, row=row)
        self.prices = _formset(PriceForm, MAX_PRICES)(
            data,
            initial=[PriceForm.initial_values(price) for price in values.prices],
            prefix="prices",
            form_kwargs={"known": known, "currency": main_currency()},
        )
        self.pictures = _formset(PictureForm, MAX_PICTURES)(
            data,
            files,
            initial=[PictureForm.initial_values(picture) for picture in values.pictures],
            prefix="pictures",
        )
        self.faq = _formset(FaqForm, MAX_QUESTIONS)(
            data,
            initial=[{"question": question, "answer": answer} for question, answer in values.faq],
            prefix="faq",
        )
        for number, form in enumerate(self.prices.forms):
            form.is_default = self._is_default(form, values, number)

    def is_valid(self) -> bool:
        results = [part.is_valid() for part in (self.product, self.prices, self.pictures, self.faq)]
        if not all(results):
            return False
        if not self.price_rows and self._is_price_required():
            message = _("A product on sale needs a price.")
            if self.product.row and self.product.row.product.default_price_id:
                message = _("The last price can't be removed. Hide the product to stop its sale.")
            self.prices._non_form_errors.append(message)
            return False
        return True

    @property
    def has_errors(self) -> bool:
        sets = (self.prices, self.pictures, self.faq)
        return bool(self.product.errors or any(part.total_error_count() for part in sets))

    @cached_property
    def price_rows(self) -> list[PriceForm]:
        return [
            form for form in self.prices.forms if _is_filled(form) and form not in self.prices.deleted_forms
        ]

    def read(self) -> ProductValues:
        """Return the values of valid forms."""
        names = ProductForm.base_fields
        prices = [form.values for form in self.price_rows if form.values]
        chosen = [form.values for form in self.price_rows if form.values and form.is_default]
        values = ProductValues(
            **{name: self.product.cleaned_data[name] for name in names},
            prices=prices,
            default=next((price.terms for price in chosen or prices), ()),
            pictures=[form.picture for form in self.pictures.ordered_forms if form.picture],
            faq=[[row["question"], row["answer"]] for row in map(_cleaned, self.faq.ordered_forms)],
        )
        return replace(values, tags=sorted(values.tags))

    def keep_pictures(self) -> None:
        """Show the uploaded images again, because browsers don't send them twice."""
        assert self.data is not None
        data = self.data.copy()
        for form in self.pictures.forms:
            if picture := getattr(form, "picture", None):
                data[form.add_prefix("saved")] = PictureForm.initial_values(picture)["saved"]
            form.data = data

    def _is_price_required(self) -> bool:
        row = self.product.row
        is_on_sale = self.product.cleaned_data["status"] == ProductConfiguration.Status.ON_SALE
        return is_on_sale or bool(row and row.product.default_price_id)

    def _is_default(self, form: PriceForm, values: ProductValues, number: int) -> bool:
        if self.data is not None:
            return self.data.get("default_price") == form.prefix
        return number < len(values.prices) and values.prices[number].terms == values.default


def main_currency() -> str:
    counts = Price.objects.filter(active=True).values("currency").annotate(n=Count("pk")).order_by("-n")
    first = counts.first()
    return str(first["currency"]) if first else "usd"


def _formset(form: Any, maximum: int) -> Any:
    return forms.formset_factory(
        form,
        extra=EMPTY_ROWS,
        can_order=form is not PriceForm,
        can_delete=True,
        max_num=maximum,
        absolute_max=maximum + 20,
        validate_max=True,
    )


def _is_filled(form: forms.Form) -> bool:
    return form.has_changed() or bool(form.initial)


def _cleaned(form: forms.Form) -> dict[str, Any]:
    return form.cleaned_data
