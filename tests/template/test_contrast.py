"""Every text of the design can be read on every ground it stands on, in light and dark, also in a founder's colours.

https://www.w3.org/TR/WCAG22/#contrast-minimum: text 4.5 to 1, edges and the ring around what has the focus 3 to 1.
"""

import re

import pytest

from apps.core.design_tokens import read_tokens
from apps.core.stylesheet import COMMENT, find_source
from tests.colours import SCHEMES, Scheme, colour, contrast

TEXT, EDGE = 4.5, 3.0

# Words take the ground of what they stand in: these pairs are in no single rule of the CSS.
GROUNDS = ("--color-page", "--color-surface", "--color-sunken")
INHERITED = [
    *((ink, ground, TEXT) for ink in ("--color-ink", "--color-ink-soft") for ground in GROUNDS),
    *((ink, ground, TEXT) for ink in ("--color-accent", "--color-accent-strong") for ground in GROUNDS),
    *(("--color-ink", f"--color-{tone}-soft", TEXT) for tone in ("accent", "good", "wait", "bad")),
    *(("--color-accent", f"--color-{tone}-soft", TEXT) for tone in ("accent", "good", "wait", "bad")),
    *(("--color-bad", ground, TEXT) for ground in GROUNDS),
    *(("--color-good", ground, TEXT) for ground in GROUNDS),
    *(("--color-line-strong", ground, EDGE) for ground in GROUNDS),
    *(("--color-focus", ground, EDGE) for ground in GROUNDS),
]
INK = re.compile(r"(?:^|[\s;])(?:color|--[\w-]+-ink)\s*:\s*([^;]+);")
GROUND = re.compile(r"(?:^|[\s;])(?:background(?:-color)?|--[\w-]+-ground(?:-hover)?)\s*:\s*([^;]+);")
# What a rule says about a colour that is not one: it takes it from elsewhere.
NO_COLOUR = re.compile(r"inherit|currentColor|none|transparent|url\(|gradient|var\(--(?!color-)")


def pairs_of_rules() -> list[tuple[str, str, float]]:
    """Each ink and ground that one rule of the stylesheets sets together."""
    found = set()
    for file in sorted(find_source("css/app.css").parent.rglob("*.css")):
        for rule in re.findall(r"\{([^{}]*)\}", COMMENT.sub("", file.read_text())):
            inks, grounds = (
                [value for value in pattern.findall(rule) if not NO_COLOUR.search(value)]
                for pattern in (INK, GROUND)
            )
            found |= {(ink, ground, TEXT) for ink in inks for ground in grounds}
    return sorted(found)


def too_pale(ink: str, ground: str, least: float, scheme: Scheme, properties: dict[str, str]) -> str:
    """ "" if it can be read; else what is wrong, by how much, and what to do."""
    front, back = (
        colour(f"var({text})" if text.startswith("--") else text, scheme, properties)
        for text in (ink, ground)
    )
    ratio = contrast(front, back)
    if ratio >= least:
        return ""
    away = "darker" if sum(front[:3]) < sum(back[:3]) else "lighter"
    written = " ".join(
        dict.fromkeys(re.findall(r"--[\w-]+", f"{_spelled(ink, properties)} {_spelled(ground, properties)}"))
    )
    return (
        f"{ink} ({front.hex}) on {ground} ({back.hex}) has a contrast of {ratio:.2f} to 1 in {scheme} colours; "
        f"it needs {least}. Make the first {away}, or change the second, in static/css/brand.css ({written})."
    )


def _spelled(text: str, properties: dict[str, str]) -> str:
    """The properties behind a property, so that the message names what a founder has written."""
    while (more := re.sub(r"var\((--color-[\w-]+)\)", lambda m: properties[m[1]], text)) != text:
        text = more
    return properties.get(text, text)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_can_be_read(scheme: Scheme) -> None:
    properties = read_tokens()
    pairs = INHERITED + pairs_of_rules()
    found = [too_pale(ink, ground, least, scheme, properties) for ink, ground, least in pairs]
    assert not any(found), "\n" + "\n".join(dict.fromkeys(filter(None, found)))


def test_the_pairs_of_the_rules_are_found() -> None:
    pairs = {pair[:2] for pair in pairs_of_rules()}
    assert ("var(--color-on-accent)", "var(--color-accent)") in pairs
    assert ("var(--color-good)", "var(--color-good-soft)") in pairs
    assert any(ground.startswith("color-mix") for _ink, ground in pairs)


def test_a_pale_brand_is_named_with_its_ratio_and_what_to_do() -> None:
    properties = {**read_tokens(), "--brand": "#9aa4ff"}
    said = too_pale("--color-accent", "--color-page", TEXT, "light", properties)
    assert "2.2" in said
    assert "--brand" in said
    assert "darker" in said
    assert not too_pale("--color-accent", "--color-page", TEXT, "dark", properties)
