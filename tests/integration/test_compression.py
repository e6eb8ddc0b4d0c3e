"""Pages are compressed; small responses and compressed files are not."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from tests.factories import add_file, buy
from tests.integration.test_gate import body_of

pytestmark = pytest.mark.django_db

ACCEPTS_GZIP = {"accept-encoding": "gzip, deflate, br"}


def test_page_of_a_user_is_compressed(as_ada: Client, icons: ProductConfiguration) -> None:
    order = buy(as_ada, icons).get_absolute_url()
    plain = as_ada.get(order)
    compressed = as_ada.get(order, headers=ACCEPTS_GZIP)
    assert compressed["Content-Encoding"] == "gzip"
    assert int(compressed["Content-Length"]) == len(compressed.content) < len(plain.content) / 2
    assert len(gzip.decompress(compressed.content)) == len(plain.content)
    assert b"Icon set" in gzip.decompress(compressed.content)
    for response in (plain, compressed):
        assert "Accept-Encoding" in response["Vary"]
    assert "Content-Encoding" not in plain
    assert "Content-Encoding" not in as_ada.get(order, headers={"accept-encoding": "br"})


def test_compressed_length_of_a_page_varies(as_ada: Client, icons: ProductConfiguration) -> None:
    order = buy(as_ada, icons).get_absolute_url()
    lengths = {len(as_ada.get(order, headers=ACCEPTS_GZIP).content) for _ in range(20)}
    assert len(lengths) > 8


def test_downloads_images_and_small_responses_are_not_compressed(
    as_ada: Client, client: Client, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)
    add_file(icons, data=b"P" * 5000)
    download = as_ada.get("/purchases/icon-set/download/", headers=ACCEPTS_GZIP)
    assert body_of(download) == b"P" * 5000
    assert "Content-Encoding" not in download
    for browser, path in (
        (client, "/art/anything.svg"),
        (client, "/healthz"),
        (client, "/robots.txt"),
    ):
        response = browser.get(path, headers=ACCEPTS_GZIP)
        assert response.status_code == 200
        assert "Content-Encoding" not in response


def test_cached_page_is_compressed_once(
    client: Client, icons: ProductConfiguration, cached_pages: Any, settings: Any
) -> None:
    settings.DEBUG = False
    for _again in range(2):
        response = client.get("/store/", headers=ACCEPTS_GZIP)
        assert response["Content-Encoding"] == "gzip"
        assert b"Icon set" in gzip.decompress(response.content)
