from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.operations.alert_channels import CHANNELS, EMAIL, Message


class Command(BaseCommand):
    help = "Send a test alert to ALERT_EMAIL and to ALERT_WEBHOOK_URL, and print whether they were sent."

    def handle(self, *args: Any, **options: Any) -> None:
        text = "This is a test: alerts of your shop reach you here."
        message = Message(f"Test alert of {settings.SITE_NAME}", f"{text}\n{settings.SITE_URL}/admin/", text)
        failed, sent = [], []
        for channel in CHANNELS:
            if not channel.is_on() or (channel is EMAIL and not settings.SENDS_MAIL):
                self.stdout.write(f"{channel.name}: not set up")
                continue
            try:
                channel.send(message)
            except Exception as error:  # mail backends raise errors of many types
                failed.append(channel.name)
                self.stdout.write(f"{channel.name}: FAILED, {type(error).__name__}: {error}")
            else:
                sent.append(channel.name)
                self.stdout.write(f"{channel.name}: sent")
        if failed:
            raise CommandError(f"Not sent by {' and '.join(failed)}.")
        if not sent:
            raise CommandError("Nothing was sent. Set EMAIL_URL and ALERT_EMAIL, or ALERT_WEBHOOK_URL.")
