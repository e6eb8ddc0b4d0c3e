"""Actions on several rows of a list: confirmed on a page, each row once, each in the audit log."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast
from uuid import UUID, uuid5

import stripe
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise

from apps.ecommerce.back_office.audit import ActionRefused, describe_error, perform
from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.stripe_errors import is_unclear
from apps.users.models import User

from .tokens import TokenForm

Row = TypeVar("Row", bound=Model)
MAX_ROWS = 100
MAX_SHOWN = 20


def act_on_rows(
    model_admin: ModelAdmin,
    request: HttpRequest,
    rows: Iterable[Row],
    *,
    action: str,
    label: str | Promise,
    consequence: str | Promise,
    run: Callable[[Row, OperatorAction], str],
    purchase: Callable[[Row], Purchase | None] = lambda row: None,
) -> HttpResponse | None:
    """Ask to confirm; then call `run` for each row, and show what it returns. Stop if Stripe does not answer.

    The first MAX_ROWS rows are taken. A form that is sent twice acts once.
    """
    chosen = list(rows)[:MAX_ROWS]
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _ask(model_admin, request, chosen, label, consequence)
    for number, row in enumerate(chosen):
        level, text, goes_on = _act(request, row, form.cleaned_data["token"], action, run, purchase(row))
        if number < MAX_SHOWN or not goes_on:
            model_admin.message_user(request, text, level)
        if not goes_on:
            break
    return None


def _ask(
    model_admin: ModelAdmin,
    request: HttpRequest,
    rows: list[Row],
    label: str | Promise,
    consequence: str | Promise,
) -> HttpResponse:
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": label,
        "label": label,
        "consequence": consequence,
        "action": request.POST["action"],
        "rows": rows,
        "form": TokenForm.new(),
    }
    return TemplateResponse(request, "ecommerce/admin/confirm_rows.html", context)


def _act(
    request: HttpRequest,
    row: Row,
    token: UUID,
    action: str,
    run: Callable[[Row, OperatorAction], str],
    purchase: Purchase | None,
) -> tuple[int, str, bool]:
    """Return the level and text of the message, and whether to go on with the next row."""
    try:
        entry = perform(
            action,
            cast(User, request.user),
            uuid5(token, str(row.pk)),
            lambda entry: run(row, entry),
            purchase=purchase,
            subject="" if purchase else str(row.pk),
        )
    except (ActionRefused, stripe.StripeError) as error:
        is_away = isinstance(error, stripe.StripeError) and is_unclear(error)
        return messages.ERROR, f"{row}: {describe_error(error)}", not is_away
    return messages.SUCCESS, f"{row}: {entry.message}" if purchase else entry.message, True
