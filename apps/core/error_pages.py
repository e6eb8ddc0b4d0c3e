"""What Django's error pages hide."""

import re

from django.views.debug import SafeExceptionReporterFilter


class ExceptionReporterFilter(SafeExceptionReporterFilter):
    """Hide also the URLs that are secrets."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|WEBHOOK_URL", re.IGNORECASE
    )
