"""The pages in docs/ say which file a block of code belongs to; test_guides.py runs the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from scripts.fork_copy import apply_page, read_blocks

PAGES = [page for page in sorted((settings.BASE_DIR / "docs").glob("*.md")) if read_blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_with_python_contain_a_test_of_it(page: Path) -> None:
    files = {block.file for block in read_blocks(page) if block.language == "python"}
    assert not files or [file for file in files if Path(file).name.startswith("test_")]


def test_paragraph_before_a_block_names_its_file(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Create `apps/shop/views.py`:\n\n```python\na = 1\n```\n\n"
        "Add to the end of `configure` in `apps/shop/settings.py`:\n\n```python\n    b = 2\n```\n\n"
        "Create `apps/shop/urls.py`, or add to it:\n\n```python\nc = 3\n```\n\n"
        "Run this:\n\n```sh\nmake test\n```\n"
    )
    blocks = [(block.file, block.text, block.appends) for block in read_blocks(page)]
    assert blocks == [
        ("apps/shop/views.py", "a = 1\n", False),
        ("apps/shop/settings.py", "    b = 2\n", True),
        ("apps/shop/urls.py", "c = 3\n", True),
        ("", "make test\n", False),
    ]


def test_blocks_are_written_once(tmp_path: Path) -> None:
    page, file = tmp_path / "page.md", tmp_path / "apps" / "shop" / "models.py"
    page.write_text("Add to `apps/shop/models.py`:\n\n```python\nimport os\n\na = os.name\n```\n")
    file.parent.mkdir(parents=True)
    file.write_text('"""Your models."""\n\nimport re\n\nb = re.X\n')
    for _ in range(2):
        apply_page(page, tmp_path)
    lines = file.read_text().split("\n")
    assert list(filter(None, lines)) == [
        '"""Your models."""',
        "import re",
        "import os",
        "b = re.X",
        "a = os.name",
    ]
