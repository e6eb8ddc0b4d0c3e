"""STORAGE_URL stores images and downloads in a private bucket; the test server checks signatures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.test import Client

from apps.ecommerce.content.files import measure_versions
from apps.ecommerce.models import FileVersion, Lesson, ProductConfiguration, Section
from apps.ecommerce.purchases.downloads import LINK_SECONDS
from tests.factories import add_file, add_version, buy
from tests.s3_server import KEY, SECRET, s3_server
from tests.unit.env_settings import load_settings

ZIP = b"PK" + bytes(range(256)) * 40


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Use a bucket, as STORAGE_URL=s3://shop?endpoint_url=… does."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with s3_server() as server:
        options = {"bucket_name": "shop", "endpoint_url": server.address, "region_name": "eu-central-1"}
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {
                "BACKEND": "apps.core.storages.MediaBucket",
                "OPTIONS": {**options, "location": "media"},
            },
            "private": {
                "BACKEND": "apps.core.storages.PrivateBucket",
                "OPTIONS": {**options, "location": "private"},
            },
        }
        # the storage was chosen when the site started
        for model, name in ((FileVersion, "upload"), (Lesson, "video_file")):
            field: Any = model._meta.get_field(name)
            monkeypatch.setattr(field, "storage", storages["private"])
        yield server


@pytest.fixture
def download(bucket: Any, icons: ProductConfiguration) -> ProductConfiguration:
    add_file(icons, "icons & more.zip", ZIP)
    return icons


def test_download_redirects_the_owner_to_a_link_valid_for_a_minute(
    as_ada: Client, download: ProductConfiguration, bucket: Any
) -> None:
    buy(as_ada, download)
    response = as_ada.get("/purchases/icon-set/download/")
    assert response.status_code == 302
    link = response["Location"]
    assert link.startswith(f"{bucket.address}/shop/private/downloads/")
    assert "no-store" in response["Cache-Control"]
    download_response = requests.get(link, timeout=10)
    assert download_response.content == ZIP
    assert 'attachment; filename="icons_' in download_response.headers["Content-Disposition"]
    part = requests.get(link, headers={"Range": "bytes=10-19"}, timeout=10)
    assert (part.status_code, part.content) == (206, ZIP[10:20])
    bucket.clock = timedelta(seconds=LINK_SECONDS + 1)
    assert requests.get(link, timeout=10).status_code == 403


def test_signed_link_opens_no_other_file(as_ada: Client, download: ProductConfiguration, bucket: Any) -> None:
    buy(as_ada, download)
    bucket.files["/shop/private/downloads/other.zip"] = (b"another product", "")
    link = as_ada.get("/purchases/icon-set/download/")["Location"]
    path = urlsplit(link).path
    assert (
        requests.get(link.replace(path, "/shop/private/downloads/other.zip"), timeout=10).status_code == 403
    )
    assert requests.get(f"{bucket.address}{path}", timeout=10).status_code == 403
    assert requests.get(link.replace("Expires=60", "Expires=6000"), timeout=10).status_code == 403


def test_video_redirects_to_the_bucket_which_the_page_allows(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, bucket: Any
) -> None:
    section = Section.objects.create(configuration=icons, title="Basics")
    lesson = Lesson.objects.create(section=section, title="Grids")
    lesson.video_file.save("grids.m4v", ContentFile(ZIP))
    buy(as_ada, icons)
    page = lesson.get_absolute_url()
    policy = as_ada.get(page)["Content-Security-Policy"]
    assert f"media-src 'self' {bucket.address}" in policy
    link = as_ada.get(f"{page}video/")["Location"]
    video = requests.get(link, headers={"Range": "bytes=10-19"}, timeout=10)
    assert (video.status_code, video.content) == (206, ZIP[10:20])
    assert video.headers["Content-Disposition"] == "inline"
    bucket.clock = timedelta(hours=5)
    assert requests.get(link, timeout=10).status_code == 200
    bucket.clock = timedelta(hours=7)
    assert requests.get(link, timeout=10).status_code == 403
    assert "X-Amz-Signature" not in as_bob.get(f"{page}video/")["Location"]


def test_user_without_purchase_gets_no_link(as_bob: Client, download: ProductConfiguration) -> None:
    for client in (as_bob, Client()):
        response = client.get("/purchases/icon-set/download/")
        assert "X-Amz-Signature" not in response.headers.get("Location", "")


def test_missing_file_is_404(as_ada: Client, download: ProductConfiguration, bucket: Any) -> None:
    buy(as_ada, download)
    bucket.files.clear()
    assert as_ada.get("/purchases/icon-set/download/").status_code == 404


def test_versions_and_samples_are_links_to_the_bucket(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, bucket: Any
) -> None:
    file, sample = add_file(icons, data=b"one"), add_file(icons, "sample.zip", b"sample", is_sample=True)
    newest = add_version(file, data=b"three")
    assert (newest.size, newest.sha256) == (5, sha256(b"three").hexdigest())
    buy(as_ada, icons)
    path = f"/purchases/icon-set/files/{file.pk}/"
    earlier = file.versions.last()
    assert earlier
    for client, url, data in (
        (as_ada, path, b"three"),
        (as_ada, f"{path}versions/{earlier.pk}/", b"one"),
        (Client(), f"/store/icon-set/samples/{sample.pk}/", b"sample"),
    ):
        response = client.get(url)
        assert "no-store" in response["Cache-Control"]
        assert requests.get(response["Location"], timeout=10).content == data, url
    assert "X-Amz-Signature" not in as_bob.get(path)["Location"]


@pytest.mark.django_db(transaction=True)
def test_files_in_the_bucket_are_measured_and_deleted(icons: ProductConfiguration, bucket: Any) -> None:
    version = add_file(icons, data=ZIP).versions.get()
    FileVersion.objects.update(size=0, sha256="")
    assert measure_versions() == []
    version.refresh_from_db()
    assert (version.size, version.sha256) == (len(ZIP), sha256(ZIP).hexdigest())
    assert [name for name in bucket.files if "icons" in name]
    version.delete()
    assert [name for name in bucket.files if "icons" in name] == []


@pytest.mark.parametrize("stored", ["in a bucket", "on the disk"])
def test_images_are_served_by_this_site(
    stored: str, request: pytest.FixtureRequest, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    if stored == "in a bucket":
        request.getfixturevalue("bucket")
    name = default_storage.save("products/abc.webp", ContentFile(b"picture"))
    assert default_storage.url(name) == "/media/products/abc.webp"
    response = Client().get("/media/products/abc.webp")
    assert response.content == b"picture"
    assert response["Content-Type"] == "image/webp"
    assert response["Content-Length"] == "7"
    assert "immutable" in response["Cache-Control"]
    assert Client().post("/media/products/abc.webp").status_code == 405
    for nothing in (
        "/media/products/none.webp",
        "/media/products/",
        "/media/../private/x",
        "/media/%2e%2e/x",
    ):
        response = Client().get(nothing)
        assert response.status_code in (400, 404), nothing
        assert "immutable" not in response.headers.get("Cache-Control", "")


def test_images_can_be_served_by_a_cdn(bucket: Any, settings: Any) -> None:
    settings.MEDIA_URL = "https://cdn.example.com/media/"
    assert default_storage.url("products/abc.webp") == "https://cdn.example.com/media/products/abc.webp"


def test_storage_url_switches_to_s3(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def load(**variables: str) -> dict[str, Any]:
        return load_settings(tmp_path, **{"DEBUG": "true", "SECRET_KEY": "tests", **variables})

    bucket = load(**keys, STORAGE_URL="s3://shop?endpoint_url=https://s3.example.com&region_name=eu")
    private = bucket["STORAGES"]["private"]
    assert private["BACKEND"].endswith(".PrivateBucket")
    names = ("bucket_name", "endpoint_url", "location")
    assert [private["OPTIONS"][name] for name in names] == ["shop", "https://s3.example.com", "private"]
    assert load()["STORAGES"]["default"]["BACKEND"].endswith(".FileSystemStorage")
    with pytest.raises(SystemExit, match="STORAGE_URL"):
        load(STORAGE_URL="ftp://shop")
    policy = load(MEDIA_URL="https://cdn.example.com/media/")["CONTENT_SECURITY_POLICY"]
    assert "https://cdn.example.com/media/" in policy["DIRECTIVES"]["img-src"]
