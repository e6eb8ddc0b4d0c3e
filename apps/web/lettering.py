"""Words in drawn pictures: which of them our one font can write, and how they are broken into lines.

The font lies beside this file (fonts/OFL.txt is its licence), because a server may have none. It knows the Latin,
Greek and Cyrillic alphabets and the signs of currencies; put another file in its place for others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FILE = Path(__file__).parent / "fonts" / "InterDisplay-Bold.otf"
LEADING = 1.1
NO_SIGN = "\uffff"  # is in no font: what it gives is what every missing sign gives


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont:
    """`size` in pixels."""
    return ImageFont.truetype(FILE, size)


def readable(text: str) -> str:
    """The text without what the font has no sign for; "" if a letter or a digit is among that."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    missing = {sign for sign in set(text) - {" "} if _form(sign) == _form(NO_SIGN)}
    if any(sign.isalnum() for sign in missing):
        return ""
    return " ".join("".join(sign for sign in text if sign not in missing).split())


def fitted(text: str, sizes: Sequence[int], width: int, height: int) -> tuple[int, list[str]]:
    """The first of `sizes` in which the text has room, and its lines. In the last one it is cut, with an ellipsis."""
    for size in sizes:
        face = font(size)
        lines = _lines(text, face, width)
        whole = max(map(face.getlength, text.split())) <= width
        if whole and len(lines) * size * LEADING <= height:
            return size, _balanced(text, face, width)
    size = sizes[-1]
    lines = _lines(text, font(size), width)
    most = int(height // (size * LEADING))
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1].rstrip(" .,;:-–")[:-1] + "…"]
    return size, lines


def _form(sign: str) -> bytes:
    return bytes(font(24).getmask(sign))


def _balanced(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """As few lines as there must be, and none much shorter than the others."""
    lines = _lines(text, face, width)
    for narrower in range(width, 0, -8):
        tried = _lines(text, face, narrower)
        if len(tried) > len(lines) or any(face.getlength(line) > narrower for line in tried):
            break
        lines = tried
    return lines


def _lines(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Broken between words, and within one only if it is wider than the line."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= width:
            lines[-1] = longer
            continue
        lines.append("")
        for letter in word:
            if face.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]
