from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.operations.alert_channels import CHANNELS, Message


class Command(BaseCommand):
    help = "Send a test alert to ALERT_EMAIL and to ALERT_WEBHOOK_URL, and print whether they were sent."

    def handle(self, *args: Any, **options: Any) -> None:
        text = "This is a test: alerts of your shop reach you here."
        message = Message(f"Test alert of {settings.SITE_NAME}", f"{text}\n{settings.SITE_URL}/admin/", text)
        failed = []
        for channel in CHANNELS:
            if not channel.is_on():
                self.stdout.write(f"{channel.name}: not set up")
                continue
            try:
                channel.send(message)
            except Exception as error:  # mail backends raise errors of many types
                failed.append(channel.name)
                self.stdout.write(f"{channel.name}: FAILED, {type(error).__name__}: {error}")
            else:
                self.stdout.write(f"{channel.name}: sent")
        if failed:
            raise CommandError(f"Not sent by {' and '.join(failed)}.")
