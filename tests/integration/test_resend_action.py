"""An operator sends an e-mail of an order again, but never one that would be wrong now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.back_office.actions.emails import RULES
from apps.ecommerce.models import Mail, OperatorAction, ProductConfiguration, Purchase
from apps.ecommerce.purchases.emails.texts import TEXTS
from tests.factories import LOCMEM, NO_MAIL_SERVER, buy, set_email_url
from tests.operator_actions import action_url, confirm, hidden_fields
from tests.stripe_actions import deliver, fail_renewal, paid_charges, refund, renew

pytestmark = pytest.mark.django_db(transaction=True)


def resend(operator: Client, purchase: Purchase, kind: str) -> Any:
    mail = purchase.mails.filter(kind=kind, repeat_of=None).latest("pk")
    return confirm(operator, action_url(purchase, "resend"), mail=str(mail.pk))


def an_hour_later() -> None:
    Mail.objects.exclude(sent_at=None).update(sent_at=timezone.now() - timedelta(hours=1))


def offered(operator: Client, purchase: Purchase) -> set[str]:
    """Return the kinds of the e-mails that can be sent again."""
    response = operator.get(action_url(purchase, "resend"))
    if response.status_code == 302:
        return set()
    keys = [int(key) for key, _label in response.context["form"].fields["mail"].choices]
    return set(Mail.objects.filter(pk__in=keys).values_list("kind", flat=True))


def test_confirmation_is_sent_again_as_a_new_message(as_olive: Client, purchase: Purchase) -> None:
    an_hour_later()
    assert resend(as_olive, purchase, "confirmed").status_code == 302
    first, second = outbox.outbox
    assert first.subject == second.subject
    assert second.to == ["ada@example.com"]
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]
    original, repeat = purchase.mails.order_by("pk")
    assert (repeat.repeat_of, repeat.kind, repeat.about) == (original, original.kind, original.about)
    assert original.sent_at < repeat.sent_at  # type: ignore[operator]
    assert "sent to ada@example.com" in OperatorAction.objects.get().message
    an_hour_later()
    assert resend(as_olive, purchase, "confirmed").status_code == 302
    assert len(outbox.outbox) == 3


def test_email_is_not_sent_twice_within_a_minute(as_olive: Client, purchase: Purchase) -> None:
    assert "less than a minute ago" in resend(as_olive, purchase, "confirmed").content.decode()
    an_hour_later()
    resend(as_olive, purchase, "confirmed")
    assert "less than a minute ago" in resend(as_olive, purchase, "confirmed").content.decode()
    assert len(outbox.outbox) == 2


def test_form_that_is_sent_twice_sends_once(as_olive: Client, purchase: Purchase) -> None:
    an_hour_later()
    url = action_url(purchase, "resend")
    fields = {"mail": str(purchase.mails.get().pk), **hidden_fields(as_olive.get(url).content.decode())}
    assert [as_olive.post(url, fields).status_code for _ in range(2)] == [302, 302]
    assert len(outbox.outbox) == 2


def test_confirmation_is_not_sent_after_a_refund(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    refund(sandbox, paid_charges()[0])
    deliver(sandbox, purchase)
    an_hour_later()
    assert offered(as_olive, purchase) == {"refunded"}
    texts = " ".join(as_olive.get(action_url(purchase, "resend")).context["consequences"])
    assert "the buyer has no access now" in texts
    assert resend(as_olive, purchase, "confirmed").status_code == 200
    assert resend(as_olive, purchase, "refunded").status_code == 302
    assert [message.subject for message in outbox.outbox].count("Your refund for Icon set") == 2


def test_refund_email_is_not_sent_if_the_refund_failed(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    refund(sandbox, paid_charges()[0], 500)
    deliver(sandbox, purchase)
    assert "refunded" in offered(as_olive, purchase)
    purchase.payments.update(amount_refunded=0)
    assert "refunded" not in offered(as_olive, purchase)


def test_emails_of_a_subscription_follow_its_state(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    assert offered(as_olive, purchase) == {"confirmed"}
    purchase = fail_renewal(sandbox, purchase)
    assert "renewal_failed" in offered(as_olive, purchase)
    confirm(as_olive, action_url(purchase, "cancel"), when="now")
    assert "ended" in offered(as_olive, purchase)
    assert not {"renewal_failed", "confirmed"} & offered(as_olive, purchase)


def test_receipts_of_each_renewal_can_be_chosen(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.RENEWAL_RECEIPTS = True
    purchase = renew(sandbox, buy(as_ada, club), 2)
    an_hour_later()
    outbox.outbox.clear()
    first = purchase.mails.filter(kind="receipt").earliest("pk")
    confirm(as_olive, action_url(purchase, "resend"), mail=str(first.pk))
    (message,) = outbox.outbox
    assert first.payment
    assert first.payment.stripe_id in message.body


def test_unsent_email_is_tried_again(as_olive: Client, purchase: Purchase, settings: Any) -> None:
    purchase.mails.update(sent_at=None, error="SMTP: no such user", given_up_at=timezone.now())
    outbox.outbox.clear()
    set_email_url(settings, NO_MAIL_SERVER)
    page = resend(as_olive, purchase, "confirmed").content.decode()
    assert "could not be sent" in page
    assert "ConnectionRefusedError" in page
    assert OperatorAction.objects.get().outcome == "failed"
    settings.MAILERS = {"default": {"BACKEND": LOCMEM}}
    settings.EMAIL_BACKEND = LOCMEM
    assert resend(as_olive, purchase, "confirmed").status_code == 302
    mail = purchase.mails.get()
    assert (mail.sent_at is not None, mail.error, mail.given_up_at) == (True, "", None)
    assert len(outbox.outbox) == 1


def test_email_that_the_buyer_does_not_want_is_not_sent(as_olive: Client, purchase: Purchase) -> None:
    Mail.objects.create(purchase=purchase, kind="updated", about="file version 999")
    page = resend(as_olive, purchase, "updated").content.decode()
    assert "no longer wants or needs" in page


def test_email_of_another_order_cannot_be_chosen(
    as_olive: Client, purchase: Purchase, as_bob: Client, icons: ProductConfiguration
) -> None:
    other = buy(as_bob, icons).mails.get()
    an_hour_later()
    sent = len(outbox.outbox)
    assert confirm(as_olive, action_url(purchase, "resend"), mail=str(other.pk)).status_code == 200
    assert len(outbox.outbox) == sent


@pytest.mark.parametrize("separator", [False, True])
def test_link_of_an_email_chooses_it(
    as_olive: Client, purchase: Purchase, settings: Any, separator: bool
) -> None:
    settings.USE_THOUSAND_SEPARATOR = separator
    mail = Mail.objects.create(pk=1284, purchase=purchase, kind="restored", about="v9")
    order = as_olive.get(reverse("admin:ecommerce_purchase_change", args=[purchase.pk])).content.decode()
    link = f"{action_url(purchase, 'resend')}?mail={mail.pk}"
    assert link in order
    form = as_olive.get(link).context["form"]
    assert form["mail"].value() == str(mail.pk)


def test_each_kind_of_email_has_a_rule() -> None:
    """Kinds of apps/shop decide by their own function."""
    assert set(Mail.Kind.values) == set(RULES)
    assert set(RULES) <= set(TEXTS)
