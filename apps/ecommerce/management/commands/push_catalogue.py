from argparse import ArgumentParser
from typing import Any

import stripe
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.catalogue.push import push_catalogue

SANDBOX_NOTE = (
    "The shop uses the sandbox. To use your Stripe account, set STRIPE_SECRET_KEY in .env, and run it again."
)


class Command(BaseCommand):
    help = "Create the store's products in the Stripe account of STRIPE_SECRET_KEY. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would be created, and create nothing."
        )
        parser.add_argument(
            "--with-demo", action="store_true", help="Create the products of the demo shop, too."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        def write_progress(line: str) -> None:
            if options["verbosity"] > 1:
                self.stderr.write(f"  … {line}")

        try:
            push = push_catalogue(
                dry_run=options["dry_run"], with_demo=options["with_demo"], progress=write_progress
            )
        except stripe.StripeError as error:
            text = f"A request to Stripe failed: {error.user_message or error} Run the command again to continue."
            raise CommandError(text) from error
        verb = "would create" if push.dry_run else "created"
        for line in push.created:
            self.stdout.write(f"{verb}: {line}")
        for old, new in push.price_ids.items():
            self.stdout.write(f"  price {old} ▶ {new}")
        for line in push.skipped:
            self.stdout.write(f"skipped: {line}")
        for line in push.failed:
            self.stderr.write(f"failed: {line}")
        self.stdout.write(str(push))
        if settings.STRIPE_SANDBOX:
            self.stdout.write(SANDBOX_NOTE)
        if push.failed:
            raise CommandError(f"Products that could not be created: {len(push.failed)} (see above).")
