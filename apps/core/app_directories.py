"""Search all apps for templates and static files, except folders that the settings name, such as those of apps/shop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loaders import app_directories


class AppDirectoriesLoader(app_directories.Loader):
    """A template that extends the one of the same name would be found twice, and extend itself."""

    def get_dirs(self) -> list[str | Path]:
        searched = {Path(folder) for folder in self.engine.dirs}
        return [folder for folder in super().get_dirs() if Path(folder) not in searched]


class AppDirectoriesFinder(finders.AppDirectoriesFinder):
    """collectstatic would report each file twice."""

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        listed = {Path(folder) for folder in settings.STATICFILES_DIRS}
        for path, storage in super().list(ignore_patterns):
            if Path(storage.location) not in listed:
                yield path, storage
