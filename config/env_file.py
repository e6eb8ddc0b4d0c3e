"""The file .env: one NAME=value a line. Standard library only, `make run` reads it before packages are installed."""

from __future__ import annotations

import re
from pathlib import Path

# The value is in double or single quotes, or it ends before " #", where a comment begins.
LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|(?!(?<=\s)\#)[^"'\s].*?|)\s*(?:(?<=\s)\#.*)?""",
    re.VERBOSE | re.ASCII,
)
NAMED = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*[:=]", re.ASCII)


def read_env_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the variables of the file, and one line for each mistake in it. Raise FileNotFoundError without one."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except IsADirectoryError:
        return {}, [f"{path.name} is a folder, but it has to be a file: remove the folder."]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return {}, [f"{path.name} line {line} is not UTF-8. Save the file as UTF-8."]
    except PermissionError:
        return {}, [f"{path.name} cannot be read: this user lacks the permission."]
    except FileNotFoundError:
        raise
    except OSError as error:
        return {}, [f"{path.name} cannot be read: {error.strerror}."]
    return _parse(path.name, text)


def _parse(file: str, text: str) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = LINE.fullmatch(line)
        if not found or re.search(r"[\x00-\x08\x0e-\x1f]", line):
            problems.append(f"{file} line {number} is not KEY=value{_what_is_wrong(line)}.")
        elif (name := found["name"]) in lines:
            problems.append(f"{file} line {number} sets {name} again, after line {lines[name]}. Keep one.")
        else:
            values[name], lines[name] = _unquoted(found["value"]), number
    return values, problems


def _what_is_wrong(line: str) -> str:
    """Say which variable the line means. Never show more of it: it may hold a secret."""
    name = f": {found[1]}" if (found := NAMED.match(line)) else ""
    _, _, value = line.partition("=")
    if value.strip()[:1] in ("'", '"') and value.strip().count(value.strip()[0]) % 2:
        return f"{name}, whose quotation mark is not closed"
    return name


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\([^rnt])", r"\1", value[1:-1])  # \" is ", \n stays as it is
    return value[1:-1] if value.startswith("'") else value
