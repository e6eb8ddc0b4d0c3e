import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.ecommerce.operations.doctor import examine


class Command(BaseCommand):
    help = (
        "Checks keys, account, webhook endpoint, catalogue and clock. Exit status 1 when something is wrong."
    )
    requires_system_checks = []  # a wrong key is one of the findings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="Create or correct the webhook endpoint.")

    def handle(self, *args: Any, fix: bool = False, **options: Any) -> None:
        healthy = True
        for finding in examine(fix=fix):
            healthy = healthy and finding.ok
            mark = self.style.SUCCESS("ok  ") if finding.ok else self.style.ERROR("BAD ")
            self.stdout.write(f"{mark}{finding.what}{'' if finding.ok else f'. {finding.todo}'}")
        if not healthy:
            sys.exit(1)
