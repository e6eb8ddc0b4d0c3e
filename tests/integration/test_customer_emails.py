"""A changed e-mail address of an account reaches its Stripe customer, at once or by `reconcile_purchases`."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, StripeCustomer
from apps.ecommerce.operations.reconcile import reconcile
from apps.users.models import User
from stripe_sandbox import storage
from tests.factories import press_buy

pytestmark = pytest.mark.django_db(transaction=True)  # the update is sent after the commit


def change_email(user: User, email: str) -> None:
    user.email = email
    user.save(update_fields=["email"])


def email_at_stripe() -> Any:
    return (storage.get(StripeCustomer.objects.get().id) or {})["email"]


def test_failed_update_is_repeated_by_reconcile(
    as_ada: Client, ada: User, icons: ProductConfiguration, disconnect_stripe: Any, settings: Any
) -> None:
    press_buy(as_ada, icons)
    change_email(ada, "ada@new.example")
    assert email_at_stripe() == "ada@new.example"
    connected = (settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE)
    disconnect_stripe()
    change_email(ada, "ada@newest.example")
    assert email_at_stripe() == "ada@new.example"
    settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE = connected
    reconcile()
    assert email_at_stripe() == "ada@newest.example"
    assert not StripeCustomer.objects.get().is_email_outdated


def test_refused_update_does_not_stop_reconcile(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    press_buy(as_ada, icons)
    storage.delete(StripeCustomer.objects.get().id)
    StripeCustomer.objects.update(is_email_outdated=True)
    assert reconcile().failures == []
    assert not StripeCustomer.objects.get().is_email_outdated  # Stripe would refuse it every ten minutes
