"""The formats of .env that editors, shells and operating systems write."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.env_file import read_env_file
from tests.unit.env_settings import PRODUCTION, load_settings, start_errors

LINES = [
    ("NAME=value", "value"),
    ("  NAME = value  ", "value"),
    ("export NAME=value", "value"),
    ("export  NAME='value'", "value"),
    ('NAME="value"', "value"),
    ("NAME=value # a comment", "value"),
    ('NAME="value # none" # a comment', "value # none"),
    ("NAME=pass#word", "pass#word"),
    ("NAME= # nothing yet", ""),
    ("NAME=", ""),
    ("NAME=it's", "it's"),
    ('NAME="He said \\"hi\\""', 'He said "hi"'),
    ("NAME=a=b", "a=b"),
    ("NAME=$HOME/x", "$HOME/x"),
]


@pytest.mark.parametrize(("line", "value"), LINES)
def test_lines_are_parsed(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"# before\n\n{line}\n")
    assert read_env_file(tmp_path / ".env") == ({"NAME": value}, [])


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfREFUND_DAYS=30\n", b"REFUND_DAYS=30\r\nDEBUG=false\r\n", b"DEBUG=false\rREFUND_DAYS=30"],
    ids=["byte order mark", "Windows", "old Mac"],
)
def test_files_of_other_systems_are_parsed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert load_settings(tmp_path, **{**PRODUCTION, "ENV_FILE": str(tmp_path / ".env")})["REFUND_DAYS"] == 30


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("SITE_URL: https://x", ".env line 1 is not KEY=value: SITE_URL."),
        ("DEBUG=false\nhunter2\n", ".env line 2 is not KEY=value."),
        ("[shop]\n", ".env line 1 is not KEY=value."),
        ("SITE-URL=hunter2", ".env line 1 is not KEY=value."),
        (
            'SITE_NAME="Our shop\n',
            ".env line 1 is not KEY=value: SITE_NAME, whose quotation mark is not closed.",
        ),
        (
            "SITE_NAME='Our shop\n",
            ".env line 1 is not KEY=value: SITE_NAME, whose quotation mark is not closed.",
        ),
        ("SECRET_KEY=hun\0ter2", ".env line 1 is not KEY=value: SECRET_KEY."),
        ("DEBUG=false\n\nDEBUG=true\n", ".env line 3 sets DEBUG a second time. Keep only one of the lines."),
        ("DEBUG=false\nSITE_NAME=Caf\udce9", ".env line 2 is not UTF-8. Save the file as UTF-8."),
    ],
)
def test_invalid_line_is_named_by_its_number(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / ".env").write_text(content, encoding="utf-8", errors="surrogateescape")
    assert start_errors(tmp_path, ENV_FILE=str(tmp_path / ".env")) == [f"The shop does not start. {problem}"]


def test_utf_16_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DEBUG=false", encoding="utf-16")
    assert ".env line 1 is not UTF-8" in start_errors(tmp_path, ENV_FILE=str(tmp_path / ".env"))[0]


def test_folder_instead_of_a_file_is_an_error(tmp_path: Path) -> None:
    """Docker creates a folder if the file to mount does not exist."""
    (tmp_path / ".env").mkdir()
    assert (
        ".env cannot be read: Is a directory." in start_errors(tmp_path, ENV_FILE=str(tmp_path / ".env"))[0]
    )


def test_unreadable_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, in containers, can read every file
    assert read_env_file(tmp_path / ".env")[1] == [".env cannot be read: Permission denied."]


def test_missing_env_file_is_an_error(tmp_path: Path) -> None:
    (line,) = start_errors(tmp_path, **{**PRODUCTION, "ENV_FILE": str(tmp_path / "shop.env")})
    assert line.endswith("shop.env cannot be read: No such file or directory.")


def test_environment_overrides_the_file_even_with_empty_values(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REFUND_DAYS=30\nSITE_NAME=From the file\n")
    given = {**PRODUCTION, "ENV_FILE": str(tmp_path / ".env"), "REFUND_DAYS": "7", "SITE_NAME": ""}
    settings = load_settings(tmp_path, **given)
    assert (settings["REFUND_DAYS"], settings["SITE_NAME"]) == (7, "Workbench")
