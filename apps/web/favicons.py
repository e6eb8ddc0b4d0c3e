"""The shop's icons in every size that browsers and phones ask for, drawn from the logo of brand.css when asked."""

from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import resvg_py
from PIL import Image

from apps.web import brand
from apps.web.stylesheet import source

# name ▶ pixels, and the share of them that the logo takes. None: as it is, with its own clear corners.
# https://developer.apple.com/design/human-interface-guidelines/app-icons, https://web.dev/articles/maskable-icon
ICONS: dict[str, tuple[int, float | None]] = {
    "icon-32": (32, None),
    "icon-192": (192, None),
    "icon-512": (512, None),
    "touch-180": (180, 0.8),  # iOS fills clear corners with black
    "maskable-512": (512, 0.64),  # Android cuts a circle of 80 % out of it
}
ICO_SIZES = [(16, 16), (32, 32), (48, 48)]


def digest() -> str:
    """Changes with the logo, so that its icons may be kept for ever."""
    return sha256(_logo().read_bytes()).hexdigest()[:12]


def png(name: str) -> bytes:
    """One of ICONS. Raises KeyError for another name."""
    size, share = ICONS[name]
    return _png(_logo(), _logo().stat().st_mtime, size, share)


def ico() -> bytes:
    """/favicon.ico, which everything asks for that reads no HTML."""
    picture, file = _drawn(_logo(), 48), BytesIO()
    picture.save(file, "ICO", sizes=ICO_SIZES)
    return file.getvalue()


def _logo() -> Path:
    return source(brand.logo())


@lru_cache(maxsize=2 * len(ICONS))
def _png(logo: Path, _version: float, size: int, share: float | None) -> bytes:
    picture, file = _drawn(logo, size) if share is None else _on_ground(logo, size, share), BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _drawn(logo: Path, size: int) -> Image.Image:
    """The logo, as large as it goes, in the middle of a clear square."""
    # An SVG is drawn larger than needed and made smaller: whichever side of it is the longer one.
    svg = logo.suffix == ".svg"
    file = BytesIO(resvg_py.svg_to_bytes(svg_path=str(logo), width=2 * size)) if svg else logo
    picture = Image.open(file).convert("RGBA")
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    square = Image.new("RGBA", (size, size))
    square.alpha_composite(
        picture.resize((width, height), Image.Resampling.LANCZOS), ((size - width) // 2, (size - height) // 2)
    )
    return square


def _on_ground(logo: Path, size: int, share: float) -> Image.Image:
    """A logo of clear edges stands on white; one that is a tile itself has room in it, and its ground goes on."""
    edge = _drawn(logo, size).getpixel((size // 2, 1))
    tile = isinstance(edge, tuple) and edge[3] > 250
    drawn = _drawn(logo, round(size * share * (1.25 if tile else 1)))
    ground = Image.new("RGBA", (size, size), edge if tile else "#ffffff")
    corner = (size - drawn.width) // 2
    ground.alpha_composite(drawn, (corner, corner))
    return ground.convert("RGB")
