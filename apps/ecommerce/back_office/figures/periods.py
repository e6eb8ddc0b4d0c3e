"""The days that figures are about. Days begin and end at midnight in settings.TIME_ZONE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

DAY = timedelta(days=1)
CHOICES: dict[str, tuple[int, str | Promise]] = {
    "today": (1, gettext_lazy("Today")),
    "7": (7, gettext_lazy("7 days")),
    "30": (30, gettext_lazy("30 days")),
    "90": (90, gettext_lazy("90 days")),
}
DEFAULT = "30"
EARLIEST = date(2000, 1, 1)
MAX_DAYS = 3653  # days in ten years
MAX_BUCKETS = 31


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bar of a chart: from `start` until just before `end`."""

    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Period:
    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        return local_midnight(self.first)

    @property
    def end(self) -> datetime:
        """Return the midnight after the last day."""
        return local_midnight(self.last + DAY)

    @property
    def previous(self) -> Period:
        """Return the same number of days just before."""
        return Period(self.first - self.days * DAY, self.first - DAY)

    @property
    def buckets(self) -> list[Bucket]:
        """Divide the period into at most 31 hours, days, weeks, months, quarters or years."""
        if self.days == 1:
            return list(self._hours())
        for first_days in (self._every(1), self._every(7), *map(self._every_months, (1, 3, 12))):
            starts = first_days()
            if len(starts) <= MAX_BUCKETS:
                break
        ends = [*starts[1:], self.last + DAY]
        return [
            Bucket(local_midnight(start), local_midnight(end), describe_days(start, end - DAY))
            for start, end in zip(starts, ends, strict=True)
        ]

    @property
    def label(self) -> str:
        return describe_days(self.first, self.last)

    @property
    def previous_label(self) -> str:
        if self.days == 1:
            return _("the day before")
        return _("the %(days)d days before") % {"days": self.days}

    def _hours(self) -> Iterator[Bucket]:
        """Yield 24 hours, or 23 and 25 when the clocks change."""
        start = self.start
        while start < self.end:
            end = min(start + timedelta(hours=1), self.end)
            shown = timezone.localtime(start, timezone.get_default_timezone())
            yield Bucket(start, end, date_format(shown, "TIME_FORMAT"))
            start = end

    def _every(self, days: int) -> Callable[[], list[date]]:
        return lambda: [self.first + n * DAY for n in range(0, self.days, days)]

    def _every_months(self, months: int) -> Callable[[], list[date]]:
        def first_days() -> list[date]:
            month = self.first.year * 12 + self.first.month - 1
            starts = [self.first]
            while True:
                month = (month // months + 1) * months
                start = date(month // 12, month % 12 + 1, 1)
                if start > self.last:
                    return starts
                starts.append(start)

        return first_days


class PeriodForm(forms.Form):
    """The chosen days, `?from=2026-01-01&to=2026-01-31`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("from", gettext_lazy("From")), ("to", gettext_lazy("To"))):
            widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
            self.fields[name] = forms.DateField(label=label, widget=widget, input_formats=["%Y-%m-%d"])

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("from"), values.get("to")
        if not first or not last:
            return values
        if first > last:
            raise forms.ValidationError(_("The first day is after the last one."))
        if first < EARLIEST:
            raise forms.ValidationError(_("The first day is too long ago."))
        if first > today():
            raise forms.ValidationError(_("The first day is in the future."))
        values["to"] = min(last, today())
        if (values["to"] - first).days >= MAX_DAYS:
            raise forms.ValidationError(_("Choose at most ten years."))
        return values


@dataclass(frozen=True, slots=True)
class Choice:
    """The period that the URL names. `name` is empty if the days come from the form."""

    name: str
    period: Period
    form: PeriodForm


def choose_period(query: QueryDict) -> Choice:
    """Read the period from the URL. Without a valid one, choose the default."""
    if "from" in query or "to" in query:
        form = PeriodForm(query)
        if form.is_valid():
            return Choice("", Period(form.cleaned_data["from"], form.cleaned_data["to"]), form)
        return Choice(DEFAULT, _last_days(DEFAULT), form)
    name = query.get("period", DEFAULT)
    name = name if name in CHOICES else DEFAULT
    period = _last_days(name)
    return Choice(name, period, PeriodForm(initial={"from": period.first, "to": period.last}))


def today() -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def local_midnight(day: date) -> datetime:
    """Return the beginning of a day. In UTC, because Python compares times within one zone without their offsets."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone()).astimezone(UTC)


def describe_days(first: date, last: date) -> str:
    if first == last:
        return date_format(first, "DATE_FORMAT")
    return f"{date_format(first, 'DATE_FORMAT')} – {date_format(last, 'DATE_FORMAT')}"


def _last_days(name: str) -> Period:
    days, _label = CHOICES[name]
    return Period(today() - (days - 1) * DAY, today())
