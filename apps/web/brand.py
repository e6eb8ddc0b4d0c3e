"""static/css/brand.css, read by the server too: what a browser draws outside the page, and mails, wear it as well."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from posixpath import join, normpath
from types import MappingProxyType

from django.conf import settings

from apps.web.colours import Scheme, colour
from apps.web.stylesheet import COMMENT, source

# In the order of their layers: what brand.css says wins.
FILES = ("css/tokens.css", "css/brand.css")
ROOT = re.compile(r":root\s*\{([^}]*)\}")
PROPERTY = re.compile(r"(--[\w-]+)\s*:\s*([^;]+);")


def properties() -> Mapping[str, str]:
    """The custom properties of :root, as written."""
    paths = [source(name) for name in FILES]
    return _read(tuple(paths), max(path.stat().st_mtime for path in paths) if settings.DEBUG else 0)


def hex_of(name: str, scheme: Scheme) -> str:
    """`--color-page` in a scheme ▶ "#fafaf7". Raises ValueError, with the property's name, if it is no colour."""
    try:
        return colour(f"var({name})", scheme, properties()).hex
    except ValueError as error:
        raise ValueError(f"{name} in static/css/brand.css or tokens.css: {error}") from None


def logo() -> str:
    """The static file that is the logo, as {% static %} wants it. Raises ValueError when --brand-logo names none."""
    written = properties().get("--brand-logo", "")
    found = re.fullmatch(r"""url\(\s*["']?(?P<file>[^"')]+)["']?\s*\)""", written)
    if not found:
        raise ValueError(f'--brand-logo in static/css/brand.css is “{written}”, not url("../logo.svg")')
    return normpath(join("css", found["file"]))


@lru_cache(maxsize=1)
def _read(paths: tuple[Path, ...], _version: float) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        for block in ROOT.findall(_outside_media(COMMENT.sub("", path.read_text()))):
            found |= {name: " ".join(value.split()) for name, value in PROPERTY.findall(block)}
    return MappingProxyType(found)


def _outside_media(css: str) -> str:
    """Without @media rules: they hold for some visitors only."""
    return re.sub(r"@media[^{]*\{(?:[^{}]*\{[^}]*\})*[^}]*\}", "", css)
