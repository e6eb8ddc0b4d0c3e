"""What operators do with an order: confirmed, done once, written to the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.back_office.audit import ActionRefused, perform
from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.models import OperatorAction, Purchase, ReceiverCall
from apps.users.models import User
from tests.factories import signed_in
from tests.operator_actions import action_url, confirm, hidden_fields

pytestmark = pytest.mark.django_db


def test_an_action_asks_to_confirm_and_is_written_to_the_audit_log(
    as_olive: Client, olive: User, purchase: Purchase
) -> None:
    url = action_url(purchase, "refresh")
    assert as_olive.get(url).status_code == 200
    assert not OperatorAction.objects.exists()

    assert confirm(as_olive, url).status_code == 302
    entry = OperatorAction.objects.get()
    assert (entry.operator, entry.operator_name, entry.action) == (olive, olive.email, "refresh")
    assert (entry.purchase, entry.subject, entry.outcome) == (purchase, purchase.order_number, "done")


def test_a_form_that_is_sent_twice_acts_once(as_olive: Client, purchase: Purchase) -> None:
    url = action_url(purchase, "refresh")
    fields = hidden_fields(as_olive.get(url).content.decode())
    assert [as_olive.post(url, fields).status_code for _ in range(2)] == [302, 302]
    assert OperatorAction.objects.count() == 1


def test_an_order_that_has_changed_since_is_confirmed_again(as_olive: Client, purchase: Purchase) -> None:
    url = action_url(purchase, "refresh")
    fields = hidden_fields(as_olive.get(url).content.decode())
    purchase.payments.update(amount_refunded=100)
    page = as_olive.post(url, fields)
    assert page.status_code == 200
    assert "has changed" in page.content.decode()
    assert not OperatorAction.objects.exists()


def test_two_operators_cannot_act_on_one_order_at_once(
    as_olive: Client, olive: User, purchase: Purchase
) -> None:
    other = OperatorAction.objects.create(
        operator=olive, action="refresh", purchase=purchase, subject="x", started_at=timezone.now()
    )
    page = confirm(as_olive, action_url(purchase, "refresh"))
    assert "Another action" in page.content.decode()

    # The process of the first operator was killed.
    rows = OperatorAction.objects.filter(pk=other.pk)
    rows.set_outcome(OperatorAction.Outcome.RUNNING, started_at=timezone.now() - timedelta(minutes=3))
    assert confirm(as_olive, action_url(purchase, "refresh")).status_code == 302
    assert rows.get().outcome == "interrupted"


def test_entries_of_the_audit_log_are_not_changed_or_deleted(
    as_olive: Client, olive: User, purchase: Purchase
) -> None:
    confirm(as_olive, action_url(purchase, "refresh"))
    entry = OperatorAction.objects.get()
    for change in (
        entry.save,
        entry.delete,
        OperatorAction.objects.all().delete,
        lambda: OperatorAction.objects.update(message="x"),
    ):
        with pytest.raises(TypeError):
            change()
    page = reverse("admin:ecommerce_operatoraction_change", args=[entry.pk])
    assert as_olive.get(page).status_code == 200
    assert as_olive.post(page, {"message": "x"}).status_code == 403
    olive.delete()
    entry.refresh_from_db()
    assert (entry.operator, entry.operator_name) == (None, "olive@example.com")


def test_each_action_needs_its_permission(bob: User, purchase: Purchase) -> None:
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support = signed_in(bob)
    order = reverse("admin:ecommerce_purchase_change", args=[purchase.pk])
    assert action_url(purchase, "refresh") not in support.get(order).content.decode()
    assert support.get(action_url(purchase, "refresh")).status_code == 403
    assert support.post(action_url(purchase, "refresh")).status_code == 403

    bob.user_permissions.add(Permission.objects.get(codename="refresh_purchase"))
    assert action_url(purchase, "refresh") in support.get(order).content.decode()
    assert confirm(support, action_url(purchase, "refresh")).status_code == 302


def test_calling_receivers_again_needs_a_permission(bob: User, purchase: Purchase) -> None:
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support, url = signed_in(bob), reverse("admin:ecommerce_receivercall_changelist")
    call = ReceiverCall.objects.create(signal="access_granted", receiver="x", event_id="x", purchase=purchase)
    token = uuid4()
    press = {"action": "call_again", "_selected_action": str(call.pk)}
    support.post(url, press | {"token": str(uuid4())})
    call.refresh_from_db()
    assert call.attempts == 0

    bob.user_permissions.add(Permission.objects.get(codename="process_event"))
    for _ in range(2):  # the button is pressed twice
        support.post(url, press | {"token": str(token)})
    call.refresh_from_db()
    assert call.attempts == 1
    entry = OperatorAction.objects.get()
    assert (entry.operator, entry.action, entry.purchase) == (bob, "call-receiver", purchase)
    assert entry.outcome == "done"


def test_receiver_that_fails_again_is_in_the_audit_log(
    as_olive: Client, purchase: Purchase, settings: Any
) -> None:
    from apps.ecommerce.purchases.signals import SIGNALS

    def fail(**kwargs: Any) -> None:
        raise ValueError("no stock")

    SIGNALS["access_granted"].connect(fail)
    try:
        receiver = f"{fail.__module__}.{fail.__qualname__}"
        call = ReceiverCall.objects.create(
            signal="access_granted", receiver=receiver, event_id="x", purchase=purchase
        )
        press = {"action": "call_again", "_selected_action": str(call.pk), "token": str(uuid4())}
        url = reverse("admin:ecommerce_receivercall_changelist")
        assert "no stock" in as_olive.post(url, press, follow=True).content.decode()
    finally:
        SIGNALS["access_granted"].disconnect(fail)
    assert "no stock" in OperatorAction.objects.get().message
    assert OperatorAction.objects.get().outcome == "failed"


def test_unexpected_error_leaves_open_whether_it_was_done(olive: User) -> None:
    def run(entry: OperatorAction) -> str:
        raise RuntimeError("after the request to Stripe")

    with pytest.raises(RuntimeError):
        perform("refund", olive, uuid4(), run)
    assert OperatorAction.objects.get().outcome == "interrupted"


@pytest.mark.parametrize("other", ["action", "operator", "subject", "details"])
def test_token_of_another_form_does_nothing(olive: User, bob: User, other: str) -> None:
    token, runs = uuid4(), []

    def run(entry: OperatorAction) -> str:
        runs.append(entry)
        return "Done."

    form: dict[str, Any] = {"action": "refund", "operator": olive, "subject": "A", "details": {"amount": 5}}
    perform(token=token, run=run, **form)
    values = {"action": "refresh", "operator": bob, "subject": "B", "details": {"amount": 7}}
    with pytest.raises(ActionRefused):
        perform(token=token, run=run, **{**form, other: values[other]})
    assert perform(token=token, run=run, **form).message == "Done."
    assert len(runs) == 1


def test_list_of_the_audit_log_counts_its_entries(as_olive: Client, olive: User) -> None:
    for _ in range(2):
        perform("refund", olive, uuid4(), lambda entry: "Done.")
    page = as_olive.get(reverse("admin:ecommerce_operatoraction_changelist")).content.decode()
    assert "2 entries of the audit log" in page
