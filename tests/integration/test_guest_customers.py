"""The customer that Stripe has created for a guest's payment becomes the one of the account, whatever fails."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, StripeCustomer
from apps.ecommerce.operations.reconcile import reconcile
from apps.users.models import User
from tests.guest_actions import buy, emailed_link

pytestmark = pytest.mark.django_db(transaction=True)


def test_reconcile_copies_a_customer_after_a_failed_request(
    sandbox: Any, icons: ProductConfiguration, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = True
    order = buy(Client(), icons)
    Client().get(emailed_link())
    customer = StripeCustomer.objects.get()
    StripeCustomer.objects.all().delete()  # as if the process had been killed after the claim
    reconcile()
    copied = StripeCustomer.objects.get()
    assert (copied.id, copied.user, copied.name) == (customer.id, User.objects.get(), customer.name)
    assert Purchase.objects.get().pk == order.pk
