from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders


class AppDirectoriesFinder(finders.AppDirectoriesFinder):
    """List the files of all apps, except folders in STATICFILES_DIRS: collectstatic would report each file twice."""

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        listed = {Path(folder) for folder in settings.STATICFILES_DIRS}
        for path, storage in super().list(ignore_patterns):
            if Path(storage.location) not in listed:
                yield path, storage
