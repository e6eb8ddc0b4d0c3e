from dataclasses import dataclass, field
from functools import lru_cache

from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils.text import slugify

from apps.ecommerce import artwork


@dataclass(frozen=True, slots=True)
class Picture:
    """One file, or copies of an image in several widths (catalogue/images.py).

    `address` is the URL of the only file. With `widths` it is the start of the copies' names in the default storage:
    "products/3f…" for "products/3f…-640.webp". `width` and `height` are the pixels of the largest file.
    """

    address: str
    width: int
    height: int
    widths: list[int] = field(default_factory=list)
    alt: str = ""  # the founder's text for people who don't see the image

    @property
    def src(self) -> str:
        return default_storage.url(self.files[-1]) if self.widths else self.address

    def url(self, width: int) -> str:
        """Return the URL of the copy in this one of `widths`."""
        return default_storage.url(f"{self.address}-{width}.webp")

    @property
    def srcset(self) -> str:
        copies = zip(self.files, self.widths, strict=True)
        return ", ".join(f"{default_storage.url(name)} {width}w" for name, width in copies)

    @property
    def files(self) -> list[str]:
        return [f"{self.address}-{width}.webp" for width in self.widths]


@lru_cache(maxsize=10_000)
def generated_picture(seed: str) -> Picture:
    return Picture(reverse("art", args=[slugify(seed) or "art"]), artwork.WIDTH, artwork.HEIGHT)
