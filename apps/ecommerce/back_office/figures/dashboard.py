"""The context of the admin's first page: figures, charts, and problems that need a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.ecommerce.back_office.needs_attention import find_items
from apps.ecommerce.money import format_money

from .charts import Chart, Value, draw
from .comparisons import Comparison, compare, compare_rates, number, percent
from .measures import ProductSales
from .periods import CHOICES, choose_period
from .queries import count_trials, fetch_top_products, latest_orders
from .shop_figures import Figures


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure. `before` is its value in the previous period."""

    label: str
    value: str
    change: Comparison
    before: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CurrencySection:
    code: str
    tiles: list[Tile]
    charts: list[Chart]
    top_products: list[tuple[ProductSales, str]]  # product and formatted amount


def dashboard_context(request: HttpRequest) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if request.user.has_perm("ecommerce.view_purchase"):
        context["attention"] = find_items()
    if request.user.has_perm("ecommerce.view_reports"):
        context["figures"] = _describe_figures(request)
    return context


def _describe_figures(request: HttpRequest) -> dict[str, Any]:
    choice = choose_period(request.GET)
    figures = Figures(choice.period)
    products = fetch_top_products(choice.period)
    return {
        "choice": choice,
        "choices": [(name, label) for name, (_days, label) in CHOICES.items()],
        "tiles": list(_shop_tiles(figures)),
        "currencies": [
            _describe_currency(figures, code, products.get(code, [])) for code in figures.currencies
        ],
        "latest": list(latest_orders()),
    }


def _shop_tiles(figures: Figures) -> Iterator[Tile]:
    """Yield the figures that are not amounts, of all currencies together."""
    now, before = figures.checkouts, figures.checkouts_before
    yield Tile(
        _("Paid checkouts"),
        _rate(now.conversion),
        compare_rates(now.conversion, before.conversion, without=_("no checkouts in the previous period")),
        _rate(before.conversion) if before.started else "",
        _("%(paid)s of %(started)s") % {"paid": number(now.paid), "started": number(now.started)},
    )
    total, earlier = figures.subscriptions_total, figures.subscriptions_before
    if not (total.running or total.new or total.ended or earlier.running or earlier.new or earlier.ended):
        return
    trials = count_trials()
    yield Tile(
        _("Running subscriptions"),
        number(total.running),
        compare(total.running, earlier.running, without=_("none before")),
        number(earlier.running),
        ngettext("plus %(count)s free trial", "plus %(count)s free trials", trials)
        % {"count": number(trials)}
        if trials
        else "",
    )
    for label, value, value_before in (
        (_("New subscriptions"), total.new, earlier.new),
        (_("Ended subscriptions"), total.ended, earlier.ended),
    ):
        without = _("none in the previous period")
        yield Tile(label, number(value), compare(value, value_before, without=without), number(value_before))
    yield Tile(
        _("Churn"),
        _rate(total.churn),
        compare_rates(
            total.churn,
            earlier.churn,
            without=_("no subscriptions at the start")
            if total.churn is None
            else _("no subscriptions at the start of the previous period"),
        ),
        _rate(earlier.churn) if earlier.churn is not None else "",
    )


def _describe_currency(figures: Figures, code: str, products: list[ProductSales]) -> CurrencySection:
    charts = [_sales_chart(figures, code)]
    if any(row.mrr.get(code) for row in figures.subscriptions):
        charts.append(_mrr_chart(figures, code))
    top = [(row, format_money(row.amount, code)) for row in products]
    return CurrencySection(code.upper(), list(_money_tiles(figures, code)), charts, top)


def _money_tiles(figures: Figures, code: str) -> Iterator[Tile]:
    now, before = figures.total(code), figures.before(code)
    no_sales, no_orders = _("no sales in the previous period"), _("no orders in the previous period")
    rows = [
        (_("Sales"), now.sales, before.sales, no_sales),
        (_("Refunds"), now.refunds, before.refunds, _("no refunds in the previous period")),
    ]
    if now.disputes or before.disputes:
        rows.append((_("Lost disputes"), now.disputes, before.disputes, _("none in the previous period")))
    rows.append((_("Net"), now.net, before.net, no_sales))
    for label, amount, amount_before, without in rows:
        change = compare(amount, amount_before, without=without)
        yield Tile(label, format_money(amount, code), change, format_money(amount_before, code))
    yield Tile(
        _("Orders"),
        number(now.orders),
        compare(now.orders, before.orders, without=no_orders),
        number(before.orders),
    )
    yield Tile(
        _("Average order"),
        "–" if now.average is None else format_money(now.average, code),
        Comparison(_("no orders"))
        if now.average is None
        else compare(now.average, before.average or 0, without=no_orders),
        "" if before.average is None else format_money(before.average, code),
    )
    mrr = figures.subscriptions_total.mrr.get(code, 0)
    mrr_before = figures.subscriptions_before.mrr.get(code, 0)
    if mrr or mrr_before:
        change = compare(mrr, mrr_before, without=_("none before"))
        yield Tile(_("MRR"), format_money(mrr, code), change, format_money(mrr_before, code))


def _sales_chart(figures: Figures, code: str) -> Chart:
    def show(amount: int) -> str:
        return format_money(amount, code)

    series = figures.money_series(code)
    values = [
        Value(bucket, row.sales, row.losses, [show(row.sales), show(row.losses), show(row.net)])
        for bucket, row in series
    ]
    best_bucket, best = max(series, key=lambda item: item[1].sales)
    description = _("Highest sales: %(amount)s, %(time)s. Net of the period: %(net)s.") % {
        "amount": show(best.sales),
        "time": best_bucket.label,
        "net": show(figures.total(code).net),
    }
    title = _("Sales, and refunds with lost disputes below the line")
    columns = [_("Time"), _("Sales"), _("Refunds and lost disputes"), _("Net")]
    return draw(f"sales-{code}", title, description, columns, values, show)


def _mrr_chart(figures: Figures, code: str) -> Chart:
    def show(amount: int) -> str:
        return format_money(amount, code)

    series = figures.mrr_series(code)
    values = [Value(bucket, max(amount, 0), 0, [show(amount)]) for bucket, amount in series]
    description = _("From %(first)s to %(last)s.") % {
        "first": show(series[0][1]),
        "last": show(series[-1][1]),
    }
    title = _("Monthly recurring revenue (MRR)")
    return draw(f"mrr-{code}", title, description, [_("At the end of"), _("MRR")], values, show)


def _rate(rate: float | None) -> str:
    return "–" if rate is None else percent(rate)
