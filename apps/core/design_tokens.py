import re
from functools import lru_cache
from typing import Literal

from apps.core.stylesheet import COMMENT, find_source, last_modified

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
FILES = ("css/tokens.css", "css/brand.css")  # values in the last file override the others
# At the start of a line: rules in @media are indented.
ROOT = re.compile(r"^:root\s*\{([^}]*)\}", re.MULTILINE)
PROPERTY = re.compile(r"(--[\w-]+)\s*:\s*([^;]+);")
VAR = re.compile(r"var\((--[\w-]+)\)")
ARGUMENT = r"\s*((?:[^,()]|\([^()]*\))+?)\s*"
LIGHT_DARK = re.compile(rf"light-dark\({ARGUMENT},{ARGUMENT}\)")


def resolve_token(name: str, scheme: Scheme) -> str:
    """Return the value of a token, with var() and light-dark() replaced. Raise KeyError if there is no such token."""
    value = read_tokens()[name]
    while VAR.search(value):
        value = VAR.sub(lambda match: read_tokens()[match[1]], value)
    return LIGHT_DARK.sub(rf"\{1 + SCHEMES.index(scheme)}", value)


def read_tokens() -> dict[str, str]:
    return _read_tokens(last_modified(map(find_source, FILES)))


@lru_cache(maxsize=1)
def _read_tokens(_version: float) -> dict[str, str]:
    css = "\n".join(COMMENT.sub("", find_source(name).read_text()) for name in FILES)
    return {name: " ".join(value.split()) for name, value in PROPERTY.findall(" ".join(ROOT.findall(css)))}
