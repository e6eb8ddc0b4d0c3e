"""Read the file .env. Only the standard library: `make run` needs it before packages are installed."""

import re
from pathlib import Path

# A value without quotes ends at a comment (" #").
LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|(?!(?<=\s)\#)[^"'\s].*?|)\s*(?:(?<=\s)\#.*)?""",
    re.VERBOSE | re.ASCII,
)
NAME = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*[:=]", re.ASCII)
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1f]")


def read_env_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the variables, and one line for each mistake in the file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return {}, [f"{path.name} cannot be read: {error.strerror}."]
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        return {}, [f"{path.name} line {number} is not UTF-8. Save the file as UTF-8."]
    values: dict[str, str] = {}
    problems = []
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match or CONTROL_CHARACTERS.search(line):
            problems.append(f"{path.name} line {number} is not KEY=value{_describe_mistake(line)}.")
        elif match["name"] in values:
            problems.append(
                f"{path.name} line {number} sets {match['name']} a second time. Keep only one of the lines."
            )
        else:
            values[match["name"]] = _unquote(match["value"])
    return values, problems


def _describe_mistake(line: str) -> str:
    # Show only the name: the rest of the line may be a secret.
    name = f": {match[1]}" if (match := NAME.match(line)) else ""
    value = line.partition("=")[2].strip()
    if value.startswith(("'", '"')) and value.count(value[0]) % 2:
        return f"{name}, whose quotation mark is not closed"
    return name


def _unquote(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\([^rnt])", r"\1", value[1:-1])  # \" is ", \n stays as it is
    return value[1:-1] if value.startswith("'") else value
