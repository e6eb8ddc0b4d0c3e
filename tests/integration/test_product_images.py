"""Product pictures come from this site, whatever Stripe's addresses say."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from apps.ecommerce.catalogue import sync_catalogue
from apps.ecommerce.models import Product

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n and the rest"


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Where Stripe would keep the pictures."""

    asked: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, tuple[int, str, bytes]]] = {
        "/a.png": (200, "image/png", PNG),
        "/b.png": (200, "image/png", PNG + b"2"),
        "/page.html": (200, "text/html", b"<script>"),
        "/evil.svg": (200, "image/svg+xml", b"<svg><script/></svg>"),
        "/huge.png": (200, "image/png", b"x" * 5_000_001),
    }

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, kind, body = self.answers.get(self.path, (404, "text/plain", b"no"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    Elsewhere.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def with_image(sandbox: Any, *urls: str) -> Product:
    sandbox.client.v1.products.create({"name": "Pictured", "images": list(urls)})
    sync_catalogue()
    return Product.objects.get()


def test_a_picture_is_fetched_once_and_served_by_us(sandbox: Any, elsewhere: str, client: Client) -> None:
    product = with_image(sandbox, f"{elsewhere}/a.png")
    assert product.image.startswith("/media/products/")
    with default_storage.open(product.image.removeprefix("/media/")) as copy:
        assert copy.read() == PNG
    sync_catalogue()
    assert Elsewhere.asked == ["/a.png"]
    sandbox.client.v1.products.update(product.id, {"images": [f"{elsewhere}/b.png"]})
    sync_catalogue()
    assert Product.objects.get().image != product.image
    page = client.get("/store/").content.decode()
    assert elsewhere not in page


def test_all_pictures_are_shown_in_stripes_order(sandbox: Any, elsewhere: str, client: Client) -> None:
    product = with_image(sandbox, f"{elsewhere}/missing.png", f"{elsewhere}/b.png", f"{elsewhere}/a.png")
    second, third = product.pictures
    assert product.image == second
    page = client.get("/store/pictured/").content.decode()
    assert page.index(second) < page.index(third)
    assert elsewhere not in page
    Elsewhere.asked.clear()
    sandbox.client.v1.products.update(
        product.id, {"images": [f"{elsewhere}/a.png", f"{elsewhere}/b.png"], "name": "Turned round"}
    )
    sync_catalogue()
    assert Product.objects.get().pictures == [third, second]
    assert Elsewhere.asked == []


@pytest.mark.parametrize("path", ["/page.html", "/evil.svg", "/huge.png", "/missing.png"])
def test_what_is_no_picture_is_replaced_by_drawn_art(
    sandbox: Any, elsewhere: str, client: Client, path: str
) -> None:
    product = with_image(sandbox, elsewhere + path)
    assert product.image == ""
    page = client.get("/store/").content.decode()
    assert "/art/" in page
    assert elsewhere not in page


def test_our_own_static_files_stay_where_they_are(sandbox: Any) -> None:
    url = "http://127.0.0.1:9999/static/stripe_sandbox/art/course.svg"  # the port of another day
    assert with_image(sandbox, url).image == "/static/stripe_sandbox/art/course.svg"
