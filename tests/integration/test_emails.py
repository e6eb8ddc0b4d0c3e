"""Each notification is one e-mail, sent once after the commit, even after the mail server was unavailable."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils.translation import override

from apps.ecommerce.models import Mail, ProductConfiguration, Purchase, StatusChange, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.emails.messages import build_email
from apps.ecommerce.purchases.emails.queue import (
    BEFORE_ACCESS,
    email_kind,
    queue_trial_ending_email,
    send_unsent,
)
from apps.ecommerce.purchases.fulfilment import sync_purchase
from tests.concurrency import run_at_once
from tests.factories import (
    LOCMEM,
    NO_MAIL_SERVER,
    buy,
    create_product,
    pay,
    press_buy,
    sent_kinds,
    sent_to_buyers,
    set_email_url,
    url_path,
)

pytestmark = pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit


def test_purchase_sends_one_confirmation(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    purchase = buy(as_ada, icons)
    sandbox.deliver()
    sync_purchase(purchase, "again")
    assert sent_kinds() == [Mail.Kind.CONFIRMED]
    (message,) = sent_to_buyers()
    assert message.to == ["ada@example.com"]
    assert message.reply_to == [settings.SUPPORT_EMAIL]
    html = str(message.alternatives[0][0])  # type: ignore[attr-defined]
    for body in (str(message.body), html):
        assert "$19.00" in body
        assert "Visa •••• 4242" in body
        assert f"http://127.0.0.1:8000/purchases/order/{purchase.public_id}/" in body


def test_concurrent_syncs_send_one_email(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    pay(press_buy(as_ada, icons))
    purchase = Purchase.objects.get()
    run_at_once([lambda: sync_purchase(purchase, "thread")] * 4)
    assert sent_kinds() == [Mail.Kind.CONFIRMED]


def test_email_is_sent_later_after_a_mail_server_failure(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    purchase = buy(as_ada, icons)
    assert purchase.status == Status.PAID
    unsent = Mail.objects.get()
    assert unsent.sent_at is None
    assert "Refused" in unsent.error
    set_email_url(settings, LOCMEM)
    assert send_unsent() == 0
    assert send_unsent() == 0
    assert sent_kinds() == [Mail.Kind.CONFIRMED]
    unsent.refresh_from_db()
    assert (unsent.attempts, unsent.error) == (2, "")


def test_refund_sends_an_email(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = buy(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert sent_kinds() == [Mail.Kind.CONFIRMED, Mail.Kind.REFUNDED]
    assert "$19.00" in str(sent_to_buyers()[1].body)


def test_expired_checkout_sends_no_email(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    press_buy(as_ada, icons)
    sandbox.client.v1.checkout.sessions.expire(str(Purchase.objects.get().session_id))
    sandbox.deliver()
    assert Purchase.objects.get().status == Status.EXPIRED
    assert sent_kinds() == []


def test_trial_end_email_is_queued_once(as_ada: Client, sandbox: Any) -> None:
    club = create_product(sandbox.client, "Club", 900, interval="month", trial_period_days=2)
    purchase = buy(as_ada, club)
    queue_trial_ending_email(purchase)
    queue_trial_ending_email(purchase)
    assert sent_kinds().count(Mail.Kind.TRIAL_ENDING) == 1


@pytest.mark.parametrize("kind", Mail.Kind.values)
def test_each_email_has_text_and_escapes_values(as_ada: Client, sandbox: Any, kind: str) -> None:
    product = create_product(sandbox.client, "A & B\r\nBcc: <b>evil</b>@example.com", 900)
    purchase = buy(as_ada, product)
    message = build_email(kind, purchase, purchase.payments.get(), 100)
    assert "\n" not in message.subject
    assert message.to == ["ada@example.com"]
    html = str(message.alternatives[0][0])  # type: ignore[attr-defined]
    assert "<b>evil" not in html
    assert "%(" not in message.subject + str(message.body) + html
    assert message.message()  # raises if a header contains a line break


def test_first_access_sends_the_confirmation() -> None:
    for before in Status:
        for after in (Status.PAID, Status.TRIALING, Status.ACTIVE):
            purchase = Purchase(status=after)
            change = StatusChange(purchase=purchase, from_status=before, to_status=after)
            confirmed = email_kind(change) == Mail.Kind.CONFIRMED
            assert confirmed == (before in BEFORE_ACCESS)
            purchase.suspended_by = Suspension.DISPUTED
            assert email_kind(change) != Mail.Kind.CONFIRMED


def test_email_links_to_the_order(as_ada: Client, icons: ProductConfiguration) -> None:
    back = pay(press_buy(as_ada, icons))
    assert as_ada.get(url_path(back)).status_code == 200
    link = next(word for word in str(sent_to_buyers()[0].body).split() if "/purchases/order/" in word)
    assert as_ada.get(url_path(link)).status_code == 200


@pytest.mark.parametrize("is_sold", [True, False])
def test_each_email_has_a_preview_in_development(
    is_sold: bool, as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    pages = ["/dev/mail/previews/", *(f"/dev/mail/previews/{kind}/html/" for kind in Mail.Kind.values)]
    if is_sold:
        buy(as_ada, icons)
    settings.DEBUG = True
    for page in pages:
        assert as_ada.get(page).status_code == 200, page
    assert as_ada.get("/dev/mail/previews/nothing/html/").status_code == 404


def test_previews_about_subscriptions_have_dates_before_one_was_bought(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    buy(as_ada, icons)
    settings.DEBUG = True
    page = as_ada.get("/dev/mail/previews/").content.decode()
    subjects = re.findall(r'<h2 id="mail-\w+">(.+?)</h2>', page)
    assert subjects
    assert [subject for subject in subjects if "—" in subject] == []


def test_email_is_written_in_the_direction_of_its_language() -> None:
    for language, direction in (("ar", "rtl"), ("en", "ltr")):
        with override(language):
            html = render_to_string("ecommerce/mail/mail.html", {"title": "Hello"})
        assert f'<html lang="{language}" dir="{direction}">' in html
