"""A product's picture as our pages show it: copies of one image in several widths, made once (images.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils.text import slugify

from apps.web import artwork


@dataclass(frozen=True, slots=True)
class Picture:
    """`width` and `height` (pixels) are those of the largest file.

    `address` is the address of the only file there is; or, with `widths`, what the names of the copies in the
    default storage begin with: "products/3f…" for "products/3f…-640.webp".
    """

    address: str
    width: int
    height: int
    widths: list[int] = field(default_factory=list)

    @property
    def src(self) -> str:
        """The address of the largest."""
        return _address(self.files[-1]) if self.widths else self.address

    @property
    def srcset(self) -> str:
        """ "/media/products/3f…-160.webp 160w, …", or "" if there is no choice."""
        copies = zip(self.files, self.widths, strict=True)
        return ", ".join(f"{_address(name)} {width}w" for name, width in copies)

    @property
    def files(self) -> list[str]:
        """Names in the default storage, the smallest first."""
        return [f"{self.address}-{width}.webp" for width in self.widths]


@lru_cache(maxsize=10_000)
def drawn_for(seed: str) -> Picture:
    """What a product shows that has no picture of its own."""
    return Picture(reverse("art", args=[slugify(seed) or "art"]), artwork.WIDTH, artwork.HEIGHT)


def _address(name: str) -> str:
    return str(default_storage.url(name))
