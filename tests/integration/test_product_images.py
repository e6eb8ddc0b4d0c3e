"""Product images are fetched from Stripe's URLs once, resized and served from this site."""

from __future__ import annotations

import http.server
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, ClassVar

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image, ImageCms

from apps.ecommerce.catalogue import images
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Product
from apps.ecommerce.models.pictures import Picture
from tests.factories import create_product

pytestmark = pytest.mark.django_db

RED, BLUE = (200, 30, 40), (20, 60, 210)


def encoded(kind: str, size: tuple[int, int], colour: Any = RED, mode: str = "RGB", **how: Any) -> bytes:
    file = BytesIO()
    Image.new(mode, size, colour).save(file, kind, **how)
    return file.getvalue()


def photo() -> bytes:
    """Return a 400 × 1600 JPEG with an EXIF rotation; its top is blue when shown upright."""
    picture = Image.new("RGB", (1600, 400), RED)
    picture.paste(BLUE, (0, 0, 200, 400))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera, with the address of its owner"
    file = BytesIO()
    picture.save(
        file,
        "JPEG",
        exif=exif,
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )
    return file.getvalue()


def animated_gif() -> bytes:
    file = BytesIO()
    frames = [Image.new("P", (300, 200), index) for index in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, *RED, *BLUE])
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return the header of a PNG that claims this many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


class ImageServer(http.server.BaseHTTPRequestHandler):
    """The server of the URLs in `product.images`."""

    requests: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, tuple[int, str, bytes]]] = {
        "/a.png": (200, "image/png", encoded("PNG", (1000, 750))),
        "/b.png": (200, "image/png", encoded("PNG", (2000, 1000), BLUE)),
        "/small.webp": (200, "image/webp", encoded("WEBP", (100, 50))),
        "/clear.png": (200, "image/png", encoded("PNG", (200, 200), (*BLUE, 0), "RGBA")),
        "/print.jpg": (200, "image/jpeg", encoded("JPEG", (200, 200), (0, 255, 255, 0), "CMYK")),
        "/photo.jpg": (200, "application/octet-stream", photo()),
        "/moving.gif": (200, "image/gif", animated_gif()),
        "/page.html": (200, "text/html", b"<script>"),
        "/evil.svg": (200, "image/svg+xml", b"<svg><script/></svg>"),
        "/huge.png": (200, "image/png", b"x" * 5_000_001),
        "/torn.png": (200, "image/png", encoded("PNG", (1000, 750))[:200]),
        "/bomb.png": (200, "image/png", bomb(8000, 8000)),
        "/larger-bomb.png": (200, "image/png", bomb(60_000, 60_000)),
        "/tower.png": (200, "image/png", encoded("PNG", (1, 20_000))),
    }

    def do_GET(self) -> None:
        self.requests.append(self.path)
        status, kind, body = self.answers.get(self.path, (404, "text/plain", b"no"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def image_server() -> Iterator[str]:
    ImageServer.requests.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ImageServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def with_image(sandbox: Any, *urls: str) -> Product:
    sandbox.client.v1.products.create(
        {
            "name": "Pictured",
            "images": list(urls),
            "default_price_data": {"currency": "usd", "unit_amount": 900},
        }
    )
    sync_catalogue()
    return Product.objects.get()


def files(picture: Picture) -> list[Image.Image]:
    """Return the stored files as the site serves them."""
    found = []
    for url in [part.split()[0] for part in picture.srcset.split(", ")]:
        response = Client().get(url)
        assert response["Content-Type"] == "image/webp"
        found.append(Image.open(BytesIO(response.getvalue())))
    return found


def test_image_is_fetched_and_resized_once(
    sandbox: Any, image_server: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = with_image(sandbox, f"{image_server}/a.png")
    assert product.picture.src.startswith("/media/products/")
    with monkeypatch.context() as idle:
        idle.setattr(Image, "open", None)
        sync_catalogue()
    assert ImageServer.requests == ["/a.png"]
    sandbox.client.v1.products.update(product.id, {"images": [f"{image_server}/b.png"]})
    sync_catalogue()
    assert Product.objects.get().picture.src != product.picture.src
    page = client.get("/store/").content.decode()
    assert image_server not in page


def test_copies_have_the_widths_in_use_and_are_never_enlarged(sandbox: Any, image_server: str) -> None:
    for name, sizes in {
        "a.png": [(160, 120), (384, 288), (576, 432), (768, 576), (1000, 750)],
        "b.png": [(160, 80), (384, 192), (576, 288), (768, 384), (1152, 576), (1440, 720)],
        "small.webp": [(100, 50)],
    }.items():
        picture = images.copy_image(f"{image_server}/{name}")
        assert picture is not None
        assert [file.size for file in files(picture)] == sizes
        assert (picture.width, picture.height) == sizes[-1]


def test_photo_is_upright_and_without_metadata(sandbox: Any, image_server: str) -> None:
    picture = images.copy_image(f"{image_server}/photo.jpg")
    assert picture is not None
    assert (picture.width, picture.height) == (400, 1600)
    for file in files(picture):
        assert not {"exif", "icc_profile", "xmp"} & set(file.info)
        assert close_to(file.getpixel((file.width // 2, 4)), BLUE)
        assert close_to(file.getpixel((file.width // 2, file.height - 4)), RED)


def test_each_image_mode_keeps_its_colours(sandbox: Any, image_server: str) -> None:
    found = {}
    for name in ("clear.png", "print.jpg", "moving.gif"):
        picture = images.copy_image(f"{image_server}/{name}")
        assert picture is not None
        found[name] = files(picture)[-1]
    assert found["clear.png"].convert("RGBA").getpixel((50, 50))[3] == 0  # type: ignore[index]
    assert close_to(found["print.jpg"].getpixel((50, 50)), (255, 0, 0))
    assert close_to(found["moving.gif"].convert("RGB").getpixel((50, 50)), RED)
    assert getattr(found["moving.gif"], "n_frames", 1) == 1


def close_to(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(part - wanted) < 12 for part, wanted in zip(pixel, colour, strict=False))


def test_images_are_shown_in_stripes_order(sandbox: Any, image_server: str, client: Client) -> None:
    product = with_image(
        sandbox, f"{image_server}/missing.png", f"{image_server}/b.png", f"{image_server}/a.png"
    )
    second, third = product.pictures
    assert product.picture == second
    page = client.get("/store/pictured/").content.decode()
    assert page.index(second.src) < page.index(third.src)
    assert image_server not in page
    ImageServer.requests.clear()
    sandbox.client.v1.products.update(
        product.id, {"images": [f"{image_server}/a.png", f"{image_server}/b.png"], "name": "Turned round"}
    )
    sync_catalogue()
    assert Product.objects.get().pictures == [third, second]
    assert ImageServer.requests == []


def test_srcset_lists_each_copy_with_its_true_width(sandbox: Any, image_server: str, client: Client) -> None:
    picture = with_image(sandbox, f"{image_server}/a.png", f"{image_server}/b.png").picture
    (card,) = re.findall(r"<img[^>]*>", client.get("/store/").content.decode())
    first, second, *thumbs = re.findall(r"<img[^>]*>", client.get("/store/pictured/").content.decode())
    for element in (card, first):
        assert f'srcset="{picture.srcset}" sizes="' in element
        assert f'src="{picture.src}"' in element
        assert 'width="1000" height="750"' in element
        assert 'fetchpriority="high"' in element
        assert "lazy" not in element
    assert 'width="1440" height="720"' in second
    for element in (second, *thumbs):
        assert 'loading="lazy"' in element
        assert "fetchpriority" not in element


@pytest.mark.parametrize(
    "path",
    [
        "/page.html",
        "/evil.svg",
        "/huge.png",
        "/missing.png",
        "/torn.png",
        "/bomb.png",
        "/larger-bomb.png",
        "/tower.png",
    ],
)
def test_invalid_image_is_replaced_by_drawn_art(
    sandbox: Any, image_server: str, client: Client, path: str
) -> None:
    product = with_image(sandbox, image_server + path)
    assert product.pictures == []
    page = client.get("/store/").content.decode()
    assert 'src="/art/' in page
    assert image_server not in page


def test_static_files_are_not_copied(sandbox: Any) -> None:
    url = "http://127.0.0.1:9999/static/stripe_sandbox/art/workshop.svg"  # the development server had another port
    picture = with_image(sandbox, url).picture
    assert picture == Picture("/static/stripe_sandbox/art/workshop.svg", 1200, 900, [])
    assert default_storage.exists("products/workshop.svg") is False
    for odd in ("none.svg", "../../etc/passwd", "stripe_sandbox/checkout.js"):
        found = images.copy_image(f"http://127.0.0.1:9999/static/{odd}")
        assert (found and (found.width, found.height)) == images.STATIC_SIZE


def test_shared_link_shows_the_photo_or_the_shops_image(
    sandbox: Any, image_server: str, client: Client
) -> None:
    photographed = with_image(sandbox, f"{image_server}/a.png")
    drawn = create_product(sandbox.client, "Font").product
    for product, image in ((photographed, photographed.picture.src), (drawn, "/static/brand/og.png")):
        page = client.get(product.configuration.get_absolute_url()).content.decode()
        assert f'<meta property="og:image" content="http://127.0.0.1:8000{image}">' in page
    with Image.open("static/brand/og.png") as picture:
        assert picture.size == (1200, 630)
