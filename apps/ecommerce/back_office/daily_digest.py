"""The daily digest: yesterday's figures, and what needs a person now. It is an alert that is sent once a day."""

from collections.abc import Iterator
from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.ecommerce.models import Alert
from apps.ecommerce.money import format_money
from apps.ecommerce.operations.alert_names import DAILY_DIGEST
from apps.ecommerce.operations.alerts import deliver

from .attention_items import Item
from .figures.measures import Money
from .figures.periods import DAY, Period
from .figures.shop_figures import Figures
from .needs_attention import find_items

SEND_AT_HOUR = 7  # hour in TIME_ZONE
MAX_SUMMARY_ITEMS = 5


def send_daily_digest() -> None:
    """Send yesterday's digest once, after SEND_AT_HOUR, if there is something to report."""
    now = timezone.localtime(timezone=timezone.get_default_timezone())
    day = now.date() - DAY
    if now.hour < SEND_AT_HOUR or DAILY_DIGEST in settings.ALERTS_OFF:
        return
    if Alert.objects.filter(name=DAILY_DIGEST, about=str(day)).exists():
        return
    with translation.override(settings.LANGUAGE_CODE), timezone.override(timezone.get_default_timezone()):
        message, summary = write_digest(day)
    times = {"found_at": now, "solved_at": None if message else now}  # an empty digest is stored, too
    try:
        with transaction.atomic():
            Alert.objects.create(name=DAILY_DIGEST, about=str(day), message=message, summary=summary, **times)
    except IntegrityError:
        return  # another process sends the digest
    deliver()


def write_digest(day: date) -> tuple[str, str]:
    """Return the message, whose first line is the subject, and its short form; "" if there is nothing to say."""
    figures, items = list(_figures(day)), find_items()
    if not figures and not items:
        return "", ""
    title = _("%(shop)s on %(day)s") % {"shop": settings.SITE_NAME, "day": date_format(day, "DATE_FORMAT")}
    text = "\n".join(figures).strip() or _("No sales.")
    count = sum(item.count for item in items)
    todo = [_("Needs attention: %(count)d") % {"count": count} if count else _("Nothing needs attention.")]
    index = f"{settings.SITE_URL}{reverse('admin:index')}"
    links = [_("All figures: %(url)s") % {"url": f"{index}?from={day}&to={day}"}]
    message = [title, "", text, "", *todo, *_describe(items), "", *links]
    short = [f"- {item.title}" for item in items[:MAX_SUMMARY_ITEMS]]
    summary = [*filter(None, text.splitlines()), *todo, *short, f"{index}?from={day}&to={day}"]
    return "\n".join(message), "\n".join(summary)


def _figures(day: date) -> Iterator[str]:
    """Yield the lines of the day; none if nothing has happened."""
    figures = Figures(Period(day, day))
    for currency in figures.currencies:
        total = figures.total(currency)
        if total != Money():
            yield from _money_lines(currency, total)
    subscriptions = figures.subscriptions_total
    if subscriptions.new or subscriptions.ended:
        yield _("Subscriptions: %(new)d new, %(ended)d ended") % {
            "new": subscriptions.new,
            "ended": subscriptions.ended,
        }


def _money_lines(currency: str, total: Money) -> Iterator[str]:
    def line(label: str, amount: int) -> str:
        return f"{label}: {format_money(amount, currency)}"

    orders = ngettext("%(count)d order", "%(count)d orders", total.orders) % {"count": total.orders}
    yield f"{currency.upper()}: {orders}"
    yield line(_("Sales"), total.sales)
    yield line(_("Refunds"), total.refunds)
    if total.disputes:
        yield line(_("Lost disputes"), total.disputes)
    yield line(_("Net"), total.net)
    yield ""


def _describe(items: list[Item]) -> Iterator[str]:
    for item in items:
        yield f"- {item.title}"
        yield f"  {item.detail}"
        if item.url:
            yield f"  {settings.SITE_URL}{item.url}"
