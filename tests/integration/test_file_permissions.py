"""Only the shop's user can read its data; its group, for a proxy, can read the paid files."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import TemporaryUploadedFile

from tests.integration.test_startup_checks import ROOT, python

SHOW = "from django.conf import settings; print(settings.VAR_DIR)"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_var_dir_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "var"
    assert python(folder, {}, "-c", SHOW).stdout.strip() == str(folder)
    assert mode(folder) == 0o700


def test_paid_files_are_readable_by_the_group_only(tmp_path: Path) -> None:
    """Django moves large uploads instead of writing them."""
    large = TemporaryUploadedFile("large.pdf", "application/pdf", 3, "")
    large.write(b"abc")
    options: dict[str, Any] = {**storages.backends["private"]["OPTIONS"], "location": tmp_path / "private"}
    storage = storages.create_storage({**storages.backends["private"], "OPTIONS": options})
    for name in (storage.save("a/b/small.pdf", ContentFile(b"x")), storage.save("a/b/large.pdf", large)):
        assert mode(Path(storage.path(name))) == 0o640
    large.close()
    for folder in ("", "a", "a/b"):
        assert mode(tmp_path / "private" / folder) == 0o750


def test_backup_is_private(tmp_path: Path) -> None:
    folder, database = tmp_path / "var", tmp_path / "db.sqlite3"
    sqlite3.connect(database).close()
    environment = {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{database}",
        "SECRET_KEY": "x",
        "DEBUG": "true",
    }
    script = [sys.executable, "scripts/backup.py", "backup"]
    subprocess.run(script, cwd=ROOT, env=environment, check=True, capture_output=True)
    (archive,) = (folder / "backups").iterdir()
    assert [mode(path) for path in (folder, archive.parent, archive)] == [0o700, 0o700, 0o600]


@pytest.mark.parametrize(
    ("permissions", "warnings"), [(0o700, 0), (0o710, 0), (0o750, 0), (0o755, 1), (0o701, 1)]
)
def test_check_warns_if_others_can_read_var_dir(
    tmp_path: Path, settings: Any, permissions: int, warnings: int
) -> None:
    settings.VAR_DIR = tmp_path
    tmp_path.chmod(permissions)
    found = [check for check in run_checks(include_deployment_checks=True) if check.id == "config.W001"]
    assert len(found) == warnings
    assert all(str(tmp_path) in check.msg for check in found)
