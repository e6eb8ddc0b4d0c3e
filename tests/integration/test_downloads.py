"""Downloads: ranges, the maximum of parallel downloads, and the header for the proxy."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client, override_settings

from apps.core import file_slots
from apps.ecommerce.models import FileVersion, ProductConfiguration
from tests.concurrency import run_at_once
from tests.factories import add_file, add_version, buy

pytestmark = pytest.mark.django_db

PATH = "/purchases/icon-set/download/"
CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def product(as_ada: Client, icons: ProductConfiguration) -> ProductConfiguration:
    add_file(icons, data=CONTENT)
    buy(as_ada, icons)
    return icons


@pytest.fixture(autouse=True)
def _check_that_all_slots_are_released() -> Iterator[None]:
    assert not file_slots._sending
    yield
    assert not file_slots._sending


def begin_download(client: Client) -> Any:
    """Request the file and read one chunk."""
    response: Any = client.get(PATH)
    if response.status_code == 200:
        next(iter(response.streaming_content))
    return response


def close_download(response: Any) -> None:
    """Close the response as a server does when the client disconnects."""
    response._iterator.close()


def test_invalid_ranges_cause_no_server_error(as_ada: Client, product: ProductConfiguration) -> None:
    for range_header, status in (
        ("bytes=" + "9" * 5000 + "-", 416),
        ("bytes=0-" + "9" * 5000, 206),
        ("bytes=-" + "9" * 5000, 206),
        ("bytes=" + "9" * 5000 + "-" + "9" * 5000, 416),
        ("bytes=" + "0" * 5000 + "-" + "0" * 5000 + "9", 206),
        ("bytes=" + "9" * 5000 + "-1", 200),
        ("bytes=-" + "0" * 5000, 416),
        ("bytes=\u0661-\u0662", 200),
        ("bytes=\u00b2-", 200),
        ("bytes=--5", 200),
        ("bytes=-1-5", 200),
        ("bytes=+1-5", 200),
        ("bytes=1_0-20", 200),
        ("bytes= 1-5", 200),
        ("bytes=0-1,2-3", 200),
        ("bytes=" + "0-0," * 5000, 200),
        ("bytes=0-0\n", 206),
        ("bytes", 200),
        ("", 200),
    ):
        response = as_ada.get(PATH, headers={"range": range_header})
        assert response.status_code == status, range_header[:20]
        if response.streaming:
            b"".join(response.streaming_content)  # type: ignore[attr-defined]
        assert not file_slots._sending, range_header[:20]


def test_third_parallel_download_of_a_user_gets_503(
    as_ada: Client, product: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 4)
    first, second = begin_download(as_ada), begin_download(as_ada)
    refused = as_ada.get(PATH)
    assert refused.status_code == 503
    assert int(refused["Retry-After"]) > 0
    assert "no-store" in refused["Cache-Control"]
    assert "Too many downloads" in refused.content.decode()
    close_download(first)
    again = begin_download(as_ada)
    assert again.status_code == 200
    close_download(second)
    close_download(again)


def test_slots_of_one_user_do_not_block_another(
    as_ada: Client, as_bob: Client, product: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 4)
    buy(as_bob, product)
    open_downloads = [begin_download(as_ada), begin_download(as_ada)]
    response: Any = as_bob.get(PATH)
    assert b"".join(response.streaming_content) == CONTENT
    for download in open_downloads:
        close_download(download)


def test_download_gets_503_while_the_process_has_no_slot(
    as_ada: Client, as_bob: Client, product: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 1)
    buy(as_bob, product)
    first = begin_download(as_ada)
    assert as_bob.get(PATH).status_code == 503
    close_download(first)
    second = begin_download(as_bob)
    assert second.status_code == 200
    close_download(second)


def test_response_without_body_takes_no_slot(
    as_ada: Client, product: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 0)
    head = as_ada.head(PATH)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(CONTENT)))
    assert as_ada.get(PATH, headers={"range": "bytes=999999-"}).status_code == 416
    assert as_ada.get(PATH).status_code == 503


def no_chunks() -> Generator[bytes]:
    yield from ()


def test_threads_never_hold_more_slots_than_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 3)
    taken = run_at_once(partial(file_slots.acquire_slot, no_chunks(), person) for person in range(16))
    slots = [slot for slot in taken if slot]
    assert len(slots) == 3
    for slot in slots * 2:
        slot.close()


def test_read_error_releases_the_slot() -> None:
    def fail_after_one_chunk() -> Generator[bytes]:
        yield b"a"
        raise OSError

    chunks = file_slots.acquire_slot(fail_after_one_chunk(), 1)
    assert chunks
    with pytest.raises(OSError):
        list(chunks)
    assert not file_slots._sending


@override_settings(DOWNLOADS_SERVED_BY="nginx")
def test_proxy_gets_the_quoted_file_path(as_ada: Client, icons: ProductConfiguration) -> None:
    upload = add_file(icons, data=CONTENT).versions.get().upload
    FileVersion.objects.update(upload=upload.storage.save("downloads/a %41 é?#.zip", ContentFile(CONTENT)))
    buy(as_ada, icons)
    response = as_ada.get(PATH)
    assert response.content == b""
    assert response["X-Accel-Redirect"] == "/protected-downloads/downloads/a%20%2541%20%C3%A9%3F%23.zip"
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"].startswith("attachment")


@override_settings(DOWNLOADS_SERVED_BY="nginx")
def test_proxy_gets_the_path_of_each_version_and_sample(as_ada: Client, icons: ProductConfiguration) -> None:
    file = add_file(icons, is_sample=True)
    add_version(file)
    newest, earlier = file.versions.all()
    buy(as_ada, icons)
    path = f"/purchases/icon-set/files/{file.pk}/"
    for client, url, version in (
        (as_ada, path, newest),
        (as_ada, f"{path}versions/{earlier.pk}/", earlier),
        (Client(), f"/store/icon-set/samples/{file.pk}/", newest),
    ):
        response = client.get(url, headers={"range": "bytes=0-1"})
        assert (response.status_code, response.content) == (200, b""), url
        assert response["X-Accel-Redirect"] == f"/protected-downloads/{version.upload.name}"
        assert "no-store" in response["Cache-Control"]
    newest.upload.storage.delete(newest.upload.name)
    missing = as_ada.get(path)
    assert (missing.status_code, "X-Accel-Redirect" in missing) == (404, False)


@override_settings(DOWNLOADS_SERVED_BY="nginx")
def test_other_user_gets_no_proxy_file_header(as_bob: Client, product: ProductConfiguration) -> None:
    response = as_bob.get(PATH)
    assert response.status_code == 302
    assert "X-Accel-Redirect" not in response


def test_only_large_images_take_a_slot(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "large.png").write_bytes(b"p" * 3_000_000)
    (tmp_path / "small.png").write_bytes(b"p" * 3000)
    monkeypatch.setattr(file_slots, "MAX_FILES", 0)
    refused = Client().get("/media/large.png")
    assert (refused.status_code, refused["Cache-Control"]) == (503, "no-store")
    assert Client().get("/media/small.png").status_code == 200
