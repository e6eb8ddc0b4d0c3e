"""E-mails to the founder, and subscriptions that are billed although their payment was given back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, ReceiverCall
from apps.ecommerce.operations import founder_emails
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.signals import SIGNALS
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.resources import disputes
from tests.factories import buy

pytestmark = pytest.mark.django_db(transaction=True)  # tasks run after the commit


@pytest.fixture
def founder(settings: Any) -> Iterator[Any]:
    settings.ADMINS = [("Founder", "founder@example.com")]
    settings.FOUNDER_EMAILS = ["sale", "cancellation"]
    founder_emails.connect()
    yield settings
    for signal in SIGNALS.values():
        for receiver in (
            founder_emails.email_sale,
            founder_emails.email_cancellation,
        ):
            signal.disconnect(receiver)


def subjects() -> list[str]:
    return [message.subject for message in mail.outbox if message.to == ["founder@example.com"]]


def renew(sandbox: Any, purchase: Purchase) -> Purchase:
    panel_actions.advance_to_renewal(purchase.subscription_id)
    while sandbox.deliver(after=10):
        pass
    return Purchase.objects.get(pk=purchase.pk)


def charge_of(purchase: Purchase) -> str:
    return str(purchase.payments.exclude(charge_id="").latest("created_at").charge_id)


def lose_dispute(sandbox: Any, purchase: Purchase) -> Purchase:
    from stripe_sandbox import storage

    opened = disputes.open_dispute(storage.get(charge_of(purchase)) or {}, "dispute_fraudulent")
    sandbox.client.v1.disputes.close(opened["id"])
    return sync_purchase(Purchase.objects.get(pk=purchase.pk), "dispute lost")


def test_sale_sends_one_email_and_a_renewal_none(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, founder: Any
) -> None:
    purchase = buy(as_ada, club)
    assert len(subjects()) == 1
    assert "Maker club" in subjects()[0]
    assert "$9.00" in subjects()[0]
    renew(sandbox, purchase)
    assert len(subjects()) == 1


def test_sale_to_a_german_buyer_has_its_amount_in_the_language_of_the_founder(
    as_ada: Client, icons: ProductConfiguration, settings: Any, founder: Any
) -> None:
    as_ada.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    buy(as_ada, icons)
    assert "$19.00" in subjects()[0]


def test_cancellation_sends_an_email(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, founder: Any
) -> None:
    purchase = buy(as_ada, club)
    as_ada.post(f"{purchase.get_absolute_url()}cancel/")
    assert len(subjects()) == 2


def test_setting_chooses_the_emails(as_ada: Client, icons: ProductConfiguration, settings: Any) -> None:
    settings.ADMINS = [("Founder", "founder@example.com")]
    settings.FOUNDER_EMAILS = ["cancellation"]
    founder_emails.connect()
    try:
        buy(as_ada, icons)
        assert subjects() == []
        assert not ReceiverCall.objects.exists()
    finally:
        SIGNALS["subscription_changed"].disconnect(founder_emails.email_cancellation)


def test_lost_dispute_cancels_the_subscription(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = lose_dispute(sandbox, buy(as_ada, club))
    sandbox.deliver(after=10)
    purchase.refresh_from_db()
    assert purchase.suspended_by == "dispute_lost"
    assert purchase.subscription_status == "canceled"


def test_cancellation_that_failed_is_repeated_by_reconcile(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CANCEL_AFTER_LOST_DISPUTE = False
    purchase = lose_dispute(sandbox, buy(as_ada, club))
    assert purchase.subscription_status == "active"
    assert check_shop()["reversed-but-billed"]
    settings.CANCEL_AFTER_LOST_DISPUTE = True
    reconcile()
    assert sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id).status == "canceled"


@pytest.mark.parametrize(("is_canceled", "status"), [(False, "active"), (True, "canceled")])
def test_refund_cancels_the_subscription_only_if_the_founder_wants_it(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any, is_canceled: bool, status: str
) -> None:
    settings.CANCEL_AFTER_REFUND = is_canceled
    purchase = buy(as_ada, club)
    sandbox.client.v1.refunds.create({"charge": charge_of(purchase)})
    sync_purchase(purchase, "refund")
    assert sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id).status == status
