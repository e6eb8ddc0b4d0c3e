"""Send alerts about problems that need a person, by each channel once.

reconcile_purchases runs in its own process, so alerts arrive even if the worker or the web server is down. What a
channel could not send is sent by the next run, by this channel only.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.ecommerce.models import Alert
from apps.ecommerce.operations import alert_channels
from apps.ecommerce.operations.alert_channels import Channel, Message
from apps.ecommerce.operations.alert_names import DAILY_DIGEST, ONCE
from apps.ecommerce.operations.problems import Problem
from apps.ecommerce.operations.shop_checks import check_shop

logger = logging.getLogger(__name__)

MIN_INTERVAL = timedelta(hours=1)  # between two alerts about a problem that comes and goes
REPEAT_AFTER = timedelta(days=7)  # for a problem that lasts, if no daily digest lists it
TRY_FOR = timedelta(days=7)
TRY_DIGEST_FOR = timedelta(hours=20)
SENDING_TIMEOUT = timedelta(minutes=10)  # after that, another process may send the alert
LATE_AFTER = timedelta(minutes=30)
MAX_LINES = 5  # lines for each kind of alert


def send_alerts(more: Mapping[str, Sequence[Problem]] | None = None) -> list[str]:
    """Store what check_shop() and `more` have found, and send what was not sent. Return the texts of what is new.

    `more` names its alerts also if they are solved: {"stripe-unreachable": []}.
    """
    started_at = timezone.now()
    found: dict[str, Sequence[Problem]] = {**check_shop()}
    for name, problems in (more or {}).items():
        found[name] = [*found.get(name, []), *problems]
    new = store_problems(found, started_at)
    for problem in new:
        logger.error("Alert (%s): %s", problem.name, problem.text)
    deliver()
    return [problem.text for problem in new]


def store_problems(found: Mapping[str, Sequence[Problem]], checked_at: datetime) -> list[Problem]:
    """Store these problems, and mark all others as solved. Return those that are new or have come back."""
    now = timezone.now()
    problems = {
        (problem.name, problem.about): problem
        for name, rows in found.items()
        if name not in settings.ALERTS_OFF
        for problem in rows
    }
    stored = {(row.name, row.about): row for row in Alert.objects.filter(name__in=found)}
    new = [problem for key, problem in problems.items() if key not in stored]
    Alert.objects.bulk_create(
        (Alert(name=row.name, about=row.about, message=row.text, found_at=now) for row in new),
        ignore_conflicts=True,  # another process has stored it
    )
    lasting = {key: row for key, row in stored.items() if row.name not in ONCE}
    for key, row in lasting.items():
        if problem := problems.get(key):
            _keep(row, problem, now)
        elif row.found_at < checked_at:  # otherwise another process has found the problem since then
            Alert.objects.filter(pk=row.pk, solved_at=None).update(solved_at=now)
    return new + [problems[key] for key, row in lasting.items() if row.solved_at and key in problems]


def _keep(row: Alert, problem: Problem, now: datetime) -> None:
    """Store that the problem lasts, or has come back."""
    if row.solved_at:
        back = Alert.objects.filter(pk=row.pk).exclude(solved_at=None)
        back.update(solved_at=None, found_at=now, message=problem.text)
    elif row.message != problem.text:
        Alert.objects.filter(pk=row.pk).update(message=problem.text)


def deliver() -> None:
    """Send by each channel what it has not sent. If a channel fails, the next one is used nevertheless."""
    for channel in alert_channels.CHANNELS:
        if channel.is_on():
            for message, alerts in _messages(_claim(channel)):
                _send(channel, message, alerts)


def late_channels() -> list[Channel]:
    """Return the channels by which an alert could not be sent for some time."""
    limit = timezone.now() - LATE_AFTER
    channels = [channel for channel in alert_channels.CHANNELS if channel.is_on()]
    return [
        row
        for row in channels
        if _alerts_to_send(row).filter(found_at__lt=limit, **{row.sent: None}).exists()
    ]


def _alerts_to_send(channel: Channel) -> QuerySet[Alert]:
    now, sent = timezone.now(), channel.sent
    lasting = ~Q(name__in=ONCE)
    unsent = Q(**{sent: None}) & (lasting | Q(found_at__gt=now - TRY_FOR))
    back_again = lasting & Q(**{f"{sent}__lt": F("found_at")}) & Q(**{f"{sent}__lt": now - MIN_INTERVAL})
    due = unsent | back_again
    if DAILY_DIGEST in settings.ALERTS_OFF:
        due |= lasting & Q(**{f"{sent}__lt": now - REPEAT_AFTER})
    outdated = Q(name=DAILY_DIGEST, found_at__lt=now - TRY_DIGEST_FOR)
    return Alert.objects.filter(due, solved_at=None).exclude(outdated).exclude(name__in=settings.ALERTS_OFF)


def _claim(channel: Channel) -> list[Alert]:
    """Return the alerts that no other process is sending, and mark that this one does."""
    now = timezone.now()
    is_free = Q(**{channel.started: None}) | Q(**{f"{channel.started}__lt": now - SENDING_TIMEOUT})
    with transaction.atomic():
        alerts = list(_alerts_to_send(channel).filter(is_free).select_for_update())
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(**{channel.started: now})
    return alerts


def _send(channel: Channel, message: Message, alerts: Sequence[Alert]) -> None:
    now = timezone.now()
    result: dict[str, datetime | None] = {channel.started: None}
    try:
        channel.send(message)
    except Exception as error:  # mail backends raise errors of many types
        logger.error("Alerts could not be sent by %s, the next run tries again: %s", channel.name, error)
    else:
        result[channel.sent] = now
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(**result)


def _messages(alerts: Iterable[Alert]) -> Iterator[tuple[Message, list[Alert]]]:
    """Yield one message about all problems, and one for each digest, whose first line is the subject."""
    by_name = sorted(alerts, key=lambda alert: alert.name)
    problems = [alert for alert in by_name if alert.name != DAILY_DIGEST]
    if problems:
        names = list(dict.fromkeys(alert.name for alert in problems))
        lines = [
            line for name, rows in groupby(problems, lambda row: row.name) for line in _lines(name, [*rows])
        ]
        footer = "To turn off an alert, add its name to ALERTS_OFF in .env."
        subject = f"Action needed at {settings.SITE_NAME}: {', '.join(names)}"
        body = "\n".join([*lines, "", f"{settings.SITE_URL}/admin/", footer])
        yield Message(subject, body, "\n".join(lines)), problems
    for digest in by_name:
        if digest.name == DAILY_DIGEST:
            subject, _newline, body = digest.message.partition("\n")
            yield Message(subject, body.lstrip("\n"), digest.summary), [digest]


def _lines(name: str, alerts: list[Alert]) -> Iterator[str]:
    yield from (f"- {alert.message}" for alert in alerts[:MAX_LINES])
    if len(alerts) > MAX_LINES:
        yield f"- {len(alerts) - MAX_LINES} more alerts “{name}”"
