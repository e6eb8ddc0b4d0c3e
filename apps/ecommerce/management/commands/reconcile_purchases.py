from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.ecommerce.back_office.scheduled_reconcile import reconcile_and_report, reconcile_in_background
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.restored_backup import record_restore


class Command(BaseCommand):
    help = "Compare purchases with Stripe and repair those that differ. Safe on a live site."

    def add_arguments(self, parser: ArgumentParser) -> None:
        since = "A day (2026-11-01) or an age (36h, 30d). Default: the last complete run, with an overlap."
        parser.add_argument("--since", type=parse_since, help=since)
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would be repaired, without changing anything."
        )
        restored = (
            "Use it after restoring a backup in another way than by make restore. Send no e-mails about what happened "
            "before this time (UTC), when the site stopped sending them: 2026-11-01T10:00 or 36h. Default: now."
        )
        parser.add_argument("--restored", type=parse_since, nargs="?", const=timezone.now(), help=restored)
        background = "Enqueue it for the worker (see TASKS_BACKEND) and return immediately."
        parser.add_argument("--background", action="store_true", help=background)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["restored"] and not options["dry_run"]:
            record_restore(options["restored"])
        if options["background"]:
            reconcile_in_background.enqueue()
            return

        def write_progress(line: str) -> None:
            if options["verbosity"] > 1:
                self.stderr.write(f"  … {line}")

        alerts: list[str] = []
        try:
            if options["dry_run"]:
                report = reconcile(options["since"], dry_run=True, progress=write_progress)
            else:
                report, alerts = reconcile_and_report(options["since"], progress=write_progress)
        except stripe.StripeError as error:
            raise CommandError(f"A request to Stripe failed: {error.user_message or error}") from error
        for line in [*report.found, *report.repaired, str(report)]:
            self.stdout.write(line)
        for text in alerts:
            self.stderr.write(f"Alert: {text}")
        for text in report.failures:
            self.stderr.write(f"Error: {text}")
        if report.failures:
            raise CommandError(f"{len(report.failures)} objects could not be compared with Stripe.")


def parse_since(text: str) -> datetime:
    """Return a time in UTC."""
    units = {"h": "hours", "d": "days"}
    try:
        if text[-1:] in units:
            return timezone.now() - timedelta(**{units[text[-1]]: float(text[:-1])})
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is neither a day (2026-11-01) nor an age (36h, 30d)") from None
