"""Subscribers read the next charge on the order, library and product page and in e-mails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import stripe
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import Mail, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases import next_payment
from apps.ecommerce.purchases.messages.billing_notes import billing_note, renewal_note
from apps.ecommerce.purchases.messages.status_messages import status_message
from apps.ecommerce.purchases.messages.values import format_day
from tests.factories import buy, sent_to_buyers

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime(2099, 12, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "ends", "key", "note"),
    [
        (Status.ACTIVE, None, "active", "Renews on Dec. 24, 2099"),
        (Status.TRIALING, None, "trialing", "Trial ends on Dec. 24, 2099"),
        (Status.ACTIVE, DAY, "ending", "Ends on Dec. 24, 2099"),
        (Status.TRIALING, DAY, "ending", "Ends on Dec. 24, 2099"),
        (Status.PAST_DUE, None, "past_due", "Payment failed"),
        (Status.UNPAID, None, "unpaid", ""),
        (Status.CANCELED, DAY, "canceled", ""),
    ],
)
def test_each_state_has_its_billing_note(
    as_ada: Client, club: ProductConfiguration, status: str, ends: datetime | None, key: str, note: str
) -> None:
    purchase = buy(as_ada, club)
    purchase.status, purchase.cancel_at = status, ends
    purchase.trial_end = purchase.current_period_end = DAY
    assert (status_message(purchase).key, renewal_note(purchase)) == (key, note)


@pytest.mark.parametrize("state", ["active", "trialing", "refunded"])
def test_next_charge_without_an_answer_from_stripe_names_the_day_and_no_amount(
    as_ada: Client, club: ProductConfiguration, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = stripe.InvalidRequestError("A tax rate is missing", "subscription")
    monkeypatch.setattr(next_payment, "get_client", Mock(side_effect=refusal))
    purchase = buy(as_ada, club)
    assert (purchase.has_running_subscription, purchase.next_amount) == (True, None)
    purchase.current_period_end = purchase.trial_end = DAY
    purchase.status = Status.TRIALING if state == "trialing" else Status.ACTIVE
    purchase.suspended_by = "refunded" if state == "refunded" else ""
    text = billing_note(purchase) or status_message(purchase).text
    assert "Dec. 24, 2099" in text
    assert "$" not in text
    assert "  " not in text


def test_page_says_that_access_has_ended_after_the_grace_period(
    as_ada: Client, club: ProductConfiguration
) -> None:
    purchase = buy(as_ada, club)
    purchase.status, purchase.paid_until = Status.PAST_DUE, timezone.now() - timedelta(days=6)
    purchase.past_due_since = timezone.now() - timedelta(days=6)
    assert status_message(purchase).key == "past_due"
    purchase.past_due_since = timezone.now() - timedelta(days=8)
    assert status_message(purchase).key == "lapsed"


@pytest.mark.parametrize("resumes_at", [None, DAY])
def test_page_of_paused_payments_says_until_when_there_is_access(
    as_ada: Client, club: ProductConfiguration, resumes_at: datetime | None, settings: Any
) -> None:
    purchase = buy(as_ada, club)
    purchase.collection_paused, purchase.collection_resumes_at = True, resumes_at
    now = timezone.now()
    for paid_until, key, ends in (
        (now + timedelta(days=20), "collection_paused", now + timedelta(days=20)),
        (
            now - timedelta(days=2),
            "collection_paused",
            now + timedelta(days=settings.PAST_DUE_GRACE_DAYS - 2),
        ),
        (now - timedelta(days=40), "collection_paused_lapsed", None),
    ):
        purchase.paid_until = paid_until
        message = status_message(purchase)
        assert message.key == key
        assert f"until {format_day(ends)}" in message.text or ends is None
        assert ("resume on Dec. 24, 2099" in message.text) == bool(resumes_at)
        assert ("paused until Dec. 24, 2099" in renewal_note(purchase)) == bool(resumes_at)
        assert "paused" in renewal_note(purchase)


def test_refunded_subscription_with_paused_payments_does_not_renew(
    as_ada: Client, club: ProductConfiguration
) -> None:
    purchase = buy(as_ada, club)
    purchase.suspended_by = "refunded"
    assert "renews on" in billing_note(purchase)
    purchase.collection_paused = True
    assert "renews on" not in billing_note(purchase)
    assert "paused" in billing_note(purchase)


def test_trial_with_paused_payments_announces_no_charge(as_ada: Client, club: ProductConfiguration) -> None:
    purchase = buy(as_ada, club)
    purchase.status, purchase.trial_end, purchase.collection_paused = Status.TRIALING, DAY, True
    assert status_message(purchase).key == "collection_paused"


def test_pause_that_ends_before_the_renewal_changes_nothing(
    as_ada: Client, club: ProductConfiguration
) -> None:
    purchase = buy(as_ada, club)
    purchase.collection_paused, purchase.collection_resumes_at = True, timezone.now() + timedelta(days=2)
    assert status_message(purchase).key == "active"
    assert renewal_note(purchase).startswith("Renews on")


def test_next_charge_is_shown_on_each_page_and_in_the_email(
    as_ada: Client, club: ProductConfiguration, icons: ProductConfiguration
) -> None:
    note = renewal_note(buy(as_ada, club))
    assert note.startswith("Renews on")
    for path in ("/purchases/", "/purchases/maker-club/"):
        assert note in as_ada.get(path).content.decode()
    assert "Manage subscription" in as_ada.get("/purchases/").content.decode()
    body = str(sent_to_buyers()[-1].body)
    assert status_message(Purchase.objects.get()).text in body

    Purchase.objects.update(status=Status.PAST_DUE)
    for path in ("/purchases/", "/purchases/maker-club/"):
        page = as_ada.get(path).content.decode()
        assert "Payment failed" in page
        assert '/manage/"' in page


def test_one_time_purchase_shows_no_renewal(as_ada: Client, icons: ProductConfiguration) -> None:
    assert renewal_note(buy(as_ada, icons)) == ""
    page = as_ada.get("/purchases/").content.decode()
    assert "Renews" not in page
    assert "Manage" not in page
    assert "enew" not in str(sent_to_buyers()[-1].body)


def test_email_preview_uses_a_purchase_that_could_get_it(
    as_ada: Client, club: ProductConfiguration, icons: ProductConfiguration, settings: Any
) -> None:
    settings.DEBUG = True
    buy(as_ada, club)
    buy(as_ada, icons)
    about = {
        kind: as_ada.get(f"/dev/mail/previews/{kind}/html/").content.decode() for kind in Mail.Kind.values
    }
    assert "Icon set" in about[Mail.Kind.REFUNDED]
    assert "$19.00" in about[Mail.Kind.REFUNDED]
    assert "Maker club" in about[Mail.Kind.RENEWAL_FAILED]
    assert "—" not in about[Mail.Kind.TRIAL_ENDING]
    assert not Purchase.objects.exclude(amount_refunded=0).exists()
