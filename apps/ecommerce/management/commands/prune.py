from argparse import ArgumentParser
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand

from apps.ecommerce.operations.cleanup import delete_rows, find_outdated_rows, find_unused_pictures


class Command(BaseCommand):
    help = "Delete expired sessions, old task results, old processed events and unused pictures. Safe on a live site."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print how many would be deleted, without deleting anything.",
        )

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:
        verb = "would be deleted" if dry_run else "deleted"
        for name, rows in find_outdated_rows().items():
            count = rows.count() if dry_run else delete_rows(rows)
            self.stdout.write(f"{name}: {count} {verb}")
        pictures = list(find_unused_pictures())
        for picture in [] if dry_run else pictures:
            default_storage.delete(picture)
        self.stdout.write(f"unused pictures: {len(pictures)} {verb}")
