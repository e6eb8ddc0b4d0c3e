"""The file .env: read with care, written once."""

import os
import re
import secrets

from environment import ROOT, stop

FILE = ROOT / ".env"
LINE = re.compile(r"""(export\s+)?[A-Za-z_][A-Za-z0-9_]*=("[^"]*"|'[^']*'|[^"'].*|)\Z""")
SECRET = re.compile(r"(?:sk|rk|whsec)_\S+|(?<=SECRET_KEY).+")


def read() -> dict[str, str]:
    """The values of .env ({} without one). A line the settings would drop stops the command, by number."""
    if not FILE.exists():
        return {}
    try:
        lines = FILE.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        stop(f".env cannot be read: {error}")
    values = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not LINE.match(text):
            stop(f".env line {number} is not KEY=value: {SECRET.sub('…', text)[:60]}")
        key, _, value = text.removeprefix("export").strip().partition("=")
        values[key] = value.strip("\"'")
    if not (values.get("SECRET_KEY") or os.environ.get("SECRET_KEY")):
        stop(".env has no SECRET_KEY. Put a long random text there: SECRET_KEY=…")
    return values


def write() -> dict[str, str]:
    """Writes .env from .env.example with a random SECRET_KEY. Raises FileExistsError over an old one."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    text = example.replace("SECRET_KEY=", f"SECRET_KEY={secrets.token_urlsafe(50)}", 1)
    handle = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    print("Wrote .env with a fresh SECRET_KEY", flush=True)
    return read()
