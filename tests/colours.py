"""Parse CSS colours and measure their contrast.

Supported: #hex, names, rgb(), hsl(), oklch(), var(), light-dark() and color-mix(in srgb, …).
"""

import re
from collections.abc import Mapping
from colorsys import hls_to_rgb
from math import cos, radians, sin
from typing import Literal, NamedTuple

from PIL import ImageColor

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
CALL = re.compile(r"([a-z-]+)\((.*)\)", re.DOTALL)


class Colour(NamedTuple):
    """sRGB, each part from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    @property
    def hex(self) -> str:
        """#rrggbb, without the alpha."""
        return "#" + "".join(f"{round(part * 255):02x}" for part in self[:3])


def colour(text: str, scheme: Scheme, properties: Mapping[str, str]) -> Colour:
    """Return the colour in a colour scheme, with the values of custom properties.

    Raise ValueError for invalid or unsupported colours.
    """
    text = text.strip()
    call = CALL.fullmatch(text)
    if not call:
        return _parse_simple(text)
    name, inner = call.groups()
    if name == "var":
        named, *fallback = _arguments(inner)
        value = properties.get(named) or ", ".join(fallback)
        if not value:
            raise ValueError(f"{named} is not set")
        return colour(value, scheme, properties)
    if name == "light-dark":
        return colour(_arguments(inner)[SCHEMES.index(scheme)], scheme, properties)
    if name == "color-mix":
        space, one, other = _arguments(inner)
        if space != "in srgb":
            raise ValueError(f"color-mix({space}, …) can't be computed here: mix in srgb")
        return _mix(one, other, scheme, properties)
    return _function(name, inner)


def contrast(first: Colour, second: Colour) -> float:
    """Return the contrast ratio, from 1 to 21. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def _arguments(inner: str) -> list[str]:
    """Split at commas that are not inside parentheses."""
    parts, depth = [""], 0
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _mix(first_colour: str, second_colour: str, scheme: Scheme, properties: Mapping[str, str]) -> Colour:
    colours, shares = [], []
    for part in (first_colour, second_colour):
        share = re.search(r"\s([\d.]+)%$", part)
        shares.append(float(share[1]) / 100 if share else None)
        colours.append(colour(part[: share.start()] if share else part, scheme, properties))
    first, second = shares
    if first is None:
        first = 0.5 if second is None else 1 - second
    return Colour(*(a * first + b * (1 - first) for a, b in zip(*colours, strict=True)))


def _parse_simple(text: str) -> Colour:
    if text == "transparent":
        return Colour(0, 0, 0, 0)
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        raise ValueError(f"“{text}” is not a colour") from None
    return Colour(red / 255, green / 255, blue / 255, alpha[0] / 255 if alpha else 1)


def _function(name: str, inner: str) -> Colour:
    parts = re.split(r"[\s,/]+", inner.strip())
    try:
        if name in ("rgb", "rgba"):
            red, green, blue = (_number(part) / (1 if "%" in part else 255) for part in parts[:3])
        elif name in ("hsl", "hsla"):
            hue, saturation, light = _number(parts[0].removesuffix("deg")), *map(_number, parts[1:3])
            red, green, blue = hls_to_rgb(hue / 360 % 1, light, saturation)
        elif name == "oklch":
            red, green, blue = _oklch(*(_number(part.removesuffix("deg")) for part in parts[:3]))
        else:
            raise ValueError
        return Colour(red, green, blue, _number(parts[3]) if len(parts) > 3 else 1)
    except (ValueError, IndexError, TypeError):
        raise ValueError(f"“{name}({inner})” can't be read as a colour") from None


def _number(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _oklch(light: float, chroma: float, hue: float) -> tuple[float, ...]:
    """https://www.w3.org/TR/css-color-4/#ok-lab, clipped to what a screen shows."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return tuple(
        12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
        for part in (min(max(part, 0), 1) for part in linear)
    )


def _luminance(colour: Colour) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
