"""purchase_claimed tells receivers who owns a purchase that was made without an account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, ReceiverCall
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.guest_orders import claim_orders_of
from apps.ecommerce.purchases.signals import access_granted, access_revoked, purchase_claimed
from apps.users.models import User
from tests import factories
from tests.guest_actions import buy, emailed_link

pytestmark = pytest.mark.django_db(transaction=True)  # tasks run after the commit
SIGNALS = (access_granted, access_revoked, purchase_claimed)


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


@pytest.fixture
def members() -> Iterator[Group]:
    """A group whose members are the users with access, as a founder would keep it."""
    group = Group.objects.create(name="Members")

    def update_members(purchase: Purchase, **kwargs: Any) -> None:
        if purchase.user:
            (group.user_set.add if has_access(purchase) else group.user_set.remove)(purchase.user)

    for signal in SIGNALS:
        signal.connect(update_members)
    yield group
    for signal in SIGNALS:
        signal.disconnect(update_members)


def names(group: Group) -> list[str]:
    return [user.email for user in group.user_set.all()]


def test_buyer_becomes_a_member_when_the_order_is_claimed(
    sandbox: Any, icons: ProductConfiguration, members: Group
) -> None:
    buy(Client(), icons)
    assert names(members) == []
    Client().post(emailed_link())
    assert names(members) == ["gina@example.com"]


def test_order_that_was_refunded_before_the_claim_gives_nothing(
    sandbox: Any, icons: ProductConfiguration, members: Group
) -> None:
    order = buy(Client(), icons)
    link = emailed_link()
    sandbox.client.v1.refunds.create({"payment_intent": order.payment_intent_id})
    sandbox.deliver()
    Client().post(link)
    assert names(members) == []


def test_each_claim_calls_once(sandbox: Any, icons: ProductConfiguration, members: Group) -> None:
    buy(Client(), icons)
    link = emailed_link()
    Client().post(link)
    Client().post(link)
    claim_orders_of("gina@example.com", User.objects.get())
    assert ReceiverCall.objects.filter(signal="purchase_claimed").count() == 1


def test_purchases_of_accounts_are_not_claimed(
    as_ada: Client, icons: ProductConfiguration, members: Group
) -> None:
    factories.buy(as_ada, icons)
    assert not ReceiverCall.objects.filter(signal="purchase_claimed").exists()


def test_failed_call_does_not_stop_the_claim_and_is_repeated(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    found: list[Any] = []

    def fail_once(purchase: Purchase, event_id: str, **kwargs: Any) -> None:
        found.append((purchase.user, event_id))
        if len(found) == 1:
            raise ValueError

    purchase_claimed.connect(fail_once)
    try:
        buy(Client(), icons)
        Client().post(emailed_link())
        assert Purchase.objects.get().user
        reconcile()
    finally:
        purchase_claimed.disconnect(fail_once)
    assert found == [found[0]] * 2
    assert found[0][0] == User.objects.get()
