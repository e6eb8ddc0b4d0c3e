"""The token of a page: a form that is sent twice acts once. See back_office/audit.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import stripe
from django import forms
from django.http import HttpRequest

from apps.ecommerce.back_office.audit import ActionRefused, describe_error, perform
from apps.ecommerce.models import OperatorAction
from apps.ecommerce.purchases.stripe_errors import is_unclear
from apps.users.models import User


class TokenForm(forms.Form):
    token = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def new(cls) -> TokenForm:
        return cls(initial={"token": uuid4()})


def perform_form(
    request: HttpRequest,
    action: str,
    form: forms.Form,
    token: TokenForm,
    run: Callable[[OperatorAction], str],
    *,
    find_error_field: Callable[[Exception], str | None] = lambda error: None,
    **entry_fields: Any,
) -> tuple[OperatorAction | None, TokenForm]:
    """Do what a valid form asks for, and return the entry of the audit log and the token for the page.

    After an error, there is no entry, and the form has the error.
    """
    try:
        entry = perform(action, cast(User, request.user), token.cleaned_data["token"], run, **entry_fields)
    except (ActionRefused, stripe.StripeError) as error:
        form.add_error(find_error_field(error), describe_error(error))
        if isinstance(error, stripe.StripeError) and is_unclear(error):
            return None, token  # keep the token, so that a retry can't act twice
        return None, TokenForm.new()
    return entry, token
