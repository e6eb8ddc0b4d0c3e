"""Image sizes: the browser loads no larger copy than it shows, and the layout does not shift."""

from __future__ import annotations

from dataclasses import asdict
from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from playwright.sync_api import Page

from apps.ecommerce.catalogue.images import copy_image
from apps.ecommerce.models import Product
from tests.e2e.screens import on_phone

PHOTO = (1600, 1200)
IMAGES = {
    "/": ".hero__art, .card img",
    "/store/": ".card img",
    "/store/tiny-tools/": ".gallery img, .card img",
}
# For an image chosen by width, naturalWidth is the width that `sizes` promised.
READ_WIDTHS = """pictures => Promise.all(pictures.filter(it => it.checkVisibility()).map(async it => {
    it.loading = "eager";
    await it.decode();
    const chosen = it.currentSrc.match(/-(\\d+)\\.webp$/)[1];
    return {chosen, promised: it.naturalWidth, shown: it.clientWidth};
}))"""
WATCH_LAYOUT_SHIFTS = """window.moved = 0;
new PerformanceObserver(list => { for (const entry of list.getEntries()) window.moved += entry.value })
    .observe({type: "layout-shift", buffered: true});"""


@pytest.fixture
def photos(base_url: str) -> None:
    """Add to each demo product a photo instead of drawn art."""
    file = BytesIO()
    Image.linear_gradient("L").resize(PHOTO).save(file, "PNG")
    url = base_url + default_storage.url(default_storage.save("photo.png", ContentFile(file.getvalue())))
    picture = copy_image(url)
    assert picture
    for product in Product.objects.all():
        product.images, product.copies = [url], {url: asdict(picture)}
        product.save()


def read_widths(page: Page, path: str) -> list[dict[str, Any]]:
    page.goto(path)
    found: list[dict[str, Any]] = page.locator(IMAGES[path]).evaluate_all(READ_WIDTHS)
    return found


@on_phone
def test_phone_loads_small_copies_without_layout_shift(page: Page, photos: None) -> None:
    page.add_init_script(WATCH_LAYOUT_SHIFTS)
    for path, largest in {"/store/": 384, "/store/tiny-tools/": 768}.items():
        assert max(int(picture["chosen"]) for picture in read_widths(page, path)) == largest, path
        assert page.evaluate("window.moved") == 0, path


def test_sizes_attributes_match_the_stylesheet(page: Page, photos: None) -> None:
    for width in (390, 800, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 1000})
        for path in IMAGES:
            for picture in read_widths(page, path):
                assert abs(picture["promised"] - picture["shown"]) <= 0.06 * picture["shown"], (
                    width,
                    path,
                    picture,
                )
