"""Each text has enough contrast on each background it is used on, in light and dark, with any brand colours.

https://www.w3.org/TR/WCAG22/#contrast-minimum: 4.5 to 1 for text, 3 to 1 for borders and focus rings.
"""

import re

import pytest
from django.conf import settings

from apps.core.design_tokens import read_tokens
from apps.core.stylesheet import COMMENT, find_source
from tests.colours import SCHEMES, Scheme, colour, contrast

TEXT, EDGE = 4.5, 3.0

# Text inherits the background of its parent, so no single CSS rule contains these pairs.
BACKGROUNDS = ("--color-page", "--color-surface", "--color-sunken")
INHERITED = [
    *((ink, ground, TEXT) for ink in ("--color-ink", "--color-ink-soft") for ground in BACKGROUNDS),
    *((ink, ground, TEXT) for ink in ("--color-accent", "--color-accent-strong") for ground in BACKGROUNDS),
    *(("--color-ink", f"--color-{tone}-soft", TEXT) for tone in ("accent", "good", "wait", "bad")),
    *(("--color-accent", f"--color-{tone}-soft", TEXT) for tone in ("accent", "good", "wait", "bad")),
    *(("--color-bad", ground, TEXT) for ground in BACKGROUNDS),
    *(("--color-good", ground, TEXT) for ground in BACKGROUNDS),
    *(("--color-line-strong", ground, EDGE) for ground in BACKGROUNDS),
    *(("--color-focus", ground, EDGE) for ground in BACKGROUNDS),
]
INK = re.compile(r"(?:^|[\s;])(?:color|--[\w-]+-ink)\s*:\s*([^;]+);")
BACKGROUND = re.compile(r"(?:^|[\s;])(?:background(?:-color)?|--[\w-]+-ground(?:-hover)?)\s*:\s*([^;]+);")
# Values that are not colours.
NOT_A_COLOUR = re.compile(r"inherit|currentColor|none|transparent|url\(|gradient|var\(--(?!color-)")


def pairs_of_rules() -> list[tuple[str, str, float]]:
    """Return the text and background colours that one rule of the stylesheets sets together."""
    found = set()
    for file in sorted(find_source("css/app.css").parent.rglob("*.css")):
        for rule in re.findall(r"\{([^{}]*)\}", COMMENT.sub("", file.read_text())):
            inks, grounds = (
                [value for value in pattern.findall(rule) if not NOT_A_COLOUR.search(value)]
                for pattern in (INK, BACKGROUND)
            )
            found |= {(ink, ground, TEXT) for ink in inks for ground in grounds}
    return sorted(found)


def contrast_error(ink: str, ground: str, minimum: float, scheme: Scheme, properties: dict[str, str]) -> str:
    """Return an error that names the ratio and the fix, or "" if the contrast is sufficient."""
    front, back = (
        colour(f"var({text})" if text.startswith("--") else text, scheme, properties)
        for text in (ink, ground)
    )
    ratio = contrast(front, back)
    if ratio >= minimum:
        return ""
    direction = "darker" if sum(front[:3]) < sum(back[:3]) else "lighter"
    tokens = " ".join(
        dict.fromkeys(
            re.findall(r"--[\w-]+", f"{_resolve_names(ink, properties)} {_resolve_names(ground, properties)}")
        )
    )
    file = find_source("css/brand.css").relative_to(settings.BASE_DIR)
    return (
        f"{ink} ({front.hex}) on {ground} ({back.hex}) has a contrast of {ratio:.2f} to 1 in {scheme} colours; "
        f"it needs {minimum}. Make the first {direction}, or change the second, in {file} ({tokens})."
    )


def _resolve_names(text: str, properties: dict[str, str]) -> str:
    """Return the properties that a property refers to, so that the error names those in brand.css."""
    while (more := re.sub(r"var\((--color-[\w-]+)\)", lambda m: properties[m[1]], text)) != text:
        text = more
    return properties.get(text, text)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_has_enough_contrast(scheme: Scheme) -> None:
    properties = read_tokens()
    pairs = INHERITED + pairs_of_rules()
    found = [contrast_error(ink, ground, minimum, scheme, properties) for ink, ground, minimum in pairs]
    assert not any(found), "\n" + "\n".join(dict.fromkeys(filter(None, found)))


def test_pairs_of_colours_are_found_in_the_stylesheets() -> None:
    pairs = {pair[:2] for pair in pairs_of_rules()}
    assert ("var(--color-on-accent)", "var(--color-accent)") in pairs
    assert ("var(--color-good)", "var(--color-good-soft)") in pairs
    assert any(ground.startswith("color-mix") for _ink, ground in pairs)


def test_contrast_error_names_ratio_token_and_fix() -> None:
    properties = {**read_tokens(), "--brand": "#9aa4ff"}
    error = contrast_error("--color-accent", "--color-page", TEXT, "light", properties)
    assert "2.2" in error
    assert "--brand" in error
    assert "darker" in error
    assert not contrast_error("--color-accent", "--color-page", TEXT, "dark", properties)
