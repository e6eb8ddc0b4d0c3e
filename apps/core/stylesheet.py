"""Join the files that static/css/app.css imports into one stylesheet, without a build step."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from posixpath import dirname, join, normpath

from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static

ENTRY = "css/app.css"
IMPORT = re.compile(r'@import url\("(?P<file>[^"]+)"\) layer\((?P<layer>[\w-]+)\);')
URL = re.compile(r'url\("(?!data:|/|#)(?P<file>[^"]+)"\)')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def stylesheet() -> tuple[str, str]:
    """Return the hash for the URL, and the text. Raise FileNotFoundError for a wrong @import."""
    return _join_files(last_modified(_find_all()))


def find_source(name: str) -> Path:
    path = finders.find(name)
    if path is None:
        raise FileNotFoundError(f"There is no static file {name}.")
    return Path(path)


def last_modified(paths: Iterable[Path]) -> float:
    """Return the newest modification time of these files; 0 in production, where files do not change."""
    return max(path.stat().st_mtime for path in paths) if settings.DEBUG else 0


def _find_all() -> Iterator[Path]:
    for folder in settings.STATICFILES_DIRS:
        yield from Path(folder, "css").rglob("*.css")


@lru_cache(maxsize=1)
def _join_files(_version: float) -> tuple[str, str]:
    imports = find_source(ENTRY).read_text()
    css = IMPORT.sub(
        lambda rule: f"@layer {rule['layer']} {{{_read_css(join('css', rule['file']))}}}",
        imports,
    )
    css = re.sub(r"\s*\n\s*", "\n", COMMENT.sub("", css)).strip()
    return sha256(css.encode()).hexdigest()[:12], css


def _read_css(name: str) -> str:
    css, folder = find_source(name).read_text(), dirname(name)
    return URL.sub(lambda url: f'url("{static(normpath(join(folder, url["file"])))}")', css)
