"""Unsaved sample files for the style page."""

from typing import Any

from django.utils import timezone

from apps.ecommerce.content.files import ListedFile
from apps.ecommerce.content.what_you_get import WhatYouGet
from apps.ecommerce.models import FileVersion, ProductConfiguration, ProductFile

LONG_NAME = "Sources for teams, with the documents of each drawing"
FIELDS: dict[str, dict[str, Any]] = {
    "Everything as SVG": {},
    "Three of them": {"is_sample": True},
    LONG_NAME: {"plan": "Team"},
}


def make_contents(configuration: ProductConfiguration) -> WhatYouGet:
    """Return features, a file with several versions, a sample and a file of another plan."""
    files = []
    for pk, (name, fields) in enumerate(FIELDS.items(), start=1):
        file = ProductFile(pk=pk, configuration=configuration, name=name, **fields)
        versions = [make_version(file, number) for number in range(4 - pk, 0, -1)]
        files.append(ListedFile(file, versions, is_included=not file.plan))
    return WhatYouGet(["240 icons", "Free updates"], files)


def make_version(file: ProductFile, number: int = 1) -> FileVersion:
    return FileVersion(
        pk=number,
        file=file,
        upload=f"icons-{number}.zip",
        label=f"1.{number}",
        notes="With **arrows**.",
        size=123_456 * number,
        sha256="0123456789abcdef" * 4,
        created_at=timezone.now(),
    )
