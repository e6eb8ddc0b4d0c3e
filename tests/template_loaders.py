"""Loaders that can use the template's own files where apps/shop/templates has files of the same name."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import Origin
from django.template.loaders import cached, filesystem

SHOP_TEMPLATES = Path(settings.SHOP_DIR) / "templates"  # tests change SHOP_DIR
are_shop_files_skipped = False  # tests/integration/conftest.py sets it


class FilesystemLoader(filesystem.Loader):
    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        original = os.path.join(settings.BASE_DIR, "templates", template_name)
        is_skipped = are_shop_files_skipped and os.path.isfile(original)
        for origin in super().get_template_sources(template_name):
            if not (is_skipped and Path(origin.name).is_relative_to(SHOP_TEMPLATES)):
                yield origin


class CachedLoader(cached.Loader):
    def cache_key(self, template_name: str, skip: Any = None) -> str:
        return f"{are_shop_files_skipped} {super().cache_key(template_name, skip)}"
