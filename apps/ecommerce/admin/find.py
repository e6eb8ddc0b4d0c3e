"""The page of the admin that finds orders, customers and products by one text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from apps.ecommerce.back_office.find import MAX_LENGTH, Query, find_order, find_orders
from apps.ecommerce.models import ExternalSale, LicenceKey, ProductConfiguration, Purchase, WebhookEvent
from apps.ecommerce.money import format_money
from apps.users.models import User

MAX_ROWS = 20  # maximum for each group of results
EVENT_TYPE = re.compile(r"[a-z_]+(\.[a-z_]*)+")


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    note: str = ""
    status: str = ""
    amount: str = ""
    livemode: bool | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of results. `condition` returns None if the query can't match; `describe` needs no further query."""

    model: type[Model]
    condition: Callable[[HttpRequest, Query], Q | None]
    describe: Callable[[Any], Line]
    name: str | Promise
    order: tuple[str, ...] = ("-pk",)
    related: tuple[str, ...] = ()

    def rows(self, request: HttpRequest, query: Query) -> list[Any]:
        """Return at most one row more than the page shows."""
        if not may_view(request, self.model):
            return []
        condition = self.condition(request, query)
        if condition is None:
            return []
        rows = admin.site.get_model_admin(self.model).get_queryset(request).filter(condition)
        return list(rows.select_related(*self.related).order_by(*self.order)[: MAX_ROWS + 1])


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    entered = request.GET.get("q", "").strip()
    query = parse_query(request, entered)
    if order := _find_single_order(request, query):
        return redirect("admin:ecommerce_purchase_change", order.pk)
    context = {
        **admin.site.each_context(request),
        "title": _("Find"),
        "search_text": entered[:MAX_LENGTH],
        "is_too_long": len(entered) > MAX_LENGTH,
        "is_empty": query == Query(),
        "groups": [_render(group, rows, entered) for group in GROUPS if (rows := group.rows(request, query))],
    }
    return TemplateResponse(request, "ecommerce/admin/find.html", context)


def may_view(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.is_registered(model) and admin.site.get_model_admin(model).has_view_permission(request)


def parse_query(request: HttpRequest, entered: str) -> Query:
    """Return what to look for. Licence keys are left out for operators who may not see them."""
    query = Query.parse(entered)
    return query if may_view(request, LicenceKey) else replace(query, licence_key="")


def can_see_names(request: HttpRequest) -> bool:
    """Return whether the user may see customers, and so find orders by their names."""
    return request.user.has_perm("users.view_user")


def _find_single_order(request: HttpRequest, query: Query) -> Purchase | None:
    """Return the order if an order number, an id or a licence key leads to exactly one."""
    if not may_view(request, Purchase):
        return None
    visible = admin.site.get_model_admin(Purchase).get_queryset(request)
    orders = visible.filter(pk__in=find_order(query)).order_by("-pk")[:2]
    return orders[0] if len(orders) == 1 else None


def _render(group: Group, rows: list[Any], entered: str) -> dict[str, Any]:
    opts = group.model._meta
    try:
        more = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    except NoReverseMatch:
        more = ""
    return {
        "name": group.name,
        "slug": opts.model_name,
        "lines": [(group.describe(row), _page_url(row)) for row in rows[:MAX_ROWS]],
        "more": f"{more}?{urlencode({'q': entered})}" if len(rows) > MAX_ROWS else "",
    }


def _page_url(row: Model) -> str:
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(row.pk)])


def _orders(request: HttpRequest, query: Query) -> Q:
    return Q(pk__in=find_orders(query, by_name=can_see_names(request)))


def _describe_order(order: Purchase) -> Line:
    amount = order.price_label if order.is_recurring else format_money(order.amount_total, order.currency)
    note = " · ".join(filter(None, (order.product_name, order.current_email, _day(order.created_at))))
    return Line(order.order_number, note, order.status_label, amount, order.livemode)


def _customers(request: HttpRequest, query: Query) -> Q | None:
    if query.prefix == "cus":
        return Q(stripe_customers=query.stripe_id)
    by_email = query.in_email() if query.email or query.email_part else Q()
    return (by_email | query.in_name("name") if query.is_person else by_email) or None


def _describe_customer(user: User) -> Line:
    note = " · ".join(filter(None, (user.name, _("joined on %(day)s") % {"day": _day(user.date_joined)})))
    return Line(user.email, note, "" if user.is_active else _("blocked"))


def _external_sales(request: HttpRequest, query: Query) -> Q | None:
    if query.stripe_id:
        return Q(customer_id=query.stripe_id) if query.prefix == "cus" else Q(pk=query.stripe_id)
    by_email = Q(email__iexact=query.email) if query.email else Q()
    if query.email_part:
        by_email = Q(email__icontains=query.email_part)
    return (by_email | query.in_name("price__product__name") if query.name else by_email) or None


def _describe_sale(sale: ExternalSale) -> Line:
    status = _("assigned") if sale.purchase_id else _("ignored") if sale.ignored_at else _("waiting")
    note = " · ".join(filter(None, (sale.price.product.name, sale.email, _day(sale.sold_at))))
    return Line(sale.id, note, status, format_money(sale.amount, sale.currency), sale.livemode)


def _products(request: HttpRequest, query: Query) -> Q | None:
    if query.stripe_id:
        return Q(product=query.stripe_id) | Q(product__prices=query.stripe_id)
    return query.in_name("product__name", "slug") if query.name else None


def _describe_product(row: ProductConfiguration) -> Line:
    return Line(row.product.name, row.slug, row.get_status_display())


def _licence_keys(request: HttpRequest, query: Query) -> Q | None:
    key = query.licence_key
    return Q(key__in={key, key.upper()}) if key else None


def _describe_key(key: LicenceKey) -> Line:
    status = _("replaced") if key.replaced_at else _("sold") if key.purchase_id else _("not sold yet")
    return Line(key.key, key.configuration.product.name, status)


def _events(request: HttpRequest, query: Query) -> Q | None:
    if query.stripe_id:
        return Q(pk=query.stripe_id) if query.prefix == "evt" else None
    return Q(type__startswith=query.name) if EVENT_TYPE.fullmatch(query.name) else None


def _describe_event(event: WebhookEvent) -> Line:
    status = _("failed") if event.error else _("processed") if event.processed_at else _("waiting")
    return Line(event.id, f"{event.type} · {_day(event.received_at)}", status)


def _day(moment: Any) -> str:
    return date_format(localtime(moment), "SHORT_DATE_FORMAT")


GROUPS = [
    Group(
        Purchase,
        _orders,
        _describe_order,
        gettext_lazy("Orders"),
        related=("user", "product", "price__product"),
    ),
    Group(User, _customers, _describe_customer, gettext_lazy("Customers")),
    Group(
        ProductConfiguration,
        _products,
        _describe_product,
        gettext_lazy("Products"),
        ("position", "pk"),
        ("product",),
    ),
    Group(
        ExternalSale,
        _external_sales,
        _describe_sale,
        gettext_lazy("Sales outside the store"),
        ("-sold_at", "pk"),
        ("price__product",),
    ),
    Group(
        LicenceKey,
        _licence_keys,
        _describe_key,
        gettext_lazy("License keys"),
        related=("configuration__product",),
    ),
    Group(WebhookEvent, _events, _describe_event, gettext_lazy("Events"), ("-received_at",)),
]
