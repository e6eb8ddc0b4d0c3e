"""Copy the project into another folder, and apply the code of pages in docs/ to the copy.

docs/README.md describes how a page says which file a block of code belongs to. Standard library only.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from environment import ROOT, TEST_VARIABLES

NOT_COPIED = (
    ".git",
    ".env",
    ".venv*",
    "var",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    "test-results",
    "node_modules",
)
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "E2E_BROWSER")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\b(Create|Add to)\b.*?`([^`]+/[^`]+\.\w+|\.env)`", re.DOTALL)


@dataclass(frozen=True)
class Block:
    file: str  # "apps/shop/views.py"; empty if the block is not the content of a file
    language: str
    text: str
    appends: bool  # to the end of the file


def copy_project(target: Path) -> None:
    """Copy the working tree, without .git, .env and what commands have written."""
    shutil.copytree(ROOT, target, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced code blocks of a page. The paragraph before a block names its file."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for block in BLOCK.finditer(text):
        paragraph = text[: block.start()].rstrip().rpartition("\n\n")[2]
        named = FILE.search(paragraph)
        appends = bool(named and (named[1] == "Add to" or "add to it" in paragraph))
        blocks.append(Block(named[2] if named else "", block[1], block[2], appends))
    return blocks


def apply_page(page: Path, target: Path) -> None:
    """Write the page's blocks to their files in the copy, and run its makemigrations commands."""
    for block in read_blocks(page):
        if block.file:
            _write(block, target / block.file)
        elif block.language == "sh":
            for command in re.findall(r"manage\.py (makemigrations .*)", block.text):
                run(target, "manage.py", *shlex.split(command)).check_returncode()


def run(target: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, for example `run(target, "-m", "pytest", "apps/shop")`, with these variables only."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {
        **TEST_VARIABLES,
        "ENV_FILE": os.devnull,
        "PYTHONPATH": "packages/stripe-sandbox/src",
        **variables,
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=target, env=environment, capture_output=True, text=True)


def run_tests(target: Path, *arguments: str, **variables: str) -> str:
    """Run pytest in the copy, and return its output. Raise AssertionError if a test fails."""
    done = run(target, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *arguments, **variables)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def _write(block: Block, file: Path) -> None:
    """Write the file, or append to it: imports after those of the file, other code to its end."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text(encoding="utf-8") if block.appends and file.exists() else ""
    imports, code = _split_imports(block.text) if before and file.suffix == ".py" else ("", block.text)
    if not before:
        file.write_text(code, encoding="utf-8")
    elif code not in before:
        head, rest = _split_imports(before) if imports else (before, "")
        file.write_text(f"{head}{imports}{rest}\n{code}", encoding="utf-8")


def _split_imports(text: str) -> tuple[str, str]:
    """Split Python code after its docstring and imports."""
    try:
        statements = ast.parse(text).body
    except IndentationError:  # the block contains only lines of a function
        return "", text
    last_line = 0
    for statement in statements:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_docstring and not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        last_line = statement.end_lineno or 0
    lines = text.splitlines(keepends=True)
    return "".join(lines[:last_line]), "".join(lines[last_line:])
