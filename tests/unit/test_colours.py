"""tests/colours.py parses colours as a browser does. Expected values are from Chromium (getComputedStyle)."""

import pytest

from tests.colours import Colour, colour, contrast

PROPERTIES = {"--ink": "#102030", "--mixed": "color-mix(in srgb, var(--ink) 25%, #ffffff)"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#abc", "#aabbcc"),
        ("#2b3fd680", "#2b3fd6"),
        ("rebeccapurple", "#663399"),
        ("rgb(20 20 30 / 6%)", "#14141e"),
        ("rgba(20, 20, 30, 0.5)", "#14141e"),
        ("rgb(100% 0% 50%)", "#ff0080"),
        ("hsl(210deg 50% 40%)", "#336699"),
        ("hsl(210, 50%, 40%)", "#336699"),
        ("oklch(0.7 0.15 30)", "#ed7665"),
        ("oklch(70% 0.15 30deg)", "#ed7665"),
        ("var(--ink)", "#102030"),
        ("var(--none, #ff0000)", "#ff0000"),
        ("var(--mixed)", "#c3c7cb"),
        ("color-mix(in srgb, red, blue 25%)", "#bf0040"),
        ("light-dark(var(--ink), white)", "#102030"),
    ],
)
def test_colour_matches_the_browser(text: str, expected: str) -> None:
    assert colour(text, "light", PROPERTIES).hex == expected


def test_light_and_dark_schemes_have_different_colours() -> None:
    text = "light-dark(color-mix(in srgb, var(--ink) 9%, #ffffff), #121317)"
    assert colour(text, "light", PROPERTIES).hex == "#e9ebec"
    assert colour(text, "dark", PROPERTIES).hex == "#121317"


@pytest.mark.parametrize(
    "text",
    [
        "bluish",
        "rgb(1 2)",
        "lab(29% 39 20)",
        "var(--none)",
        "color-mix(in oklab, red, blue)",
        "oklch(a b c)",
        "",
    ],
)
def test_invalid_colour_raises_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a colour|can't be|not set"):
        colour(text, "light", PROPERTIES)


def test_contrast_goes_from_1_to_21() -> None:
    black, white, grey = Colour(0, 0, 0), Colour(1, 1, 1), colour("#767676", "light", {})
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(white, white) == pytest.approx(1)
    assert contrast(grey, white) == pytest.approx(4.54, abs=0.005)  # the lightest grey that passes on white
