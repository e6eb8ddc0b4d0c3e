"""Tell the founder that the storage lacks a file that was requested."""

import logging

from django.conf import settings
from django.utils import timezone

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Alert, FileVersion
from apps.ecommerce.operations.alerts import REPEAT_AFTER, send_alerts

logger = logging.getLogger(__name__)


def report_missing_file(version: FileVersion) -> None:
    logger.error("The storage has no file %s.", version.upload.name)
    since = timezone.now() - REPEAT_AFTER
    if not Alert.objects.filter(key=_key(version.pk), mailed_at__gt=since).exists():
        enqueue(send_missing_file_alert, version.pk)


@task()
def send_missing_file_alert(version_id: int) -> None:
    version = FileVersion.objects.select_related("file__configuration__product").get(pk=version_id)
    page = f"{settings.SITE_URL}/admin/ecommerce/productfile/{version.file_id}/change/"
    text = f"{version.file.configuration}: the file {version.upload.name} is missing. Restore or upload it: {page}"
    send_alerts({_key(version_id): text})


def _key(version_id: int) -> str:
    return f"file missing: version {version_id}"
