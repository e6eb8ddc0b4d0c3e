import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.ecommerce.operations.doctor import run_checks


class Command(BaseCommand):
    help = "Check keys, account, proxies, webhooks, catalogue, plan changes and clock. Exit with 1 if one is wrong."
    requires_system_checks = []  # the command reports a wrong key with advice

    def add_arguments(self, parser: ArgumentParser) -> None:
        fix = "Create or correct the webhook endpoint and the plan changes of the billing portal at Stripe."
        parser.add_argument("--fix", action="store_true", help=fix)

    def handle(self, *args: Any, fix: bool = False, **options: Any) -> None:
        healthy = True
        for finding in run_checks(fix=fix):
            healthy = healthy and finding.ok
            mark = self.style.SUCCESS("ok   ") if finding.ok else self.style.ERROR("FAIL ")
            self.stdout.write(f"{mark}{finding.message}{'' if finding.ok else f'. {finding.hint}'}")
        if not healthy:
            sys.exit(1)
