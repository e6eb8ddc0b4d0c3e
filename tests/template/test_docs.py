"""The documentation names files, commands and settings that exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from scripts.fork_copy import read_blocks

ROOT = settings.BASE_DIR
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")])
PAGES.remove(ROOT / "CHANGELOG.md")  # the changelog names files of earlier versions
FOLDERS = "apps|config|deploy|docs|locale|packages|scripts|static|templates|tests"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_in_the_documentation_exist(page: Path) -> None:
    # apps/shop contains what readers create, and a page may create other files.
    paths = re.findall(rf"`((?!apps/shop/)(?:{FOLDERS})/[\w./*-]+)`", page.read_text())
    base = ROOT if page.parent.parent.name != "packages" else page.parent
    created = {block.file for block in read_blocks(page)}
    missing = [path for path in paths if path not in created and not list(base.glob(path.rstrip("/")))]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_in_the_documentation_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_in_the_documentation_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)", page.read_text())
    assert [
        link for link in links if link[1] not in _anchors(page.parent / link[0] if link[0] else page)
    ] == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_all_pages_are_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").glob("**/*.md")]
    in_other_indexes = ("README.md", "deploy/")
    assert [
        page for page in pages if f"({page})" not in index and not page.startswith(in_other_indexes)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_documentation_exist(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z0-9-]+)", text)) <= set(targets)
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())
    commands = "".join(block.text for block in read_blocks(page) if block.language == "sh")
    paths = re.findall(r"pytest ((?:tests|apps)/[\w/.]+)", commands)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_code_refers_to_pages_that_exist() -> None:
    files = [
        path for folder in ("apps", "config", "scripts", "static") for path in ROOT.glob(f"{folder}/**/*.*")
    ]
    files = [path for path in files if path.suffix in (".py", ".css", ".html")] + [ROOT / ".env.example"]
    pages = {page for path in files for page in re.findall(r"docs/[\w/-]+\.md", path.read_text())}
    assert [page for page in sorted(pages) if not (ROOT / page).exists()] == []
