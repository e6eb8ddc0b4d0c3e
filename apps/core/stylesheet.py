"""One stylesheet over the wire, many small files on the disk, and no build step.

static/css/app.css lists the files and their layers with plain @import rules; here they become one text, whose
address changes with its content, so that browsers may keep it for ever.
"""

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from posixpath import join, normpath

from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static

ENTRY = "css/app.css"
IMPORT = re.compile(r'@import url\("(?P<file>[^"]+)"\) layer\((?P<layer>[\w-]+)\);')
URL = re.compile(r'url\("(?!data:|/|#)(?P<file>[^"]+)"\)')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def stylesheet() -> tuple[str, str]:
    """The digest that belongs into its address, and the text. Raises FileNotFoundError for a broken @import."""
    return _bundle(_newest_change() if settings.DEBUG else 0)


@lru_cache(maxsize=1)
def _bundle(_version: float) -> tuple[str, str]:
    css = IMPORT.sub(
        lambda rule: f"@layer {rule['layer']} {{{_read(rule['file'])}}}", source(ENTRY).read_text()
    )
    css = re.sub(r"\s*\n\s*", "\n", COMMENT.sub("", css)).strip()
    return sha256(css.encode()).hexdigest()[:12], css


def _read(file: str) -> str:
    """One file, with the addresses in it as they are on the site."""
    name = normpath(join("css", file))
    folder = name.rpartition("/")[0]
    return URL.sub(
        lambda match: f'url("{static(normpath(join(folder, match["file"])))}")', source(name).read_text()
    )


def source(name: str) -> Path:
    """A static file as it lies on the disk. Raises FileNotFoundError."""
    path = finders.find(name)
    if path is None:
        raise FileNotFoundError(f"There is no static file {name}.")
    return Path(path)


def _newest_change() -> float:
    """In development an edited file shows at the next reload."""
    return max(path.stat().st_mtime for path in source(ENTRY).parent.rglob("*.css"))
