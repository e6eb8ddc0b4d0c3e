"""A share image for each product on sale: drawn at sync, again when name, picture, price or brand are others."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from hashlib import sha256

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils.translation import override
from PIL import Image

from apps.core import page_cache
from apps.web import artwork, share_image
from apps.web.stylesheet import source

from .models import ProductConfiguration
from .money import product_label
from .pictures import Picture, seed_of

logger = logging.getLogger(__name__)


def draw_share_images(places: Iterable[ProductConfiguration] | None = None) -> int:
    """Draws what is missing or out of date, for these (read with_catalogue) or for all. Gives how many.

    Never raises: a product is sold without one, links show the shop's own picture, and the next sync tries again.
    """
    if not settings.SHARE_IMAGES:
        return 0
    try:
        due = _due(_all() if places is None else places)
    except Exception:
        logger.exception("No share image can be drawn")
        return 0
    drawn = sum(_drawn(key, name) for key, name in due.items())
    if drawn:
        page_cache.invalidate()
    return drawn


def share_image_url(configuration: ProductConfiguration) -> str:
    """Where the product's is, or the shop's own."""
    if configuration.share_image:
        return str(default_storage.url(configuration.share_image))
    return reverse("share_image", args=[share_image.digest()])


def _all() -> Iterable[ProductConfiguration]:
    return ProductConfiguration.objects.on_sale().with_catalogue().iterator(chunk_size=500)


def _due(places: Iterable[ProductConfiguration]) -> dict[int, str]:
    """Key of a configuration ▶ the name that its image has to have. Holds no more of the catalogue than that."""
    brand = share_image.digest()
    with override(settings.LANGUAGE_CODE):
        names = ((row, _name(row, brand)) for row in places if row.is_on_sale)
        return {row.pk: name for row, name in names if name and row.share_image != name}


def _drawn(key: int, name: str) -> bool:
    try:
        if not default_storage.exists(name):
            row = ProductConfiguration.objects.with_catalogue().get(pk=key)
            with override(settings.LANGUAGE_CODE):
                image = share_image.draw(_art(row.product.picture), row.product.name, _price(row))
            default_storage.save(name, ContentFile(image))
        ProductConfiguration.objects.filter(pk=key).update(share_image=name)
    except Exception:
        logger.exception("The share image of product configuration %s could not be drawn", key)
        return False
    return True


def _name(row: ProductConfiguration, brand: str) -> str:
    """Return the name of the product's image, or "" if it can't be drawn."""
    try:
        shown = repr((brand, row.product.name, row.product.picture.address, _price(row)))
    except Exception:
        logger.exception("No share image can be drawn of product configuration %s", row.pk)
        return ""
    return f"share/{sha256(shown.encode()).hexdigest()[:32]}.jpg"


def _price(row: ProductConfiguration) -> str:
    return product_label(row.prices) if row.prices else ""


def _art(picture: Picture) -> Image.Image:
    if picture.widths:
        with default_storage.open(picture.files[-1]) as file:
            return Image.open(file).convert("RGBA")
    if not picture.address.startswith(settings.STATIC_URL):
        return share_image.rasterised(artwork.draw(seed_of(picture)))
    path = source(picture.address.removeprefix(settings.STATIC_URL))
    return share_image.rasterised(path.read_text()) if path.suffix == ".svg" else Image.open(path)
