"""The code of docs/guides/ works, in one copy of the project with all guides applied."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

import fork_copy

GUIDES = settings.BASE_DIR / "docs" / "guides"


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which a founder has followed all guides."""
    target = tmp_path_factory.mktemp("guides") / "shop"
    fork_copy.copy_project(target)
    for page in sorted(GUIDES.glob("*.md")):
        fork_copy.apply_page(page, target)
    return target


@pytest.mark.timeout(600)
def test_tests_of_the_guides_pass(fork: Path) -> None:
    tests = {block.file for page in GUIDES.glob("*.md") for block in fork_copy.read_blocks(page)}
    tests = {file for file in tests if file.startswith("apps/shop/tests/")}
    assert len(tests) > 5
    fork_copy.run_tests(fork, *sorted(tests))


def test_guides_leave_no_migration_to_write(fork: Path) -> None:
    done = fork_copy.run(fork, "manage.py", "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
