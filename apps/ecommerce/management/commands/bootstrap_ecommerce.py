from argparse import ArgumentParser
from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.catalogue.sync import sync_catalogue


class Command(BaseCommand):
    help = "Copies all active Stripe products and prices; run it as often as you like."
    requires_system_checks = []  # a wrong key is reported below, in one line

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would change.")

    def handle(self, *args: Any, dry_run: bool = False, verbosity: int = 1, **options: Any) -> None:
        progress = self._write_progress if verbosity > 1 else lambda line: None
        try:
            report = sync_catalogue(dry_run=dry_run, progress=progress)
        except stripe.StripeError as error:
            raise CommandError(_error_message(error)) from error
        would_be = "would be " if dry_run else ""
        changes = {"added": report.added, "changed": report.changed, "archived": report.archived}
        for verb, lines in changes.items():
            for line in lines if verbosity else []:
                self.stdout.write(f"{would_be}{verb}: {line}")
        for line in report.without_image:
            self.stderr.write(f"without image: {line}")
        for line in report.not_saved:
            self.stderr.write(f"not saved: {line}")
        counts = ", ".join(f"{len(lines)} {would_be}{verb}" for verb, lines in changes.items())
        self.stdout.write(f"Catalogue: {counts}, {report.unchanged} unchanged.")
        if failed := len(report.not_saved):
            raise CommandError(f"Products or prices that could not be saved, see above: {failed}.")

    def _write_progress(self, line: str) -> None:
        self.stderr.write(f"  … {line}")


def _error_message(error: stripe.StripeError) -> str:
    """Return in one line what is wrong and what to do."""
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return f"Stripe refused the key: {error.user_message or error} Check STRIPE_SECRET_KEY in .env."
    if isinstance(error, stripe.APIConnectionError):
        return (
            "Stripe can't be reached. Check the network (and STRIPE_API_BASE, if set), then run this again."
        )
    return f"Stripe answered with an error: {error.user_message or error} Run this again in a moment."
