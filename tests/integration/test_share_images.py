"""The picture that a link carries: drawn at sync, once, again when it would be another, and never in a sale's way."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from PIL import Image

from apps.ecommerce import housekeeping, images, share_images
from apps.ecommerce.catalogue import sync_catalogue, sync_product
from apps.ecommerce.models import Product, ProductConfiguration
from apps.web import lettering, share_image
from tests.factories import add_price, bought, stock

pytestmark = pytest.mark.django_db

LONG_NAME = "The unabridged and thoroughly illustrated handbook of patient, quiet and honest toolmaking"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@pytest.fixture(autouse=True)
def drawn(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Share images are drawn, into a storage of their own; gives the names that were drawn, in order."""
    settings.SHARE_IMAGES, settings.MEDIA_ROOT = True, tmp_path
    names: list[str] = []
    draw = share_image.draw

    def noted(art: Image.Image, name: str, price: str = "") -> bytes:
        names.append(f"{name}, {price}")
        return draw(art, name, price)

    monkeypatch.setattr(share_image, "draw", noted)
    return names


def picture(client: Client, address: str) -> Image.Image:
    """What the page's og:image is."""
    page = client.get(address).content.decode()
    source = page.partition('<meta property="og:image" content="')[2].partition('"')[0]
    assert source.startswith("http://127.0.0.1:8000/")
    response = client.get(source.removeprefix("http://127.0.0.1:8000"))
    assert response["Content-Type"] == "image/jpeg"
    assert "immutable" in response["Cache-Control"]
    return Image.open(BytesIO(b"".join(response)))


def test_bootstrap_draws_each_once(sandbox: Any, settings: Any, client: Client, drawn: list[str]) -> None:
    for name, amount in (("Icon set", 1900), ("Font", 2900)):
        product = sandbox.client.v1.products.create({"name": name})
        add_price(sandbox.client, product.id, amount)
    call_command("bootstrap_ecommerce", verbosity=0)
    assert sorted(drawn) == ["Font, $29", "Icon set, $19"]
    call_command("bootstrap_ecommerce", verbosity=0)
    assert len(drawn) == 2
    pictures = [picture(client, f"/store/{slug}/") for slug in ("icon-set", "font")]
    for one in pictures:
        assert (one.size, one.format) == ((1200, 630), "JPEG")
    assert len({one.tobytes() for one in pictures}) == 2


def test_it_is_drawn_again_for_another_name_picture_price_or_brand(
    sandbox: Any, settings: Any, drawn: list[str]
) -> None:
    icons = stock(sandbox.client, "Icon set", 1900)
    names = {row_of(icons).share_image}

    def again(what: str) -> None:
        sync_product(icons.product_id)
        assert drawn[-1] == what
        names.add(row_of(icons).share_image)
        assert len(names) == len(drawn)  # each under a name of its own
        sync_product(icons.product_id)
        assert len(names) == len(drawn)

    sandbox.client.v1.products.update(icons.product_id, {"name": "Icons"})
    again("Icons, $19")
    add_price(sandbox.client, icons.product_id, 700, interval="month")
    again("Icons, From $7 / month")
    art = "http://127.0.0.1:8000/static/stripe_sandbox/art/tiny-tools.svg"
    sandbox.client.v1.products.update(icons.product_id, {"images": [art]})
    again("Icons, From $7 / month")
    settings.SITE_NAME = "Atelier"
    again("Icons, From $7 / month")
    sandbox.client.v1.products.update(icons.product_id, {"description": "Words that are not in the picture."})
    sync_product(icons.product_id)
    assert len(drawn) == 5


def test_a_founders_photo_fills_its_side(sandbox: Any, client: Client) -> None:
    file = BytesIO()
    Image.new("RGBA", (900, 600), (20, 60, 210, 255)).save(file, "PNG")
    photo = asdict(images._stored(images._decoded(file.getvalue()), file.getvalue()))
    icons, url = stock(sandbox.client), "https://example.com/a.png"
    Product.objects.update(copies={url: photo})  # so that nobody is asked for it
    sandbox.client.v1.products.update(icons.product_id, {"images": [url]})
    sync_product(icons.product_id)
    drawn = picture(client, "/store/icon-set/").convert("RGB")
    for place in ((650, 10), (1190, 10), (920, 315), (650, 620), (1190, 620)):
        red, green, blue = drawn.getpixel(place)  # type: ignore[misc]
        assert (abs(red - 20) < 12, abs(green - 60) < 12, abs(blue - 210) < 12) == (True, True, True)


def row_of(configuration: ProductConfiguration) -> ProductConfiguration:
    return ProductConfiguration.objects.get(pk=configuration.pk)


@pytest.mark.parametrize("broken", ["the pencil", "the storage", "the brand"])
def test_what_can_t_be_drawn_stops_neither_sync_nor_sale(
    sandbox: Any, as_ada: Client, client: Client, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(broken)

    with monkeypatch.context() as patch:
        if broken == "the pencil":
            patch.setattr(share_images, "_art", fails)
        elif broken == "the storage":
            patch.setattr(type(storages["default"]), "_save", fails)
        else:
            patch.setattr(share_images.share_image, "digest", fails)
        icons = stock(sandbox.client, "Icon set", 1900)
        other = stock(sandbox.client, "Font", 2900)
        assert Product.objects.filter(active=True).count() == 2
        if broken != "the brand":
            assert picture(client, "/store/icon-set/").size == (1200, 630)  # the shop's own
        assert bought(as_ada, icons).status == "paid"
    assert row_of(icons).share_image == row_of(other).share_image == ""
    sync_catalogue()
    assert row_of(icons).share_image != row_of(other).share_image != ""


def test_one_that_can_t_be_drawn_leaves_the_others_theirs(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Product.picture

    def broken(row: Product) -> Any:
        if row.name == "Broken":
            raise RuntimeError("whatever")
        return picture.fget(row)  # type: ignore[attr-defined]

    monkeypatch.setattr(Product, "picture", property(broken))
    first, middle, last = (stock(sandbox.client, name) for name in ("First", "Broken", "Last"))
    assert all(row_of(drawn).share_image for drawn in (first, last))
    assert not row_of(middle).share_image


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u200b",
        "...",
        "🏴‍☠️",
        "\u202egnp.exe",
        "a\u0301" * 200,
        "图形 A",
        "%s {} \\",
        "\x1b[2J",
        "־ ־",
        "ﷺ",
    ],
)
def test_any_name_can_be_drawn(name: str) -> None:
    art = Image.new("RGB", (800, 600), "#ff0000")
    assert Image.open(BytesIO(share_image.draw(art, name, "$19"))).size == (1200, 630)


def test_the_shop_may_do_without(sandbox: Any, settings: Any, client: Client, drawn: list[str]) -> None:
    settings.SHARE_IMAGES = False
    stock(sandbox.client)
    assert drawn == []
    assert picture(client, "/store/icon-set/").tobytes() == picture(client, "/").tobytes()


def test_the_shops_own_picture_wears_the_brand(client: Client, settings: Any) -> None:
    before = picture(client, "/")
    assert before.size == (1200, 630)
    settings.SITE_TAGLINE = "Something else altogether."
    assert picture(client, "/").tobytes() != before.tobytes()
    old = client.get("/share/old.jpg")
    assert (old.status_code, old["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "name", [LONG_NAME, LONG_WORD, "Pi", "Übergröße: Čapek’s œuvre & Łódź", "Тихие часы", "W" * 500]
)
def test_words_of_any_length_stay_in_their_column(name: str) -> None:
    art = Image.new("RGB", (800, 600), "#ff0000")
    drawn = Image.open(BytesIO(share_image.draw(art, name, "¥1,000,000"))).convert("RGB")
    column, margin = drawn.crop((0, 0, 56, 630)), drawn.crop((608, 0, 632, 630))
    for clear in (column, margin):
        assert all(low > 230 for low, _high in clear.getextrema())
    ink = sum(drawn.crop((64, 150, 600, 560)).convert("L").histogram()[:80])
    assert ink > 500
    size, lines = lettering.fitted(name, share_image.NAME_SIZES, share_image.COLUMN, 360)
    assert all(lettering.font(size).getlength(line) <= share_image.COLUMN for line in lines)
    assert len(lines) * size * lettering.LEADING <= 360
    if name != "W" * 500:
        assert "".join(lines).replace(" ", "") == name.replace(" ", "")


def test_what_the_font_can_t_write_is_left_out() -> None:
    assert lettering.readable("🎨 Tiny  Tools™ ✓") == "Tiny Tools™"
    assert lettering.readable("図形 set") == lettering.readable("שלום") == ""
    assert (
        lettering.readable("¥500 €9 £9 ₹9 ₩9 ₽9 zł Kč Ångström ỹ") == "¥500 €9 £9 ₹9 ₩9 ₽9 zł Kč Ångström ỹ"
    )
    art = Image.new("RGB", (800, 600), "#ff0000")
    whole = Image.open(BytesIO(share_image.draw(art, "図形の本", "¥500"))).convert("RGB")
    assert all(high - low < 8 for low, high in whole.getextrema())  # art alone, from edge to edge


def test_pictures_out_of_use_go_after_a_month(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    icons = stock(sandbox.client)
    first = row_of(icons).share_image
    sandbox.client.v1.products.update(icons.product_id, {"name": "Icons"})
    sync_catalogue()
    default_storage.save("products/old-640.webp", ContentFile(b"picture"))
    copies = {"https://x": {"address": "products/new", "width": 640, "height": 480, "widths": [320, 640]}}
    Product.objects.update(images=["https://x"], copies=copies)
    default_storage.save("products/new-640.webp", ContentFile(b"picture"))
    assert prune() == "0 unused pictures deleted"

    later = timezone.now() + timedelta(days=housekeeping.PICTURE_DAYS + 1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert prune("--dry-run") == "2 unused pictures would be deleted"
    assert prune() == "2 unused pictures deleted"
    assert not default_storage.exists(first)
    assert default_storage.exists(row_of(icons).share_image)
    assert default_storage.listdir("products")[1] == ["new-640.webp"]


def prune(*options: str) -> str:
    out = StringIO()
    call_command("prune", *options, stdout=out)
    return out.getvalue().splitlines()[-1]
