"""The picture that a link to this shop carries where it is shared: words on one side, art on the other.

It wears the brand: colours and logo of brand.css, SITE_NAME and SITE_TAGLINE. https://ogp.me/
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from io import BytesIO

import resvg_py
from django.conf import settings
from PIL import Image, ImageDraw, ImageOps

from apps.web import artwork, brand, favicons
from apps.web.lettering import LEADING, fitted, font, readable

WIDTH, HEIGHT = 1200, 630
ART = 560  # of the width
MARGIN = 64
COLUMN = WIDTH - ART - MARGIN - 48  # of words
NAME_SIZES = (80, 72, 64, 56, 48, 42)
SHOP_SIZE, PRICE_SIZE = 30, 36
LOGO, PILL = 52, 68  # high
# In the order of artwork.PALETTES.
QUILT = ("--color-accent-soft", "--brand-night", "--brand", "--brand-spark")
DRAWING = 1  # count on when the drawing changes: pictures are kept under a name that follows what is in them


def draw(art: Image.Image, name: str, price: str = "") -> bytes:
    """A JPEG. A name that the font can't write is left out, with all words: the art has the whole picture then."""
    name = readable(name)
    if not name:
        return _jpeg(_cover(art, WIDTH, HEIGHT))
    picture = Image.new("RGB", (WIDTH, HEIGHT), _colour("--color-page"))
    picture.paste(_cover(art, ART, HEIGHT), (WIDTH - ART, 0))
    pen = ImageDraw.Draw(picture)
    _shop(picture, pen)
    bottom = _price(picture, pen, readable(price))
    size, lines = fitted(name, NAME_SIZES, COLUMN, bottom - 2 * MARGIN - SHOP_SIZE)
    for number, line in enumerate(reversed(lines)):
        pen.text(
            (MARGIN - size // 24, bottom - number * size * LEADING),
            line,
            _colour("--color-ink"),
            font(size),
            "ld",
        )
    return _jpeg(picture)


def of_the_shop() -> bytes:
    """For every page that has no picture of its own."""
    return _of_the_shop(digest())


def digest() -> str:
    """Another one as soon as the brand is another."""
    words = (DRAWING, settings.SITE_NAME, settings.SITE_TAGLINE, favicons.digest())
    colours = [item for item in brand.properties().items() if item[0].startswith(("--brand", "--color-"))]
    return sha256(repr((words, colours)).encode()).hexdigest()[:32]


def rasterised(svg: str) -> Image.Image:
    """As wide as the whole picture."""
    return Image.open(BytesIO(resvg_py.svg_to_bytes(svg_string=svg, width=WIDTH)))


@lru_cache(maxsize=1)
def _of_the_shop(_version: str) -> bytes:
    ground, quiet, deep, loud = (_colour(name) for name in QUILT)
    quilt = artwork.draw(settings.SITE_NAME, (ground, quiet, deep, loud))
    return draw(rasterised(quilt), settings.SITE_TAGLINE)


def _shop(picture: Image.Image, pen: ImageDraw.ImageDraw) -> None:
    """Logo and name, above."""
    file = BytesIO(favicons.png("icon-192"))
    logo = Image.open(file).convert("RGBA").resize((LOGO, LOGO), Image.Resampling.LANCZOS)
    picture.paste(logo, (MARGIN, MARGIN), logo)
    if name := readable(settings.SITE_NAME):
        _, (line, *_) = fitted(name, (SHOP_SIZE,), COLUMN - LOGO - 18, LOGO)
        place = (MARGIN + LOGO + 18, MARGIN + LOGO // 2)
        pen.text(place, line, _colour("--color-ink"), font(SHOP_SIZE), "lm")


def _price(picture: Image.Image, pen: ImageDraw.ImageDraw, price: str) -> int:
    """Below, like a button. Gives where the words above it end."""
    face = font(PRICE_SIZE)
    width = round(face.getlength(price)) + 56
    if not price or width > COLUMN:
        return HEIGHT - MARGIN
    top = HEIGHT - MARGIN - PILL
    fine = Image.new("L", (4 * width, 4 * PILL))  # Pillow's own edges are rough
    ImageDraw.Draw(fine).rounded_rectangle((0, 0, 4 * width - 1, 4 * PILL - 1), 2 * PILL, 255)
    shape = fine.resize((width, PILL), Image.Resampling.LANCZOS)
    picture.paste(_colour("--color-accent"), (MARGIN, top), shape)
    pen.text((MARGIN + 28, top + PILL // 2), price, _colour("--color-on-accent"), face, "lm")
    return top - 28


def _cover(art: Image.Image, width: int, height: int) -> Image.Image:
    """As much of the art as fills the field."""
    fitting = ImageOps.fit(art.convert("RGBA"), (width, height), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", fitting.size, _colour("--color-sunken"))
    ground.alpha_composite(fitting)
    return ground.convert("RGB")


def _colour(name: str) -> str:
    """A brand without a second colour has its first one there."""
    return brand.hex_of(name if name in brand.properties() else "--brand", "light")


def _jpeg(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "JPEG", quality=88, subsampling=0, optimize=True, progressive=True)
    return file.getvalue()
