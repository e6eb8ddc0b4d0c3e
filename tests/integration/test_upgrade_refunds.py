"""A refund or a dispute of a purchase whose value an upgrade credits."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Mail, Payment, Price, ProductConfiguration, Purchase, ReceiverCall
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases import checkout_sessions
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.messages.status_messages import status_message
from apps.ecommerce.purchases.signals import access_granted, access_revoked
from apps.users.models import User
from tests.factories import add_price, buy, create_product, press_buy, url_path
from tests.stripe_actions import (
    deliver,
    dispute,
    fail_refund,
    is_open,
    lose,
    paid_charges,
    refund,
    run_scheduled,
    win,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> list[Purchase]:
    """Return the purchases of $19, of the upgrade to $49, and of its upgrade to $99."""
    purchases = [deliver(sandbox, buy(as_ada, icons))]
    for amount in (4900, 9900):
        price = add_price(sandbox.client, icons.product_id, amount)
        sync_product(icons.product_id)
        icons.__dict__.pop("prices", None)
        purchases.append(deliver(sandbox, buy(as_ada, icons, Price.objects.get(id=price))))
    return purchases


def states(purchases: list[Purchase]) -> list[str]:
    rows = Purchase.objects.in_bulk([row.pk for row in purchases])
    for row in purchases:
        assert is_open(row) == (not rows[row.pk].suspended_by)
    return [rows[row.pk].suspended_by for row in purchases]


def test_refund_of_the_first_purchase_suspends_its_upgrades(
    bought: list[Purchase], ada: User, sandbox: Any
) -> None:
    refund(sandbox, paid_charges()[0], 1900)
    deliver(sandbox, bought[0])
    assert states(bought) == ["refunded"] * 3
    assert owned(ada, bought[0].product) is None
    for upgrade in bought[1:]:
        sync_purchase(Purchase.objects.get(pk=upgrade.pk), "test")
    assert states(bought) == ["refunded"] * 3


def test_partial_refund_of_the_first_purchase_suspends_nothing(bought: list[Purchase], sandbox: Any) -> None:
    refund(sandbox, paid_charges()[0], 1800)
    deliver(sandbox, bought[0])
    assert states(bought) == [""] * 3


def test_won_dispute_of_the_first_purchase_opens_its_upgrades_again(
    bought: list[Purchase], sandbox: Any
) -> None:
    opened = dispute(paid_charges()[0])
    deliver(sandbox, bought[0])
    assert states(bought) == ["disputed"] * 3
    win(opened)
    deliver(sandbox, bought[0])
    assert states(bought) == [""] * 3
    for row in bought:
        assert row.mails.filter(kind=Mail.Kind.RESTORED).count() == 1


def test_lost_dispute_and_failed_refund_reach_the_upgrades(bought: list[Purchase], sandbox: Any) -> None:
    failing = fail_refund(paid_charges()[0], 1900)
    deliver(sandbox, bought[0])
    assert states(bought) == ["refunded"] * 3
    run_scheduled(failing)
    deliver(sandbox, bought[0])
    assert states(bought) == [""] * 3
    lose(dispute(paid_charges()[0]))
    deliver(sandbox, bought[0])
    assert states(bought) == ["dispute_lost"] * 3


def test_upgrade_keeps_its_own_suspension(bought: list[Purchase], sandbox: Any) -> None:
    opened = dispute(paid_charges()[0])
    deliver(sandbox, bought[0])
    refund(sandbox, paid_charges()[1])
    deliver(sandbox, bought[1])
    assert states(bought) == ["disputed", "refunded", "refunded"]
    win(opened)
    deliver(sandbox, bought[0])
    assert states(bought) == ["", "refunded", "refunded"]


def test_signals_and_timeline_of_an_upgrade_follow(bought: list[Purchase], sandbox: Any) -> None:
    def receive(**kwargs: Any) -> None:
        pass

    access_revoked.connect(receive)
    access_granted.connect(receive)
    try:
        opened = dispute(paid_charges()[0])
        deliver(sandbox, bought[0])
        win(opened)
        deliver(sandbox, bought[0])
    finally:
        access_revoked.disconnect(receive)
        access_granted.disconnect(receive)
    calls = ReceiverCall.objects.filter(purchase=bought[2]).values_list("signal", flat=True)
    assert list(calls) == ["access_revoked", "access_granted"]
    assert [change.suspended_by for change in bought[2].changes.all()][-2:] == ["disputed", ""]


def test_order_page_names_the_order_that_was_refunded(
    as_ada: Client, bought: list[Purchase], sandbox: Any
) -> None:
    refund(sandbox, paid_charges()[0])
    deliver(sandbox, bought[0])
    upgrade = Purchase.objects.get(pk=bought[1].pk)
    assert bought[0].order_number in status_message(upgrade).text
    assert bought[0].order_number in as_ada.get(upgrade.get_absolute_url()).content.decode()
    first = Purchase.objects.get(pk=bought[0].pk)
    assert bought[0].order_number not in status_message(first).text


def test_rebuilt_payments_keep_the_suspension(bought: list[Purchase], sandbox: Any) -> None:
    refund(sandbox, paid_charges()[0])
    deliver(sandbox, bought[0])
    Payment.objects.all().delete()
    Purchase.objects.update(suspended_by="")
    reconcile()
    assert states(bought) == ["refunded"] * 3


# --- open payment pages ---------------------------------------------------------------------------------------


def session_status(sandbox: Any, purchase: Purchase) -> str:
    return str(sandbox.client.v1.checkout.sessions.retrieve(purchase.session_id).status)


@pytest.mark.parametrize("amount", [500, 1900])
def test_reconcile_closes_the_payment_page_if_closing_it_failed(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any, amount: int
) -> None:
    first = buy(as_ada, icons)
    press_buy(as_ada, icons, team)
    upgrade = Purchase.objects.get(upgrade_of=first)
    reconcile()
    assert session_status(sandbox, upgrade) == "open"
    sandbox.client.v1.refunds.create({"payment_intent": first.payment_intent_id, "amount": amount})
    sandbox.deliver()  # without the task that closes the page
    assert session_status(sandbox, upgrade) == "open"
    reconcile()
    assert session_status(sandbox, upgrade) == "expired"


def test_refund_while_the_payment_page_is_created_ends_the_credit(
    as_ada: Client, icons: ProductConfiguration, team: Price, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = buy(as_ada, icons)
    create_coupon = checkout_sessions.create_upgrade_coupon

    def refund_and_create(purchase: Purchase) -> str:
        coupon = create_coupon(purchase)
        sandbox.client.v1.refunds.create({"payment_intent": first.payment_intent_id, "amount": 400})
        sandbox.deliver()
        monkeypatch.setattr(checkout_sessions, "create_upgrade_coupon", create_coupon)
        return coupon

    monkeypatch.setattr(checkout_sessions, "create_upgrade_coupon", refund_and_create)
    assert buy(as_ada, icons, team).amount_total == 4900 - 1500


def test_promotion_code_for_the_upgrade_of_a_free_purchase_keeps_the_payment_page_open(
    as_ada: Client, sandbox: Any, settings: Any
) -> None:
    """Nothing is credited, so promotion codes are allowed."""
    settings.CHECKOUT_PROMOTION_CODES = True
    fonts = create_product(sandbox.client, "Fonts", 0)
    free = buy(as_ada, fonts)
    price = add_price(sandbox.client, fonts.product_id, 4900)
    sync_product(fonts.product_id)
    fonts.__dict__.pop("prices", None)
    coupon: Any = {"type": "coupon", "coupon": sandbox.client.v1.coupons.create({"percent_off": 20}).id}
    sandbox.client.v1.promotion_codes.create({"promotion": coupon, "code": "SALE"})
    page = press_buy(as_ada, fonts, Price.objects.get(id=price))
    Client().post(url_path(page), {"promotionCode": "SALE", "act": "apply"})
    upgrade = sync_purchase(Purchase.objects.get(upgrade_of=free), "test")
    assert upgrade.amount_discount == 980
    reconcile()
    assert session_status(sandbox, upgrade) == "open"
