"""Copies Stripe's active products and prices into the store: `python manage.py bootstrap_ecommerce`."""

from argparse import ArgumentParser
from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.sync import sync_catalogue


class Command(BaseCommand):
    help = "Copies all active Stripe products and prices; run it as often as you like."
    requires_system_checks = []  # a wrong key is said below, in one line

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would change.")

    def handle(self, *args: Any, dry_run: bool = False, verbosity: int = 1, **options: Any) -> None:
        try:
            report = sync_catalogue(
                dry_run=dry_run, progress=self._progress if verbosity > 1 else lambda _: None
            )
        except stripe.StripeError as error:
            raise CommandError(_in_words(error)) from error
        self._tell(report, "would be " if dry_run else "", verbosity)
        if report.not_saved:
            raise CommandError(
                f"Products or prices that could not be saved, see above: {len(report.not_saved)}."
            )

    def _progress(self, line: str) -> None:
        self.stderr.write(f"  … {line}", ending="\n")

    def _tell(self, report: Report, tense: str, verbosity: int) -> None:
        for verb, lines in (
            ("added", report.added),
            ("changed", report.changed),
            ("archived", report.archived),
        ):
            for line in lines if verbosity else []:
                self.stdout.write(f"{tense}{verb}: {line}")
        for line in report.without_image:
            self.stderr.write(f"without image: {line}")
        for line in report.not_saved:
            self.stderr.write(f"not saved: {line}")
        self.stdout.write(
            f"Catalogue: {len(report.added)} {tense}added, {len(report.changed)} {tense}changed, "
            f"{len(report.archived)} {tense}archived, {report.unchanged} unchanged."
        )


def _in_words(error: stripe.StripeError) -> str:
    """One line for the operator: what is wrong and what to do."""
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return f"Stripe refused the key: {error.user_message or error} Check STRIPE_SECRET_KEY in .env."
    if isinstance(error, stripe.APIConnectionError):
        return (
            "Stripe can't be reached. Check the network (and STRIPE_API_BASE, if set), then run this again."
        )
    return f"Stripe answered with an error: {error.user_message or error} Run this again in a moment."
