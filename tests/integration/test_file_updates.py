"""E-mails about new versions of files: who gets them, once, and how owners unsubscribe."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.core import mail
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from apps.ecommerce.content import file_updates
from apps.ecommerce.content.file_updates import announce
from apps.ecommerce.models import FileVersion, Mail, Price, ProductConfiguration, Purchase
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.emails.queue import send_unsent
from apps.users.models import User
from tests.concurrency import run_at_once
from tests.factories import (
    LOCMEM,
    NO_MAIL_SERVER,
    add_file,
    add_version,
    buy,
    save_in_admin,
    set_email_url,
    signed_in,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(icons: ProductConfiguration) -> FileVersion:
    """Return the second version of a file."""
    file = add_file(icons, "icons.zip", name="Icons as SVG")
    return add_version(file, "icons.zip", b"more icons", label="1.2", notes="Now with **arrows**.")


def updates() -> list[Any]:
    """Return the e-mails about new versions, in order."""
    return [message for message in mail.outbox if "List-Unsubscribe" in message.extra_headers]


def unsubscribe_link(message: Any) -> str:
    """Return the path of the link in the e-mail's text."""
    (link,) = set(re.findall(rf"{site.SITE_URL}(/purchases/unsubscribe/\S+)", message.body))
    return str(link)


# --- recipients ---------------------------------------------------------------------------------------------


def test_each_owner_gets_one_email(as_ada: Client, as_bob: Client, version: FileVersion) -> None:
    for client in (as_ada, as_bob):
        buy(client, version.file.configuration)
    assert announce(version) == 2
    assert sorted(message.to[0] for message in updates()) == ["ada@example.com", "bob@example.com"]
    assert announce(version) is None
    assert send_unsent() == 0
    assert len(updates()) == 2
    version.refresh_from_db()
    assert version.announced_at is not None


def test_email_names_the_version_and_links_to_the_files(as_ada: Client, version: FileVersion) -> None:
    buy(as_ada, version.file.configuration)
    announce(version)
    (message,) = updates()
    assert message.subject == "Icon set: New version: Icons as SVG 1.2"
    assert f"{site.SITE_URL}/purchases/icon-set/" in message.body
    html = message.alternatives[0][0]
    assert "<strong>arrows</strong>" in html
    link = unsubscribe_link(message)
    assert f'href="{site.SITE_URL}{link}"' in html
    assert message.extra_headers["List-Unsubscribe"] == f"<{site.SITE_URL}{link}>"
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_strangers_and_refunded_buyers_get_no_email(
    as_ada: Client, as_bob: Client, version: FileVersion, sandbox: Any, club: ProductConfiguration
) -> None:
    purchase = buy(as_ada, version.file.configuration)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    for _round in range(3):
        sandbox.deliver()
    buy(as_bob, club)
    assert announce(version) == 0
    assert updates() == []


def test_only_owners_of_the_plan_get_an_email(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, team: Price
) -> None:
    version = add_file(icons, plan="team").versions.get()
    buy(as_ada, icons)
    buy(as_bob, icons, team)
    assert announce(version) == 1
    assert [message.to for message in updates()] == [["bob@example.com"]]


def test_deleted_and_disabled_accounts_get_no_email(
    as_ada: Client, ada: User, as_bob: Client, bob: User, version: FileVersion
) -> None:
    for client in (as_ada, as_bob):
        buy(client, version.file.configuration)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    Purchase.objects.filter(user=ada).update(user=None)
    assert announce(version) == 0


def test_owner_who_loses_access_before_sending_gets_no_email(
    as_ada: Client, version: FileVersion, settings: Any
) -> None:
    purchase = buy(as_ada, version.file.configuration)
    set_email_url(settings, NO_MAIL_SERVER)
    announce(version)
    set_email_url(settings, LOCMEM)
    mails = Mail.objects.filter(kind=Mail.Kind.UPDATED)
    assert mails.count() == 1
    Purchase.objects.filter(pk=purchase.pk).update(suspended_by="refunded")
    assert send_unsent() == 0
    assert (updates(), mails.count()) == ([], 0)


def test_deleted_version_sends_no_email(as_ada: Client, version: FileVersion, settings: Any) -> None:
    buy(as_ada, version.file.configuration)
    set_email_url(settings, NO_MAIL_SERVER)
    announce(version)
    set_email_url(settings, LOCMEM)
    version.delete()
    assert send_unsent() == 0
    assert updates() == []


def test_email_is_sent_later_if_the_mail_server_fails(
    as_ada: Client, version: FileVersion, settings: Any
) -> None:
    buy(as_ada, version.file.configuration)
    set_email_url(settings, NO_MAIL_SERVER)
    announce(version)
    set_email_url(settings, LOCMEM)
    assert send_unsent() == 0
    assert len(updates()) == 1


def test_many_emails_are_not_all_sent_in_the_request(
    as_ada: Client, as_bob: Client, version: FileVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_updates, "MAX_SENT_IN_REQUEST", 1)
    for client in (as_ada, as_bob):
        buy(client, version.file.configuration)
    announce(version)
    assert len(updates()) == 1
    send_unsent()
    assert len(updates()) == 2


def test_a_run_sends_other_emails_first_and_limits_updates(
    as_ada: Client, as_bob: Client, version: FileVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_updates, "MAX_SENT_IN_REQUEST", 0)
    monkeypatch.setattr("apps.ecommerce.purchases.emails.queue.MAX_UPDATES_PER_RUN", 1)
    for client in (as_ada, as_bob):
        buy(client, version.file.configuration)
    announce(version)
    Mail.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert check_shop()["mails-unsent"] == []  # these e-mails wait for the next batch
    Mail.objects.exclude(kind=Mail.Kind.UPDATED).update(sent_at=None, created_at=timezone.now())
    mail.outbox.clear()
    assert send_unsent() == 1
    assert ["List-Unsubscribe" in message.extra_headers for message in mail.outbox] == [False, False, True]
    assert send_unsent() == 0


def test_two_announcements_and_two_workers_send_one_email(as_ada: Client, version: FileVersion) -> None:
    buy(as_ada, version.file.configuration)
    assert None in run_at_once([lambda: announce(version)] * 2 + [send_unsent] * 2)
    send_unsent()
    assert len(updates()) == 1
    assert Mail.objects.filter(kind=Mail.Kind.UPDATED).count() == 1


def test_names_with_html_and_line_breaks(as_ada: Client, icons: ProductConfiguration) -> None:
    name = "<b>evil</b> %(product)s 100%\r\nBcc: eve@example.com"
    version = add_file(icons, "icons.zip", name=name).versions.get()
    FileVersion.objects.update(notes="<script>alert(1)</script>", label="<i>1</i>")
    version.refresh_from_db()
    buy(as_ada, icons)
    announce(version)
    (message,) = updates()
    assert "\n" not in message.subject
    assert (message.to, message.bcc) == (["ada@example.com"], [])
    assert message.message()
    html = message.alternatives[0][0]
    for tag in ("<b>evil", "<i>1", "<script>"):
        assert tag not in html


# --- unsubscribing ------------------------------------------------------------------------------------------


def test_link_unsubscribes_without_signing_in(as_ada: Client, version: FileVersion) -> None:
    purchase = buy(as_ada, version.file.configuration)
    announce(version)
    link = unsubscribe_link(updates()[0])
    visitor = Client(enforce_csrf_checks=True)
    page = visitor.get(link)
    assert (page.status_code, "no-store" in page["Cache-Control"]) == (200, True)
    assert "ada" not in page.content.decode().lower().replace("data", "")
    purchase.refresh_from_db()
    assert purchase.unsubscribed_at is None  # scanners of e-mails open links
    assert visitor.post(link, follow=True).status_code == 200
    purchase.refresh_from_db()
    assert purchase.unsubscribed_at is not None
    assert announce(add_version(version.file)) == 0
    visitor.post(link, {"subscribe": "1"})
    assert announce(add_version(version.file)) == 1


def test_button_of_an_email_program_unsubscribes(as_ada: Client, version: FileVersion) -> None:
    """https://www.rfc-editor.org/rfc/rfc8058#section-3.1: one POST, which is not redirected."""
    purchase = buy(as_ada, version.file.configuration)
    announce(version)
    url = updates()[0].extra_headers["List-Unsubscribe"].strip("<>")
    post = Client(enforce_csrf_checks=True).post
    response = post(url.removeprefix(site.SITE_URL), {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    purchase.refresh_from_db()
    assert purchase.unsubscribed_at is not None


def test_unsubscribing_is_per_purchase(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration, version: FileVersion
) -> None:
    buy(as_ada, icons)
    buy(as_ada, club)
    announce(version)
    Client().post(unsubscribe_link(updates()[0]))
    assert announce(add_file(club).versions.get()) == 1
    assert announce(add_version(version.file)) == 0


def test_owner_who_unsubscribes_before_sending_gets_no_email(
    as_ada: Client, version: FileVersion, settings: Any
) -> None:
    buy(as_ada, version.file.configuration)
    announce(version)
    link = unsubscribe_link(updates()[0])
    set_email_url(settings, NO_MAIL_SERVER)
    announce(add_version(version.file))
    set_email_url(settings, LOCMEM)
    Client().post(link)
    assert send_unsent() == 0
    assert len(updates()) == 1


def test_forged_and_foreign_signatures_are_404(
    as_ada: Client, as_bob: Client, version: FileVersion, settings: Any
) -> None:
    ada, bob = (buy(client, version.file.configuration) for client in (as_ada, as_bob))
    announce(version)
    token = unsubscribe_link(next(row for row in updates() if row.to == ["ada@example.com"])).split("/")[-2]
    _id, _colon, signature = token.partition(":")
    forged = [
        f"{bob.public_id.hex}:{signature}",
        f"{bob.public_id}:{signature}",
        ada.public_id.hex,
        f"{ada.public_id.hex}:",
        token[:-1],
        f"{token}x",
        token.upper(),
        "x",
        ":",
        "%00",
        "a" * 3000,
    ]
    for wrong in forged:
        wrong_path = f"/purchases/unsubscribe/{wrong}/"
        assert Client().get(wrong_path).status_code == 404, wrong[:50]
        assert Client().post(wrong_path).status_code == 404, wrong[:50]
    assert not Purchase.objects.exclude(unsubscribed_at=None).exists()
    path = f"/purchases/unsubscribe/{token}/"
    assert Client().get(path).status_code == 200
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new key"
    assert Client().get(path).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert Client().get(path).status_code == 404


# --- the admin ----------------------------------------------------------------------------------------------


def test_founder_adds_a_file_and_a_version_and_emails_owners(
    as_ada: Client, as_olive: Client, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)
    add = f"/admin/ecommerce/productfile/add/?configuration={icons.pk}"
    form = {"configuration": icons.pk, "name": "Icons as SVG", "position": "0"}
    upload = {"versions-0-upload": ContentFile(b"one", name="icons.zip"), "versions-0-label": "1.0"}
    assert save_in_admin(as_olive, add, {**form, **upload}).status_code == 302
    version = FileVersion.objects.get()
    assert (version.size, version.label, version.file.name) == (3, "1.0", "Icons as SVG")
    page = f"/admin/ecommerce/productfile/{version.file_id}/change/"
    upload = {"versions-1-upload": ContentFile(b"three", name="icons.zip"), "versions-1-label": "1.1"}
    del form["configuration"]
    assert save_in_admin(as_olive, page, {**form, **upload}).status_code == 302
    assert version.file.versions.first().size == 5
    tell = f"/admin/ecommerce/productfile/{version.file_id}/announce/"
    assert tell in as_olive.get(page).content.decode()
    assert "1 owner can open this file" in as_olive.get(tell).content.decode()
    assert updates() == []
    as_olive.post(tell, {"version": str(version.pk)})  # the form of an older page
    assert updates() == []
    for _twice in range(2):
        as_olive.post(tell, {"version": str(version.file.versions.first().pk)})
    assert len(updates()) == 1


def test_stored_version_keeps_its_file(as_olive: Client, version: FileVersion) -> None:
    page = f"/admin/ecommerce/productfile/{version.file_id}/change/"
    before = str(version.upload.name)
    changes = {"versions-0-upload": ContentFile(b"other", name="x.zip"), "versions-0-label": "1.2.1"}
    response = save_in_admin(as_olive, page, {"name": "Icons", "position": "0", **changes})
    assert response.status_code == 302
    version.refresh_from_db()
    assert (version.upload.name, version.label, version.size) == (before, "1.2.1", 10)


def test_unknown_plans_foreign_lessons_and_empty_files_are_refused(
    as_olive: Client, version: FileVersion, club: ProductConfiguration, team: Price
) -> None:
    lesson = club.sections.create(title="One").lessons.create(title="Hello")
    page = f"/admin/ecommerce/productfile/{version.file_id}/change/"
    form = {"name": "Icons", "position": "0"}
    for change, words in (
        ({"plan": "teem"}, "Its plans: solo, team"),
        ({"lesson": lesson.pk}, "belongs to Maker club"),
        ({"versions-2-upload": ContentFile(b"", name="empty.zip")}, "is empty"),
    ):
        response = save_in_admin(as_olive, page, {**form, **change})
        assert response.status_code == 200, change
        assert words in response.content.decode(), change
    assert save_in_admin(as_olive, page, {**form, "plan": "team"}).status_code == 302


def test_deleted_version_leaves_no_file_and_the_one_before_is_the_newest(
    as_ada: Client, version: FileVersion
) -> None:
    buy(as_ada, version.file.configuration)
    upload = version.upload
    version.delete()
    assert not upload.storage.exists(upload.name)
    response: Any = as_ada.get(f"/purchases/icon-set/files/{version.file_id}/")
    assert b"".join(response.streaming_content) == b"icons"


def test_deleted_version_keeps_a_file_that_another_uses(version: FileVersion) -> None:
    copy = FileVersion(file=version.file, upload=version.upload.name)
    copy.save()
    upload = version.upload
    version.delete()
    assert upload.storage.exists(upload.name)


def test_buyers_and_staff_without_permission_cannot_email_owners(
    as_ada: Client, bob: User, version: FileVersion
) -> None:
    buy(as_ada, version.file.configuration)
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    tell = f"/admin/ecommerce/productfile/{version.file_id}/announce/"
    for client in (as_ada, Client(), signed_in(User.objects.get(pk=bob.pk))):
        assert client.post(tell, {"version": version.pk}).status_code in (302, 403)
    assert updates() == []
