from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.ecommerce.operations.alerts import reconcile_and_alert, reconcile_in_background
from apps.ecommerce.operations.reconcile import reconcile


class Command(BaseCommand):
    help = "Compares purchases with Stripe and repairs whatever differs. Safe beside live traffic."

    def add_arguments(self, parser: ArgumentParser) -> None:
        since = "A day (2026-11-01) or an age (36h, 30d). Default: as far as needed."
        parser.add_argument("--since", type=parse_since, help=since)
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be repaired.")
        background = "Leave it to the worker (TASKS_BACKEND) and return at once."
        parser.add_argument("--background", action="store_true", help=background)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["background"]:
            reconcile_in_background.enqueue()
            return
        progress = self._write_progress if options["verbosity"] > 1 else lambda line: None
        alerts: list[str] = []
        try:
            if options["dry_run"]:
                report = reconcile(options["since"], dry_run=True, progress=progress)
            else:
                report, alerts = reconcile_and_alert(options["since"], progress=progress)
        except stripe.StripeError as error:
            raise CommandError(f"Stripe could not be asked: {error.user_message or error}") from error
        for line in [*report.found, *report.repaired, str(report)]:
            self.stdout.write(line)
        for text in alerts:
            self.stderr.write(f"Alert: {text}")

    def _write_progress(self, line: str) -> None:
        self.stderr.write(f"  … {line}")


def parse_since(text: str) -> datetime:
    """Parse a day in UTC ("2026-11-01") or an age before now ("36h", "30d")."""
    units = {"h": "hours", "d": "days"}
    try:
        if text[-1:] in units:
            return timezone.now() - timedelta(**{units[text[-1]]: float(text[:-1])})
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is neither a day (2026-11-01) nor an age (36h, 30d)") from None
