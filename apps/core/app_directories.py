"""Search all apps for templates and static files, except folders that the settings name, such as those of apps/shop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loaders import app_directories


class AppDirectoriesLoader(app_directories.Loader):
    """Skip the folders in DIRS: a template that extends its namesake would otherwise extend itself."""

    def get_dirs(self) -> list[str | Path]:
        searched = {Path(folder) for folder in self.engine.dirs}
        return [folder for folder in super().get_dirs() if Path(folder) not in searched]


class AppDirectoriesFinder(finders.AppDirectoriesFinder):
    """Skip the folders in STATICFILES_DIRS, whose files collectstatic would report as duplicates."""

    def list(self, ignore_patterns: Any) -> Iterator[Any]:
        listed = {Path(folder) for folder in settings.STATICFILES_DIRS}
        for path, storage in super().list(ignore_patterns):
            if Path(storage.location) not in listed:
                yield path, storage
