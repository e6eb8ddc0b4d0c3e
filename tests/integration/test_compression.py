"""Pages travel compressed; what is compressed already, or too small, travels as it is."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from tests.factories import bought
from tests.integration.test_gate import body_of

pytestmark = pytest.mark.django_db

ZIPPED = {"accept-encoding": "gzip, deflate, br"}


def test_a_personal_page_is_the_same_but_shorter(as_ada: Client, icons: ProductConfiguration) -> None:
    order = bought(as_ada, icons).get_absolute_url()
    plain = as_ada.get(order)
    short = as_ada.get(order, headers=ZIPPED)
    assert short["Content-Encoding"] == "gzip"
    assert int(short["Content-Length"]) == len(short.content) < len(plain.content) / 2
    assert len(gzip.decompress(short.content)) == len(plain.content)
    assert b"Icon set" in gzip.decompress(short.content)
    for response in (plain, short):
        assert "Accept-Encoding" in response["Vary"]
    assert "Content-Encoding" not in plain
    assert "Content-Encoding" not in as_ada.get(order, headers={"accept-encoding": "br"})


def test_its_length_tells_nothing_of_a_secret_in_it(as_ada: Client, icons: ProductConfiguration) -> None:
    order = bought(as_ada, icons).get_absolute_url()
    lengths = {len(as_ada.get(order, headers=ZIPPED).content) for _ in range(20)}
    assert len(lengths) > 8


def test_downloads_pictures_and_small_answers_are_left_alone(
    as_ada: Client, client: Client, icons: ProductConfiguration
) -> None:
    bought(as_ada, icons)
    icons.download.save("icons.zip", ContentFile(b"P" * 5000))
    download = as_ada.get("/purchases/icon-set/download/", headers=ZIPPED)
    assert body_of(download) == b"P" * 5000
    assert "Content-Encoding" not in download
    for browser, path in (
        (client, "/art/anything.svg"),
        (client, "/healthz"),
        (client, "/robots.txt"),
    ):
        response = browser.get(path, headers=ZIPPED)
        assert response.status_code == 200
        assert "Content-Encoding" not in response


def test_a_kept_page_is_not_compressed_twice(
    client: Client, icons: ProductConfiguration, kept_pages: Any, settings: Any
) -> None:
    settings.DEBUG = False
    for _again in range(2):
        response = client.get("/store/", headers=ZIPPED)
        assert response["Content-Encoding"] == "gzip"
        assert b"Icon set" in gzip.decompress(response.content)
