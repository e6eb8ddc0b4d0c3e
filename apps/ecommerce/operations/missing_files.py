"""Report to the founder that the storage lacks a file that was requested."""

import logging

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Alert, FileVersion
from apps.ecommerce.operations.alert_names import FILE_MISSING
from apps.ecommerce.operations.alerts import send_alerts
from apps.ecommerce.operations.shop_checks import missing_file

logger = logging.getLogger(__name__)


def report_missing_file(version: FileVersion) -> None:
    logger.error("The storage has no file %s.", version.upload.name)
    if not Alert.objects.filter(name=FILE_MISSING, about=str(version.pk), solved_at=None).exists():
        enqueue(send_missing_file_alert, version.pk)


@task()
def send_missing_file_alert(version_id: int) -> None:
    version = FileVersion.objects.select_related("file__configuration__product").get(pk=version_id)
    send_alerts({FILE_MISSING: [missing_file(version)]})
