"""Files of products: who can download which version."""

from __future__ import annotations

import os
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format

from apps.core import file_slots
from apps.ecommerce.models import (
    Alert,
    FileVersion,
    Price,
    ProductConfiguration,
    ProductFile,
    Purchase,
)
from tests.factories import add_file, add_version, buy
from tests.integration.urls import read_body

pytestmark = pytest.mark.django_db

PAGE = "/purchases/icon-set/"


def file_path(file: ProductFile, version: FileVersion | None = None) -> str:
    path = f"/purchases/{file.configuration.slug}/files/{file.pk}/"
    return f"{path}versions/{version.pk}/" if version else path


def body(client: Client, path: str, **headers: str) -> bytes:
    response = read_body(client.get(path, headers=headers))
    assert response.status_code in (200, 206), response.status_code
    content: bytes = response.body
    return content


def buy_plan(client: Client, price: Price) -> Purchase:
    return buy(client, price.product.configuration, price)


# --- files and versions -------------------------------------------------------------------------------------


def test_owner_gets_the_newest_version_and_each_earlier_one(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    svg, png = add_file(icons, "svg.zip", b"svg 1"), add_file(icons, "png.zip", b"png 1")
    first = svg.versions.get()
    second = add_version(svg, "svg.zip", b"svg 2", label="2.0")
    buy(as_ada, icons)
    assert body(as_ada, file_path(svg)) == b"svg 2"
    assert body(as_ada, file_path(svg, first)) == b"svg 1"
    assert body(as_ada, file_path(svg, second)) == b"svg 2"
    assert body(as_ada, file_path(png)) == b"png 1"
    assert body(as_ada, f"{PAGE}download/") == b"svg 2"


def test_newer_row_wins_among_versions_of_the_same_second(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    file = add_file(icons, data=b"one")
    add_version(file, data=b"two")
    FileVersion.objects.update(created_at=timezone.now())
    buy(as_ada, icons)
    assert body(as_ada, file_path(file)) == b"two"


def test_versions_keep_their_file_name(as_ada: Client, icons: ProductConfiguration) -> None:
    file = add_file(icons, "icons.zip")
    add_version(file, "icons.zip")
    buy(as_ada, icons)
    for version in file.versions.all():
        response = read_body(as_ada.get(file_path(file, version)))
        assert response["Content-Disposition"] == 'attachment; filename="icons.zip"'


def test_resumed_download_never_mixes_two_versions(as_ada: Client, icons: ProductConfiguration) -> None:
    """Size and time of both are the same."""
    file = add_file(icons, data=b"1111111111")
    buy(as_ada, icons)
    first = read_body(as_ada.get(file_path(file)))
    add_version(file, data=b"2222222222")
    old, new = (version.upload for version in file.versions.order_by("id"))
    assert old.storage.path(old.name) != new.storage.path(new.name)
    os.utime(new.path, (os.stat(old.path).st_atime, os.stat(old.path).st_mtime))
    headers = {"range": "bytes=5-", "if-range": first["ETag"]}
    assert body(as_ada, file_path(file), **headers) == b"2222222222"


def test_version_has_size_and_checksum(icons: ProductConfiguration) -> None:
    data = bytes(range(256)) * 1000
    version = add_file(icons, data=data).versions.get()
    assert (version.size, version.sha256) == (len(data), sha256(data).hexdigest())
    with version.upload.open() as stored:
        assert stored.read() == data


def test_list_shows_type_size_version_date_notes_and_checksum(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    file = add_file(icons, "icons.zip", b"x" * 2048)
    newest = add_version(file, "icons.zip", b"y" * 4096, label="1.2", notes="Now with **arrows**.")
    buy(as_ada, icons)
    page = as_ada.get(PAGE).content.decode()
    for text in ("ZIP", "4.0\xa0KB", "Version 1.2", "<strong>arrows</strong>", newest.sha256, "2.0\xa0KB"):
        assert text in page, text
    for version in file.versions.all()[1:]:
        assert file_path(file, version) in page


def test_file_without_a_version_is_not_listed(as_ada: Client, icons: ProductConfiguration) -> None:
    file = ProductFile.objects.create(configuration=icons, name="Soon to come")
    buy(as_ada, icons)
    assert "Soon to come" not in as_ada.get(PAGE).content.decode()
    assert as_ada.get(file_path(file)).status_code == 404
    assert as_ada.get(f"{PAGE}download/").status_code == 404


def test_queries_do_not_grow_with_files_and_versions(
    as_ada: Client, icons: ProductConfiguration, django_assert_num_queries: Any
) -> None:
    buy(as_ada, icons)
    add_file(icons)
    counts = []
    for _round in range(2):
        for path in (PAGE, "/store/icon-set/"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                as_ada.get(path)
            counts.append(len(queries))
        for number in range(5):
            add_version(add_file(icons, f"file {number}.zip"))
    assert counts[:2] == counts[2:]


# --- who gets them ------------------------------------------------------------------------------------------


def test_strangers_and_refunded_owners_get_no_version(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    file = add_file(icons, data=b"secret")
    paths = [file_path(file), file_path(file, file.versions.get()), f"{PAGE}download/"]
    for path in paths:
        assert as_bob.get(path)["Location"] == "/store/?product=icon-set", path
        assert Client().get(path)["Location"] == f"/accounts/login/?next={PAGE}", path
    purchase = buy(as_ada, icons)
    assert body(as_ada, paths[0]) == b"secret"
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    for _round in range(3):
        sandbox.deliver()
    for path in paths:
        assert as_ada.get(path).status_code == 302, path
        assert as_ada.get(path, headers={"accept": "application/json"}).status_code == 403, path
    assert file_path(file) not in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_owner_of_one_product_gets_no_file_of_another(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    """The file is refused by its own URL, and by a URL of the owned product."""
    own, other = add_file(icons), add_file(club, data=b"secret")
    version = other.versions.get()
    buy(as_ada, icons)
    assert as_ada.get(file_path(other)).status_code == 302
    assert as_ada.get(f"{PAGE}files/{other.pk}/").status_code == 404
    assert as_ada.get(file_path(own, version)).status_code == 404
    assert body(as_ada, file_path(own, own.versions.get())) == b"icons"


def test_file_of_a_plan_is_locked_for_other_plans(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, team: Price
) -> None:
    everybody, sources = add_file(icons, "icons.zip"), add_file(icons, "sources.zip", plan="team")
    buy_plan(as_ada, icons.prices[0])
    buy_plan(as_bob, team)
    assert body(as_ada, file_path(everybody)) == b"icons"
    for path in (file_path(sources), file_path(sources, sources.versions.get())):
        assert as_ada.get(path)["Location"] == "/store/icon-set/", path
        refusal = as_ada.get(path, headers={"accept": "application/json"})
        assert (refusal.status_code, refusal.json()["plans"]) == (403, ["team"]), path
        assert body(as_bob, path) == b"icons", path
    page = as_ada.get(PAGE).content.decode()
    assert "sources.zip" in page
    assert file_path(sources) not in page
    assert file_path(sources) in as_bob.get(PAGE).content.decode()


def test_download_is_the_first_file_of_the_plan(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, team: Price
) -> None:
    add_file(icons, data=b"for teams", plan="team")
    add_file(icons, data=b"for all")
    buy_plan(as_ada, icons.prices[0])
    buy_plan(as_bob, team)
    assert body(as_ada, f"{PAGE}download/") == b"for all"
    assert body(as_bob, f"{PAGE}download/") == b"for teams"


def test_owner_of_two_plans_gets_the_files_of_both(
    as_ada: Client, icons: ProductConfiguration, team: Price
) -> None:
    solo, sources = add_file(icons, plan="solo"), add_file(icons, plan="team")
    buy_plan(as_ada, icons.prices[0])
    purchase = Purchase.objects.get()
    purchase.pk, purchase.order_number = None, "W-AAAA-AAAA"
    purchase.public_id, purchase.plan, purchase.session_id = uuid4(), "team", "cs_2"
    purchase.save()
    assert body(as_ada, file_path(solo)) == body(as_ada, file_path(sources)) == b"icons"


def test_file_of_a_lesson_needs_the_plan_of_the_lesson(
    as_ada: Client, icons: ProductConfiguration, team: Price
) -> None:
    lesson = icons.sections.create(title="One").lessons.create(title="For teams", plan="team")
    file = add_file(icons, lesson=lesson)
    buy_plan(as_ada, icons.prices[0])
    assert as_ada.get(file_path(file))["Location"] == "/store/icon-set/"
    assert as_ada.get(f"{PAGE}download/").status_code == 404


# --- samples ------------------------------------------------------------------------------------------------


def test_sample_is_public_while_the_product_is_on_sale(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    file = add_file(icons, "sample.zip", b"sample", is_sample=True)
    path = f"/store/icon-set/samples/{file.pk}/"
    for client in (Client(), as_bob):
        assert body(client, path) == b"sample"
    assert path in Client().get("/store/icon-set/").content.decode()
    buy(as_ada, icons)
    for status in ("hidden", "draft"):
        icons.status = status
        icons.save()
        assert Client().get(path).status_code == as_bob.get(path).status_code == 404, status
        assert body(as_ada, path) == b"sample", status


def test_other_files_are_not_samples(as_bob: Client, icons: ProductConfiguration, club: Any) -> None:
    file, sample = add_file(icons), add_file(club, is_sample=True)
    for client in (Client(), as_bob):
        assert client.get(f"/store/icon-set/samples/{file.pk}/").status_code == 404
        assert client.get(f"/store/icon-set/samples/{sample.pk}/").status_code == 404
    page = Client().get("/store/icon-set/").content.decode()
    assert "/samples/" not in page
    assert "/files/" not in page


def test_sample_is_its_newest_version_only(icons: ProductConfiguration) -> None:
    file = add_file(icons, data=b"with a mistake", is_sample=True)
    add_version(file, data=b"better")
    assert body(Client(), f"/store/icon-set/samples/{file.pk}/") == b"better"
    assert Client().get(file_path(file, file.versions.last())).status_code == 302


def test_visitors_leave_slots_for_owners(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample, file = add_file(icons, is_sample=True, data=b"s" * 200_000), add_file(icons)
    buy(as_ada, icons)
    monkeypatch.setattr(file_slots, "MAX_FILES", 4)
    monkeypatch.setattr(file_slots, "MAX_FILES_OF_VISITORS", 2)
    path = f"/store/icon-set/samples/{sample.pk}/"
    begun: list[Any] = [Client().get(path) for _number in range(3)]
    assert [response.status_code for response in begun] == [200, 200, 503]
    assert body(as_ada, file_path(file)) == b"icons"
    for response in begun[:2]:
        response._iterator.close()


# --- odd requests and files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["0", "9" * 18, "9" * 30, "9" * 5000, "-1", "1.0", "٣"])
def test_unknown_ids_are_404(as_ada: Client, icons: ProductConfiguration, number: str) -> None:
    file = add_file(icons, is_sample=True)
    buy(as_ada, icons)
    for path in (
        f"{PAGE}files/{number}/",
        f"{PAGE}files/{file.pk}/versions/{number}/",
        f"/store/icon-set/samples/{number}/",
    ):
        assert as_ada.get(path).status_code == 404, path[:60]


def test_head_and_range_requests_send_the_right_bytes(as_ada: Client, icons: ProductConfiguration) -> None:
    file = add_file(icons, data=b"0123456789", is_sample=True)
    buy(as_ada, icons)
    for path in (
        file_path(file),
        file_path(file, file.versions.get()),
        f"/store/icon-set/samples/{file.pk}/",
    ):
        head = as_ada.head(path)
        assert (head.status_code, head["Content-Length"], head["Accept-Ranges"]) == (200, "10", "bytes")
        assert body(as_ada, path, range="bytes=2-4") == b"234"
        assert as_ada.get(path, headers={"range": "bytes=10-"}).status_code == 416
        for method in ("post", "put", "delete", "patch"):
            assert getattr(as_ada, method)(path).status_code == 405
        assert "no-store" in as_ada.head(path)["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_missing_file_is_explained_and_reported_once(
    as_ada: Client, icons: ProductConfiguration, mailoutbox: list[Any], settings: Any
) -> None:
    settings.ADMINS = [("Olive", "olive@example.com")]
    file = add_file(icons)
    buy(as_ada, icons)
    upload = file.versions.get().upload
    upload.storage.delete(upload.name)
    mailoutbox.clear()
    for path in (file_path(file), f"{PAGE}download/"):
        response = as_ada.get(path)
        assert response.status_code == 404
        assert "We've been notified" in response.content.decode()
    (alert,) = mailoutbox
    assert upload.name in alert.body
    assert Alert.objects.filter(name="file-missing").count() == 1
    assert as_ada.get(PAGE).status_code == 200


def test_long_and_strange_names_are_stored(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    for name in (
        "ü" * 240 + ".zip",
        "a" * 5000 + ".tar.gz",
        "x." + "y" * 400,
        '<script>alert("1")</script>.zip',
        "../../etc/passwd",
        "a\r\nSet-Cookie: x=1.zip",
        "🙂" * 100 + ".pdf",
        "con .. zip",
    ):
        file = ProductFile.objects.create(configuration=icons, name=name[:200])
        version = FileVersion(file=file)
        version.upload.save(name.replace("../", ""), ContentFile(b"data"))
        assert len(str(version.upload.name)) <= 255
        response = read_body(as_ada.get(file_path(file)))
        assert response.body == b"data"
        assert "\n" not in response["Content-Disposition"]
        assert version.size == 4
    page = as_ada.get(PAGE).content.decode()
    assert '<script>alert("1")' not in page


# --- the former field ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_migration_moves_downloads(icons: ProductConfiguration, club: ProductConfiguration) -> None:
    before = MigrationExecutor(connection)
    before.migrate([("ecommerce", "0010_configuration_status")])
    try:
        rows = before.loader.project_state([("ecommerce", "0010_configuration_status")]).apps
        row = rows.get_model("ecommerce", "ProductConfiguration").objects
        row.filter(pk=icons.pk).update(download="downloads/2025/03/icons.zip")
        after = MigrationExecutor(connection)
        after.migrate([("ecommerce", "0011_product_files")])
        version = FileVersion.objects.get()
        assert (version.upload.name, version.file.name) == ("downloads/2025/03/icons.zip", "Icon set")
        assert (version.size, version.sha256) == (0, "")
        assert version.file.configuration_id == icons.pk
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


def test_prune_measures_moved_files(icons: ProductConfiguration) -> None:
    version = add_file(icons, data=b"x" * 1000).versions.get()
    day = timezone.now() - timedelta(days=400)
    os.utime(version.upload.path, (day.timestamp(), day.timestamp()))
    lost = add_file(icons, "lost.zip").versions.get()
    lost.upload.storage.delete(lost.upload.name)
    FileVersion.objects.update(size=0, sha256="")
    errors = StringIO()
    call_command("prune", dry_run=True, stdout=StringIO(), stderr=errors)
    assert errors.getvalue() == ""
    call_command("prune", stdout=StringIO(), stderr=errors)
    assert str(lost.upload.name) in errors.getvalue()
    moved = FileVersion.objects.get(pk=version.pk)
    assert (moved.size, moved.sha256) == (1000, version.sha256)
    assert abs(moved.created_at - day) < timedelta(seconds=1)


# --- the product page ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_changes_of_files_reach_the_cached_page_and_the_sitemap(
    icons: ProductConfiguration, cached_pages: None
) -> None:
    def page() -> str:
        return Client().get("/store/icon-set/").content.decode()

    def changed_at() -> Any:
        return ProductConfiguration.objects.get().changed_at

    assert "icons.zip" not in page()
    before = changed_at()
    file = add_file(icons, "icons.zip")
    assert "icons.zip" in page()
    assert changed_at() > before
    add_version(file, label="7.5")
    assert "Version 7.5" in page()
    before = changed_at()
    file.delete()
    assert "icons.zip" not in page()
    assert changed_at() > before


def test_product_page_lists_features_files_and_the_last_update(icons: ProductConfiguration) -> None:
    icons.product.features = ["240 icons", "<b>Free</b> updates"]
    icons.product.save()
    add_file(icons, "icons.zip", b"x" * 2048, name="Everything as <i>SVG</i>", plan="team")
    page = Client().get("/store/icon-set/").content.decode()
    for text in (
        "240 icons",
        "&lt;b&gt;Free",
        "Everything as &lt;i&gt;",
        "2.0\xa0KB",
        "ZIP",
        "Only with team",
    ):
        assert text in page, text
    assert f"Last update: {date_format(timezone.localtime())}" in page
