"""The page of the admin that exports the shop's records as CSV."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import cast
from uuid import uuid4

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.ecommerce.back_office.audit import perform
from apps.ecommerce.back_office.exports.tables import EXPORTS, Export
from apps.ecommerce.back_office.figures.periods import DAY, Period, PeriodForm, today
from apps.ecommerce.models import OperatorAction
from apps.users.models import User

PERMISSION = "ecommerce.export_reports"


@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: HttpRequest) -> HttpResponseBase:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    month = last_month()
    form = PeriodForm(request.POST or None, initial={"from": month.first, "to": month.last})
    # Enter in a date field submits the form by its first button, which names no export.
    if request.method == "POST" and form.is_valid() and request.POST.get("export") != "":
        period = Period(form.cleaned_data["from"], form.cleaned_data["to"])
        return download(request, find_export(request.POST.get("export", "")), period)
    context = {
        **admin.site.each_context(request),
        "title": _("Exports"),
        "form": form,
        "exports": EXPORTS,
    }
    return TemplateResponse(request, "ecommerce/admin/exports.html", context)


def find_export(name: str) -> Export:
    for export in EXPORTS:
        if export.name == name:
            return export
    raise Http404


def download(request: HttpRequest, export: Export, period: Period) -> StreamingHttpResponse:
    """Write the download to the audit log, and send the file."""
    chunks: Iterator[str] = export.chunks(period)
    first: list[str] = []

    def start(entry: OperatorAction) -> str:
        first.append(next(chunks))  # a database error here is logged as a failed action
        return _("Download of %(filename)s.") % {"filename": export.filename(period)}

    details = {"export": export.name, "from": period.first, "to": period.last}
    # A new token for each download, because one page can start several.
    perform("export", cast(User, request.user), uuid4(), start, subject=export.name, details=details)
    headers = {"Content-Disposition": f'attachment; filename="{export.filename(period)}"'}
    return StreamingHttpResponse(
        chain(first, chunks), content_type="text/csv; charset=utf-8", headers=headers
    )


def last_month() -> Period:
    last = today().replace(day=1) - DAY
    return Period(date(last.year, last.month, 1), last)
