"""Operators end the access of an order and restore it. Payments do not change that decision."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.content.licence_checks import is_valid
from apps.ecommerce.models import (
    LicenceKey,
    OperatorAction,
    Price,
    ProductConfiguration,
    Purchase,
    PurchaseStatus,
    Suspension,
)
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import has_access, owned, purchases_with_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.messages.billing_notes import billing_note
from apps.ecommerce.purchases.signals import access_granted, access_revoked
from apps.users.models import User
from tests.factories import buy, press_buy, sent_kinds, sent_to_buyers, signed_in
from tests.operator_actions import action_url, confirm, hidden_fields
from tests.stripe_actions import fail_renewal, renew

pytestmark = pytest.mark.django_db(transaction=True)

ACTIVE = [status for status in PurchaseStatus if status in ("paid", "trialing", "active", "past_due")]


@pytest.fixture
def subscription(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    return buy(as_ada, club)


def revoke(operator: Client, purchase: Purchase, **fields: str) -> Purchase:
    return act(operator, purchase, "revoke", **fields)


def restore(operator: Client, purchase: Purchase, **fields: str) -> Purchase:
    return act(operator, purchase, "restore", **fields)


def act(operator: Client, purchase: Purchase, name: str, **fields: str) -> Purchase:
    response = confirm(operator, action_url(purchase, name), **{"reason": "Shared it", **fields})
    assert response.status_code == 302, response.context["form"].errors
    return Purchase.objects.get(pk=purchase.pk)


def consequences(operator: Client, purchase: Purchase, name: str) -> str:
    return " ".join(operator.get(action_url(purchase, name)).context["consequences"])


def test_revoked_order_gives_no_access_until_it_is_restored(
    as_olive: Client, as_ada: Client, ada: User, icons: ProductConfiguration, purchase: Purchase
) -> None:
    gated = f"/purchases/{icons.slug}/"
    purchase = revoke(as_olive, purchase)
    assert (purchase.suspension, purchase.suspended_by) == ("revoked", "")
    assert as_ada.get(gated).status_code == 302
    assert owned(ada, icons.product) is None
    assert "revoke" not in action_names(as_olive, purchase)
    purchase = restore(as_olive, purchase)
    assert as_ada.get(gated).status_code == 200
    assert "restore" not in action_names(as_olive, purchase)
    labels = [(change.suspended_by, change.to_status) for change in purchase.changes.all()][-2:]
    assert labels == [("revoked", "paid"), ("", "paid")]


def action_names(operator: Client, purchase: Purchase) -> list[str]:
    page = operator.get(f"/admin/ecommerce/purchase/{purchase.pk}/change/")
    return [action.name for action in page.context["actions"]]


def test_order_page_says_that_the_shop_ended_access_and_names_a_contact(
    as_olive: Client, as_ada: Client, purchase: Purchase, settings: Any
) -> None:
    revoke(as_olive, purchase)
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert 'data-state="revoked"' in page
    assert f"mailto:{settings.SUPPORT_EMAIL}" in page
    assert "Shared it" not in page
    assert purchase.order_number in page


def test_buyer_gets_an_email_only_if_the_operator_wants_it(as_olive: Client, purchase: Purchase) -> None:
    before = sent_kinds()
    restore(as_olive, revoke(as_olive, purchase))
    assert sent_kinds() == before
    restore(as_olive, revoke(as_olive, purchase, sends_email="on"), sends_email="on")
    assert sent_kinds() == [*before, "revoked", "restored"]
    revoked = sent_to_buyers()[-2]
    assert purchase.order_number in revoked.body
    assert "Shared it" not in revoked.body


def test_reason_is_required_and_kept_in_the_audit_log(
    as_olive: Client, olive: User, purchase: Purchase
) -> None:
    url = action_url(purchase, "revoke")
    assert confirm(as_olive, url, reason="").context["form"].errors.keys() == {"reason"}
    revoke(as_olive, purchase)
    entry = OperatorAction.objects.get()
    assert (entry.operator, entry.action, entry.details["reason"]) == (olive, "revoke", "Shared it")
    assert "Shared it" not in purchase.changes.last().cause  # buyers export their changes


def test_page_says_what_is_not_done(as_olive: Client, purchase: Purchase, subscription: Purchase) -> None:
    assert "refunded" in consequences(as_olive, purchase, "revoke")
    assert "no subscription" in consequences(as_olive, purchase, "revoke")
    assert "keeps charging" in consequences(as_olive, subscription, "revoke")
    Purchase.objects.filter(pk=subscription.pk).update(cancel_at=subscription.current_period_end)
    assert "does not charge it again" in consequences(as_olive, subscription, "revoke")


def test_page_names_other_orders_that_give_access(
    as_olive: Client, as_ada: Client, purchase: Purchase, icons: ProductConfiguration, team: Price
) -> None:
    upgrade = buy(as_ada, icons, team)
    assert upgrade.upgrade_of == purchase
    assert upgrade.order_number in consequences(as_olive, purchase, "revoke")


def test_revoking_needs_its_permission(bob: User, purchase: Purchase) -> None:
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support, url = signed_in(bob), action_url(purchase, "revoke")
    assert (support.get(url).status_code, support.post(url).status_code) == (403, 403)
    bob.user_permissions.add(Permission.objects.get(codename="revoke_access"))
    revoke(support, purchase)


def test_form_that_is_sent_twice_revokes_once(as_olive: Client, purchase: Purchase) -> None:
    url = action_url(purchase, "revoke")
    fields = {**hidden_fields(as_olive.get(url).content.decode()), "reason": "x"}
    as_olive.post(url, fields)
    version = Purchase.objects.get(pk=purchase.pk).version
    as_olive.post(url, fields)
    assert Purchase.objects.get(pk=purchase.pk).version == version


# --- Stripe does not change the decision --------------------------------------------------------------------


def test_syncs_events_and_refunds_leave_the_order_revoked(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    revoked_at = revoke(as_olive, purchase).revoked_at
    sync_purchase(Purchase.objects.get(pk=purchase.pk), "test")
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    for _round in range(3):
        sandbox.deliver()
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.revoked_at, purchase.suspended_by) == (revoked_at, "refunded")
    assert not has_access(purchase)
    assert purchase.status_label == Suspension.REVOKED.label

    restored = restore(as_olive, purchase)  # the refund ends the access again
    assert (restored.suspension, has_access(restored)) == ("refunded", False)
    assert "still no access" in OperatorAction.objects.latest("pk").message


def test_renewals_leave_the_subscription_revoked(
    as_olive: Client, subscription: Purchase, sandbox: Any
) -> None:
    revoke(as_olive, subscription)
    subscription = renew(sandbox, subscription)
    assert subscription.payments.count() == 2
    assert not has_access(subscription)
    assert has_access(restore(as_olive, subscription))


def test_upgrade_is_revoked_and_restored_separately(
    as_olive: Client, as_ada: Client, ada: User, purchase: Purchase, icons: ProductConfiguration, team: Price
) -> None:
    upgrade = buy(as_ada, icons, team)
    revoke(as_olive, upgrade)
    assert owned(ada, icons.product) == purchase
    revoke(as_olive, purchase)
    assert owned(ada, icons.product) is None
    restore(as_olive, upgrade)
    assert owned(ada, icons.product) == upgrade


def test_revoked_order_is_not_credited_to_an_upgrade(
    as_olive: Client,
    as_ada: Client,
    purchase: Purchase,
    icons: ProductConfiguration,
    team: Price,
    sandbox: Any,
) -> None:
    page = press_buy(as_ada, icons, team)
    open_upgrade = Purchase.objects.exclude(upgrade_of=None).get()
    revoke(as_olive, purchase)
    for _round in range(3):
        sandbox.deliver()
    open_upgrade.refresh_from_db()
    assert open_upgrade.status == "expired"
    assert press_buy(as_ada, icons, team) != page
    assert Purchase.objects.filter(status="open").get().upgrade_of is None


def test_refund_of_the_upgraded_order_keeps_the_upgrade_revoked(
    as_olive: Client,
    as_ada: Client,
    purchase: Purchase,
    icons: ProductConfiguration,
    team: Price,
    sandbox: Any,
) -> None:
    upgrade = revoke(as_olive, buy(as_ada, icons, team))
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    for _round in range(3):
        sandbox.deliver()
    upgrade.refresh_from_db()
    assert (upgrade.suspension, upgrade.suspended_by) == ("revoked", "refunded")


def test_buyer_of_a_revoked_subscription_can_still_cancel_it(
    as_olive: Client, as_ada: Client, subscription: Purchase
) -> None:
    subscription = revoke(as_olive, subscription)
    note = billing_note(subscription)
    assert "cancel" in note
    assert "access" not in note  # a renewal does not restore it
    page = as_ada.get(subscription.get_absolute_url()).content.decode()
    assert note in page.replace("&#x27;", "'")
    assert f'action="{subscription.get_absolute_url()}cancel/"' in page
    as_ada.post(f"{subscription.get_absolute_url()}cancel/")
    subscription.refresh_from_db()
    assert not subscription.will_be_charged_again


# --- what follows from access -----------------------------------------------------------------------------


def test_receivers_are_called_after_revoking_and_restoring(as_olive: Client, purchase: Purchase) -> None:
    heard: list[str] = []
    receivers = {
        signal: lambda name=name, **kwargs: heard.append(name)
        for name, signal in (("granted", access_granted), ("revoked", access_revoked))
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver)
    try:
        restore(as_olive, revoke(as_olive, purchase))
        assert heard == ["revoked", "granted"]
    finally:
        for signal, receiver in receivers.items():
            signal.disconnect(receiver)


def test_licence_key_is_valid_only_while_the_order_gives_access(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    icons.licence_keys = ProductConfiguration.LicenceKeys.GENERATED
    icons.save()
    purchase = buy(as_ada, icons)
    revoke(as_olive, purchase)
    assert not is_valid(LicenceKey.objects.select_related("purchase").get())
    restore(as_olive, purchase)
    assert is_valid(LicenceKey.objects.select_related("purchase").get())


def test_waiting_access_can_be_revoked_and_is_not_claimed(
    as_olive: Client, ada: User, icons: ProductConfiguration
) -> None:
    from tests.integration.test_granted_access import confirm_address, give

    purchase = revoke(as_olive, give(as_olive, icons, ada.email))
    confirm_address(ada)
    purchase.refresh_from_db()
    assert purchase.user is None
    restored = restore(as_olive, purchase)
    assert restored.user == ada
    assert owned(ada, icons.product) == restored


@pytest.mark.parametrize("status", ACTIVE)
@pytest.mark.parametrize("suspended_by", ["", Suspension.REFUNDED])
def test_queryset_and_predicate_agree(purchase: Purchase, status: str, suspended_by: str) -> None:
    now = timezone.now()
    for revoked_at in (None, now):
        values = {"status": status, "suspended_by": suspended_by, "revoked_at": revoked_at}
        Purchase.objects.update(**values, paid_until=now + (now - purchase.created_at), has_paid=True)
        purchase.refresh_from_db()
        assert purchases_with_access().filter(pk=purchase.pk).exists() is has_access(purchase)
        assert not (revoked_at and has_access(purchase))


def test_timeline_and_export_show_the_decision(
    as_olive: Client, as_ada: Client, ada: User, purchase: Purchase
) -> None:
    from apps.users.personal_data import collect

    revoke(as_olive, purchase)
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert re.search(r"timeline__what[^<]*>\s*Access ended by the shop", page)
    (exported,) = collect(ada)["purchases"]
    assert exported["suspended_by"] == "revoked"


def test_failed_renewal_promises_no_access_that_the_shop_has_ended(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    Purchase.objects.update(revoked_at=timezone.now())
    fail_renewal(sandbox, purchase)
    (message,) = [mail for mail in sent_to_buyers() if "renewal payment failed" in mail.body]
    assert "to keep access" not in message.body
    assert "cancel the subscription" in message.body


def test_failed_renewal_says_how_to_keep_access(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    fail_renewal(sandbox, buy(as_ada, club))
    (message,) = [mail for mail in sent_to_buyers() if "renewal payment failed" in mail.body]
    assert "Update your payment method to keep access." in message.body
