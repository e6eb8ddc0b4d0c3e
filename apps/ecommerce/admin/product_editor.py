"""The page in the admin on which a founder adds and edits a product.

Not Django's change form, which runs in a transaction: here Stripe is written first, and the store's row after it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

import stripe
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from apps.ecommerce.catalogue.product_rows import RowChanged, find_row, save_row, start_draft
from apps.ecommerce.catalogue.product_values import Conflict, ProductValues, add_interrupted, merge
from apps.ecommerce.catalogue.publish import (
    PublishError,
    StripeProduct,
    publish,
    read_product,
)
from apps.ecommerce.catalogue.report import NotSaved
from apps.ecommerce.models import Product, ProductConfiguration
from apps.ecommerce.stripe_api.transport import stripe_deadline

from .editor_context import conflict_rows, editor_context
from .editor_forms import EditorForms, EditorState, new_nonce
from .product_forms import MAX_NAME_LENGTH

DEADLINE_SECONDS = 25  # a product with many new prices needs one request for each

logger = logging.getLogger(__name__)


def add_product(model_admin: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show an empty form, or one with the values of the product ?from=. A second press of Save finds the product."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        editor = Editor(request, model_admin, None, EditorState.new())
        return editor.show(_copied_values(request.GET.get("from", "")))
    state = _load_state(request)
    if state is None:
        return redirect(request.get_full_path())
    return Editor(request, model_admin, find_row(state.product_id), state).save()


def edit_product(model_admin: admin.ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    found = model_admin.get_object(request, object_id)
    if found is None:
        raise Http404
    if not model_admin.has_change_permission(request, found):
        if request.method != "POST" and model_admin.has_view_permission(request, found):
            # Django's form is read-only for users with view permission.
            return redirect("admin:ecommerce_productconfiguration_settings", found.pk)
        raise PermissionDenied
    row = find_row(found.product_id)
    assert row
    values = ProductValues.from_rows(row.product, row.product.prices.all(), row)
    if request.method != "POST":
        return Editor(request, model_admin, row, EditorState(row.product_id, values)).show(values)
    state = _load_state(request)
    if state is None or state.product_id != row.product_id:
        return redirect(request.get_full_path())
    return Editor(request, model_admin, row, state).save()


@dataclass
class Editor:
    """One request of the page. `row` is None until the product has been saved for the first time."""

    request: HttpRequest
    model_admin: admin.ModelAdmin
    row: ProductConfiguration | None
    state: EditorState
    conflicts: list[Conflict] = field(default_factory=list)
    problem: str = ""
    is_new: bool = False

    def show(self, values: ProductValues) -> HttpResponse:
        return self._render(self._forms(values))

    def save(self) -> HttpResponse:
        post = self.request.POST.copy()
        if "_publish" in post:
            post["status"] = ProductConfiguration.Status.ON_SALE
        forms = self._forms(self.state.values, post, self.request.FILES)
        if not forms.is_valid():
            return self._show_again(forms)
        try:
            with stripe_deadline(DEADLINE_SECONDS):
                return self._write(forms)
        except stripe.StripeError as error:
            logger.exception("%s could not be written to Stripe", self.state.product_id)
            self.problem = _describe(error)
        except IntegrityError:  # another process has just saved a product with the same slug
            self.problem = _("Another product has the same address. Choose another one.")
        except NotSaved as error:
            self.problem = _("Stripe has saved the product, but the store can't use it: %(error)s") % {
                "error": error
            }
        return self._show_again(forms)

    def _write(self, forms: EditorForms) -> HttpResponse:
        values = forms.read()
        found = read_product(self.state.product_id)
        if self.row and not found.item and self.row.product.prices.all():
            self.problem = _("Stripe does not have this product any more. Duplicate it to sell it again.")
            return self._show_again(forms)
        if self.row is None:
            self.row, self.is_new = start_draft(self.state.product_id, values), True
        if not values.slug:
            values = replace(values, slug=self.row.slug)
        current = self._read_values(found)
        if self.state.tried:
            base = add_interrupted(self.state.values, current, self.state.tried)
            self.state = replace(self.state, values=base)
        merged, self.conflicts = merge(self.state.values, current, values)
        if self.conflicts:
            self.state = EditorState(self.state.product_id, current)
            return self._render(self._forms(merged))
        return self._publish(forms, found, current, merged)

    def _publish(
        self, forms: EditorForms, found: StripeProduct, current: ProductValues, values: ProductValues
    ) -> HttpResponse:
        self.state = replace(self.state, tried=values)
        try:
            publish(self.state.product_id, found, self.state.values, values, self.state.nonce)
            self.row = save_row(self.state.product_id, current, values)
        except PublishError as error:
            return self._show_refusal(forms, error)
        except RowChanged:
            self.problem = _("Someone else has just saved this product. Check it and save again.")
            return self._show_again(forms)
        return self._confirm()

    def _show_refusal(self, forms: EditorForms, error: PublishError) -> HttpResponse:
        """Show Stripe's error message at the field."""
        if error.row is not None:
            forms.price_rows[error.row].add_error(error.field or None, str(error))
        elif error.field in forms.product.fields:
            forms.product.add_error(error.field, str(error))
        else:
            self.problem = str(error)
        return self._show_again(forms)

    def _show_again(self, forms: EditorForms) -> HttpResponse:
        forms.keep_pictures()
        self.state = replace(self.state, nonce=new_nonce())
        return self._render(forms)

    def _confirm(self) -> HttpResponse:
        assert self.row
        if self.is_new:
            self.model_admin.log_addition(self.request, self.row, [{"added": {}}])
        else:
            self.model_admin.log_change(self.request, self.row, [{"changed": {}}])
        text = _("“%(product)s” was saved.") % {"product": self.row}
        if self.row.status == ProductConfiguration.Status.DRAFT:
            text += " " + _("It is a draft: only staff see its page.")
        elif self.row.status == ProductConfiguration.Status.HIDDEN:
            text += " " + _("It is hidden: only staff and owners see its page.")
        messages.success(self.request, text)
        return redirect("admin:ecommerce_productconfiguration_change", self.row.pk)

    def _read_values(self, found: StripeProduct) -> ProductValues:
        assert self.row
        known = self.state.values
        product = found.product or Product(
            id=self.state.product_id, name=known.name, description=known.payment_text, features=known.features
        )
        row = find_row(self.state.product_id)
        assert row
        return ProductValues.from_rows(product, found.prices, row)

    def _forms(self, values: ProductValues, data: Any = None, files: Any = None) -> EditorForms:
        known = {price.id: price for price in self.state.values.prices}
        return EditorForms(self.request.user, self.row, values, known, data, files)  # type: ignore[arg-type]

    def _render(self, forms: EditorForms) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            **editor_context(self.model_admin, self.request, self.row),
            "forms": forms,
            "state": self.state.dump(),
            "conflicts": conflict_rows(self.conflicts),
            "problem": self.problem,
        }
        status = 422 if forms.has_errors or self.problem or self.conflicts else 200
        return TemplateResponse(self.request, "ecommerce/admin/product_editor.html", context, status=status)


def _load_state(request: HttpRequest) -> EditorState | None:
    try:
        return EditorState.load(request.POST.get("state", ""))
    except (signing.BadSignature, TypeError, KeyError):  # an old page, from before an update
        messages.error(request, _("This page was out of date. Please enter your changes again."))
        return None


def _copied_values(pk: str) -> ProductValues:
    row = ProductConfiguration.objects.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
    row = find_row(row.product_id) if row else None
    if row is None:
        return ProductValues()
    values = ProductValues.from_rows(row.product, row.product.prices.all(), row)
    prices = [replace(price, id="") for price in values.prices if not price.is_fixed]
    name = _("Copy of %(product)s") % {"product": values.name}
    return replace(
        values,
        name=name[:MAX_NAME_LENGTH],
        prices=prices,
        slug="",
        status=ProductConfiguration.Status.DRAFT.value,
    )


def _describe(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return _("Stripe refused the request: %(error)s") % {"error": error.user_message or error}
    return _(
        "Stripe did not answer, so the product may be saved in part. "
        "Nothing is lost: press the button again in a minute."
    )
