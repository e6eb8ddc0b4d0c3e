"""Downloads: ranges, the maximum of parallel downloads and the header for the proxy."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client, override_settings

from apps.core import file_slots
from apps.ecommerce.models import ProductConfiguration
from tests.factories import bought

pytestmark = pytest.mark.django_db

PATH = "/purchases/icon-set/download/"
CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def owned(as_ada: Client, icons: ProductConfiguration) -> ProductConfiguration:
    icons.download.save("icons.zip", ContentFile(CONTENT))
    bought(as_ada, icons)
    return icons


@pytest.fixture(autouse=True)
def every_slot_is_given_back() -> Iterator[None]:
    assert not file_slots._sending
    yield
    assert not file_slots._sending


def begin(client: Client) -> Any:
    """A download of which one chunk is read."""
    response: Any = client.get(PATH)
    if response.status_code == 200:
        next(iter(response.streaming_content))
    return response


def finish(response: Any) -> None:
    """As a server that lost its client does; the test client keeps the database open meanwhile."""
    response._iterator.close()


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
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
    ],
)
def test_no_range_is_an_error_of_the_server(
    as_ada: Client, owned: ProductConfiguration, wanted: str, status: int
) -> None:
    response = as_ada.get(PATH, headers={"range": wanted})
    assert response.status_code == status
    if response.streaming:
        b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_a_third_download_of_a_person_is_told_to_wait(
    as_ada: Client, owned: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 4)
    first, second = begin(as_ada), begin(as_ada)
    refused = as_ada.get(PATH)
    assert refused.status_code == 503
    assert int(refused["Retry-After"]) > 0
    assert "no-store" in refused["Cache-Control"]
    assert "Too many downloads" in refused.content.decode()
    finish(first)
    again = begin(as_ada)
    assert again.status_code == 200
    finish(second)
    finish(again)


def test_another_buyer_still_gets_the_file(
    as_ada: Client, as_bob: Client, owned: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 4)
    bought(as_bob, owned)
    held = [begin(as_ada), begin(as_ada)]
    response: Any = as_bob.get(PATH)
    assert b"".join(response.streaming_content) == CONTENT
    for one in held:
        finish(one)


def test_no_more_than_the_process_has_slots(
    as_ada: Client, as_bob: Client, owned: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 1)
    bought(as_bob, owned)
    held = begin(as_ada)
    assert as_bob.get(PATH).status_code == 503
    finish(held)
    after = begin(as_bob)
    assert after.status_code == 200
    finish(after)


def test_response_without_body_takes_no_slot(
    as_ada: Client, owned: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 0)
    head = as_ada.head(PATH)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(CONTENT)))
    assert as_ada.get(PATH, headers={"range": "bytes=999999-"}).status_code == 416
    assert as_ada.get(PATH).status_code == 503


def no_chunks() -> Generator[bytes]:
    yield from ()


def test_threads_never_take_more_slots_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 3)
    start, taken = Barrier(16), []

    def take(person: int) -> None:
        start.wait()
        taken.append(file_slots.acquire_slot(no_chunks(), person))

    threads = [Thread(target=take, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slots = [slot for slot in taken if slot]
    assert len(slots) == 3
    for slot in slots * 2:
        slot.close()


def test_a_file_that_breaks_gives_its_slot_back() -> None:
    def broken() -> Generator[bytes]:
        yield b"a"
        raise OSError

    chunks = file_slots.acquire_slot(broken(), 1)
    assert chunks
    with pytest.raises(OSError):
        list(chunks)
    assert not file_slots._sending


@override_settings(DOWNLOADS_SERVED_BY="nginx")
def test_the_proxy_is_told_which_file_to_send(as_ada: Client, icons: ProductConfiguration) -> None:
    icons.download.name = icons.download.storage.save("downloads/a %41 é?#.zip", ContentFile(CONTENT))
    icons.save()
    bought(as_ada, icons)
    response = as_ada.get(PATH)
    assert response.content == b""
    assert response["X-Accel-Redirect"] == "/protected-downloads/downloads/a%20%2541%20%C3%A9%3F%23.zip"
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"].startswith("attachment")


@override_settings(DOWNLOADS_SERVED_BY="nginx")
def test_stranger_gets_no_proxy_file_header(as_bob: Client, owned: ProductConfiguration) -> None:
    response = as_bob.get(PATH)
    assert response.status_code == 302
    assert "X-Accel-Redirect" not in response


def test_a_large_picture_takes_a_slot_and_a_small_one_none(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "large.png").write_bytes(b"p" * 3_000_000)
    (tmp_path / "small.png").write_bytes(b"p" * 3000)
    monkeypatch.setattr(file_slots, "MAX_FILES", 0)
    refused = Client().get("/media/large.png")
    assert (refused.status_code, refused["Cache-Control"]) == (503, "no-store")
    assert Client().get("/media/small.png").status_code == 200
