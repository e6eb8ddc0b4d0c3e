"""Each piece of news is one mail: sent after the commit, once, even when the mail server was away."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connection
from django.test import Client

from apps.ecommerce.models import Mail, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases import emails
from apps.ecommerce.purchases.fulfilment import sync_purchase
from tests.factories import LOCMEM, NO_MAIL_SERVER, bought, mail_by, path_of, pay, press_buy, stock

pytestmark = pytest.mark.django_db(transaction=True)  # on_commit is part of what is tested


def subjects() -> list[str]:
    return [message.subject for message in outbox.outbox]


def test_a_purchase_is_confirmed_once(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = bought(as_ada, icons)
    sandbox.deliver()
    sync_purchase(purchase, "again")
    assert subjects() == ["Your purchase: Icon set"]
    (message,) = outbox.outbox
    assert message.to == ["ada@example.com"]
    html = str(message.alternatives[0][0])  # type: ignore[attr-defined]
    for body in (str(message.body), html):
        assert "$19.00" in body
        assert "Visa •••• 4242" in body
        assert f"http://127.0.0.1:8000/purchases/order/{purchase.public_id}/" in body


def test_many_at_once_are_one_mail(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    pay(press_buy(as_ada, icons))
    purchase = Purchase.objects.get()
    start = threading.Barrier(4)

    def sync() -> None:
        try:
            start.wait()
            sync_purchase(purchase, "thread")
        finally:
            connection.close()

    threads = [threading.Thread(target=sync) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert subjects() == ["Your purchase: Icon set"]


def test_a_failing_mail_server_fails_no_purchase_and_gets_it_later(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    mail_by(settings, NO_MAIL_SERVER)
    purchase = bought(as_ada, icons)
    assert purchase.status == Status.PAID
    owed = Mail.objects.get()
    assert owed.sent_at is None
    assert "Refused" in owed.error
    mail_by(settings, LOCMEM)
    assert emails.send_unsent() == 0
    assert emails.send_unsent() == 0
    assert subjects() == ["Your purchase: Icon set"]
    owed.refresh_from_db()
    assert (owed.attempts, owed.error) == (2, "")


def test_a_refund_is_told(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = bought(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert subjects() == ["Your purchase: Icon set", "Your refund for Icon set"]
    assert "$19.00 is on its way back to you" in str(outbox.outbox[1].body)


def test_a_checkout_that_came_to_nothing_is_no_news(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    press_buy(as_ada, icons)
    sandbox.client.v1.checkout.sessions.expire(str(Purchase.objects.get().session_id))
    sandbox.deliver()
    assert Purchase.objects.get().status == Status.EXPIRED
    assert subjects() == []


def test_a_trials_end_is_told_once_by_event_and_by_reconcile(as_ada: Client, sandbox: Any) -> None:
    club = stock(sandbox.client, "Club", 900, interval="month", trial_period_days=2)
    purchase = bought(as_ada, club)
    emails.queue_trial_ending_email(purchase)
    emails.queue_trial_ending_email(purchase)
    assert len([s for s in subjects() if s.startswith("Your free trial of Club ends on")]) == 1


@pytest.mark.parametrize("kind", Mail.Kind.values)
def test_every_kind_has_words_and_is_safe(as_ada: Client, sandbox: Any, kind: str) -> None:
    risky = stock(sandbox.client, "A & B\r\nBcc: <b>evil</b>@example.com", 900)
    purchase = bought(as_ada, risky)
    message = emails.compose(kind, purchase)
    assert "\n" not in message.subject
    assert message.to == ["ada@example.com"]
    html = str(message.alternatives[0][0])  # type: ignore[attr-defined]
    assert "<b>evil" not in html
    assert "%(" not in message.subject + str(message.body) + html
    assert message.message()  # the headers can be written


def test_every_transition_is_decided() -> None:
    """A change of status is either one mail or none, and the first sight of access is always confirmed."""
    for before in Status:
        for after in (Status.PAID, Status.TRIALING, Status.ACTIVE):
            confirmed = emails.email_kind(before, after) == Mail.Kind.CONFIRMED
            assert confirmed == (before in emails.BEFORE_ACCESS)


def test_the_way_back_is_the_order(as_ada: Client, icons: ProductConfiguration) -> None:
    back = pay(press_buy(as_ada, icons))
    assert as_ada.get(path_of(back)).status_code == 200
    link = next(word for word in str(outbox.outbox[0].body).split() if "/purchases/order/" in word)
    assert as_ada.get(path_of(link)).status_code == 200


def test_every_mail_can_be_looked_at_in_development(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    pages = ["/dev/mail/previews/", *(f"/dev/mail/previews/{kind}/html/" for kind in Mail.Kind.values)]
    bought(as_ada, icons)
    settings.DEBUG = True
    for page in pages:
        assert as_ada.get(page).status_code == 200, page
    assert as_ada.get("/dev/mail/previews/nothing/html/").status_code == 404
