"""Files in apps/shop replace those of the template."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import get_finders
from django.template import engines


def test_each_template_folder_is_searched_once() -> None:
    """Otherwise a template that extends its namesake extends itself, and {{ block.super }} repeats it."""
    loaders: list[Any] = engines["django"].engine.template_loaders  # type: ignore[attr-defined]
    folders = [Path(folder) for loader in loaders for folder in loader.get_dirs()]
    assert [folder for folder, count in Counter(folders).items() if count > 1] == []


def test_collectstatic_finds_each_file_once() -> None:
    files = [storage.path(path) for finder in get_finders() for path, storage in finder.list([])]
    assert files
    assert [file for file, count in Counter(files).items() if count > 1] == []
