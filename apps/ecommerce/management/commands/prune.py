"""Deletes what nobody needs any more: `python manage.py prune`, every night."""

from argparse import ArgumentParser
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand

from apps.ecommerce.operations.cleanup import delete, outdated, unused_pictures


class Command(BaseCommand):
    help = "Deletes expired sessions, old task results, old processed events, unused pictures. Safe beside traffic."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say how many would go.")

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:
        for name, rows in outdated().items():
            count = rows.count() if dry_run else delete(rows)
            self._tell(count, name, dry_run)
        pictures = list(unused_pictures())
        for picture in [] if dry_run else pictures:
            default_storage.delete(picture)
        self._tell(len(pictures), "unused pictures", dry_run)

    def _tell(self, count: int, what: str, dry_run: bool) -> None:
        self.stdout.write(f"{count} {what} {'would be deleted' if dry_run else 'deleted'}")
