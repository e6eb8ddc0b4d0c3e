"""Repairs what events did not bring: `python manage.py reconcile_purchases`, every ten minutes."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.ecommerce.operations.cleanup import keep_house, reconcile_and_alert, summary
from apps.ecommerce.operations.reconcile import Report, reconcile


class Command(BaseCommand):
    help = "Compares purchases with Stripe and repairs whatever differs. Safe beside live traffic."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=moment, help="A day (2026-11-01) or an age (36h, 30d). Default: as far as needed."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be repaired.")
        parser.add_argument(
            "--background",
            action="store_true",
            help="Leave it to the worker (TASKS_BACKEND) and return at once.",
        )

    def handle(
        self,
        *args: Any,
        since: datetime | None = None,
        dry_run: bool = False,
        background: bool = False,
        **options: Any,
    ) -> None:
        if background:
            keep_house.enqueue()
            return
        try:
            report, alarms = self._run(since, dry_run)
        except stripe.StripeError as error:
            raise CommandError(f"Stripe could not be asked: {error.user_message or error}") from error
        finally:
            if sys.stderr.isatty():
                self.stderr.write("\r\033[K", ending="")
        for line in [*report.found, *report.repaired]:
            self.stdout.write(line)
        self.stdout.write(summary(report, dry_run=dry_run))
        for text in alarms:
            self.stderr.write(f"Alert: {text}")

    def _run(self, since: datetime | None, dry_run: bool) -> tuple[Report, list[str]]:
        if dry_run:
            return reconcile(since, dry_run=True, progress=self._progress), []
        return reconcile_and_alert(since, progress=self._progress)

    def _progress(self, what: str, count: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r\033[K{what} {'▪' * (1 + count // 100 % 40)} {count}", ending="")


def moment(text: str) -> datetime:
    """ "2026-11-01" or "36h", "30d" before now ▶ UTC."""
    units = {"h": "hours", "d": "days"}
    try:
        if text[-1:] in units:
            return timezone.now() - timedelta(**{units[text[-1]]: float(text[:-1])})
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is neither a day (2026-11-01) nor an age (36h, 30d)") from None
