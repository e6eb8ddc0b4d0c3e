"""Deletes what nobody needs any more: `python manage.py prune`, every night."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.ecommerce.housekeeping import delete, outdated


class Command(BaseCommand):
    help = "Deletes expired sessions, old task results and old processed webhook events. Safe beside live traffic."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would go.")

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:
        for name, rows in outdated().items():
            count = rows.count() if dry_run else delete(rows)
            self.stdout.write(f"{count} {name} {'would be deleted' if dry_run else 'deleted'}")
