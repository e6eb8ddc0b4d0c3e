from argparse import ArgumentParser
from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.catalogue.unsellable import unsellable_lines
from apps.ecommerce.purchases.discount_codes.sync import sync_codes


class Command(BaseCommand):
    help = "Copy all active products, prices and discount codes from Stripe. Safe to repeat."
    requires_system_checks = []  # the command reports a wrong key with advice

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would change, without changing anything."
        )

    def handle(self, *args: Any, dry_run: bool = False, verbosity: int = 1, **options: Any) -> None:
        def write_progress(line: str) -> None:
            if verbosity > 1:
                self.stderr.write(f"  … {line}")

        try:
            report = sync_catalogue(dry_run=dry_run, progress=write_progress)
        except stripe.StripeError as error:
            raise CommandError(_error_message(error)) from error
        codes = None if dry_run else self._copy_codes()
        would_be = "would be " if dry_run else ""
        changes = {"added": report.added, "changed": report.changed, "archived": report.archived}
        for verb, lines in changes.items():
            for line in lines if verbosity else []:
                self.stdout.write(f"{would_be}{verb}: {line}")
        for line in report.without_image:
            self.stderr.write(f"without image: {line}")
        for line in report.not_saved:
            self.stderr.write(f"not saved: {line}")
        for line in unsellable_lines() if verbosity else []:
            self.stderr.write(f"not sold: {line}")
        counts = ", ".join(f"{len(lines)} {would_be}{verb}" for verb, lines in changes.items())
        self.stdout.write(f"Catalogue: {counts}, {report.unchanged} unchanged.")
        if codes:
            self.stdout.write(f"Discount codes: {codes} active.")
        if failed := len(report.not_saved):
            raise CommandError(f"Products, prices or images that could not be saved: {failed} (see above).")

    def _copy_codes(self) -> int:
        """Copy the discount codes, and return the number of active ones. The store sells without them, too."""
        try:
            return sync_codes()
        except stripe.StripeError as error:
            self.stderr.write(f"Discount codes were not copied: {error.user_message or error}")
            return 0


def _error_message(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return f"Stripe refused the key: {error.user_message or error} Check STRIPE_SECRET_KEY in .env."
    if isinstance(error, stripe.APIConnectionError):
        return "Stripe can't be reached. Check the network and STRIPE_API_BASE (if set), and try again."
    return f"Stripe answered with an error: {error.user_message or error} Try again in a minute."
