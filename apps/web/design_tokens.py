"""Read the design tokens of the stylesheets, for what no stylesheet reaches: e-mails, manifest, theme-color."""

import re
from functools import lru_cache
from typing import Literal

from django.conf import settings

from apps.web.stylesheet import COMMENT, source

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
FILES = ("css/tokens.css", "css/brand.css")  # the last one wins
ROOT = re.compile(r"^:root\s*\{([^}]*)\}", re.MULTILINE)  # not inside of @media
PROPERTY = re.compile(r"(--[\w-]+)\s*:\s*([^;]+);")
VAR = re.compile(r"var\((--[\w-]+)\)")
ARGUMENT = r"\s*((?:[^,()]|\([^()]*\))+?)\s*"
LIGHT_DARK = re.compile(rf"light-dark\({ARGUMENT},{ARGUMENT}\)")


def resolve_token(name: str, scheme: Scheme) -> str:
    """Return the value of a token, with var() and light-dark() replaced. Raises KeyError if there is no such token."""
    value = tokens()[name]
    while VAR.search(value):
        value = VAR.sub(lambda match: tokens()[match[1]], value)
    return LIGHT_DARK.sub(rf"\{1 + SCHEMES.index(scheme)}", value)


def tokens() -> dict[str, str]:
    """Return the custom properties of :root, as written."""
    return _read(max(source(name).stat().st_mtime for name in FILES) if settings.DEBUG else 0)


@lru_cache(maxsize=1)
def _read(_version: float) -> dict[str, str]:
    css = "\n".join(COMMENT.sub("", source(name).read_text()) for name in FILES)
    blocks = " ".join(ROOT.findall(css))
    return {name: " ".join(value.split()) for name, value in PROPERTY.findall(blocks)}
