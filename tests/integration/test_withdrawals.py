"""The form to withdraw from a contract (setting WITHDRAWAL_FORM), with and without an account."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.management import call_command
from django.test import Client

from apps.ecommerce.back_office.needs_attention import find_items
from apps.ecommerce.models import OperatorAction, ProductConfiguration, Purchase, Withdrawal
from apps.ecommerce.purchases.personal_data import export_purchases
from apps.users.models import User
from tests.factories import LOCMEM, NO_MAIL_SERVER, buy, press_buy, set_email_url, signed_in

pytestmark = pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit

FORM = "/withdraw/"
LIST = "/admin/ecommerce/withdrawal/"


@pytest.fixture(autouse=True)
def has_form(settings: Any) -> None:
    settings.WITHDRAWAL_FORM = True


def entered(**changes: str) -> dict[str, str]:
    fields = {"name": "Ada Lovelace", "contract": "Icon set, bought on Monday", "email": "ada@example.com"}
    return {**fields, "token": str(uuid4()), **changes}


def withdraw(client: Client, **changes: str) -> Any:
    return client.post(FORM, {**entered(**changes), "confirm": "1"}, follow=True)


def confirmations() -> list[Any]:
    return [message for message in mail.outbox if "withdrawal" in message.subject]


def test_form_is_off_by_default(client: Client, settings: Any) -> None:
    settings.WITHDRAWAL_FORM = False
    assert client.get(FORM).status_code == 404
    assert withdraw(client).status_code == 404
    assert "/withdraw/" not in client.get("/").content.decode()


@pytest.mark.parametrize("path", ["/store/", "/store/icon-set/", "/terms/", "/accounts/login/", "/nowhere/"])
def test_every_page_links_to_the_form(client: Client, icons: ProductConfiguration, path: str) -> None:
    page = client.get(path).content.decode()
    assert re.search(r'<a href="/withdraw/">\s*Withdraw from contract here</a>', page)


def test_withdrawal_has_two_steps(client: Client) -> None:
    first = client.post(FORM, entered())
    assert b"Confirm withdrawal" in first.content
    assert not Withdrawal.objects.exists()
    assert not mail.outbox
    page = withdraw(client).content.decode()
    assert "We have received your withdrawal" in page
    assert "Icon set, bought on Monday" in page
    row = Withdrawal.objects.get()
    assert (row.name, row.email, row.purchase, row.language) == (
        "Ada Lovelace",
        "ada@example.com",
        None,
        "en",
    )


def test_confirmation_has_content_and_time(client: Client, settings: Any) -> None:
    withdraw(client, contract="<b>Icon set</b> & more")
    [message] = confirmations()
    row = Withdrawal.objects.get()
    assert message.to == ["ada@example.com"]
    assert message.reply_to == [settings.SUPPORT_EMAIL]
    html = str(message.alternatives[0][0])
    assert "<b>Icon set</b> & more" in message.body
    assert "&lt;b&gt;Icon set&lt;/b&gt; &amp; more" in html
    assert "<b>Icon" not in html
    for text in (message.body, html):
        assert "Ada Lovelace" in text
        assert str(row.received_at.year) in text
        assert f"{row.received_at:%-I:%M}" in text or f"{row.received_at:%-I} " in text
        assert "UTC" in text
    assert (row.confirmation, row.confirmed_at is not None) == ("sent", True)


def test_confirmation_is_in_the_language_of_the_page(client: Client) -> None:
    client.post(FORM, {**entered(), "confirm": "1"}, headers={"accept-language": "de"})
    [message] = mail.outbox
    assert message.subject == "Wir haben deinen Widerruf erhalten"
    assert "Eingegangen" in message.body


def test_form_that_is_sent_twice_counts_once(client: Client) -> None:
    fields = entered()
    for _ in range(2):
        client.post(FORM, {**fields, "confirm": "1"})
    assert Withdrawal.objects.count() == 1
    assert len(confirmations()) == 1


@pytest.mark.parametrize("field", ["name", "contract", "email", "token"])
def test_all_fields_are_required(client: Client, field: str) -> None:
    response = withdraw(client, **{field: ""})
    assert response.status_code == 200
    assert not Withdrawal.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Win at https://evil.example now"),
        ("contract", "see www.evil.example"),
        ("contract", "evil.example/win"),
    ],
)
def test_confirmation_carries_no_web_address(client: Client, field: str, value: str) -> None:
    page = withdraw(client, **{field: value}).content.decode()
    assert "leave out web addresses" in page
    assert not Withdrawal.objects.exists()
    assert not mail.outbox


def test_dots_do_not_become_links(client: Client) -> None:
    withdraw(client, name="Dr.Evil", contract="Node.js 2.0 of evil.example, by ada@example.com")
    row = Withdrawal.objects.get()
    assert (row.name, row.contract) == ("Dr. Evil", "Node. js 2.0 of evil. example, by ada@example.com")
    assert "evil.example" not in mail.outbox[0].body


def test_text_is_shown_in_the_order_in_which_it_is_written(client: Client) -> None:
    withdraw(client, name="Ada \u202eecalevoL", contract="Icon \u2066set\u2069")
    row = Withdrawal.objects.get()
    assert (row.name, row.contract) == ("Ada ecalevoL", "Icon set")


def test_form_that_was_changed_after_back_counts_again(client: Client) -> None:
    fields = entered()
    for contract in ("Icon set", "Club"):
        client.post(FORM, {**fields, "contract": contract, "confirm": "1"})
    assert {row.contract for row in Withdrawal.objects.all()} == {"Icon set", "Club"}
    assert len(confirmations()) == 2


def test_typed_text_cannot_add_headers_or_lines(client: Client) -> None:
    withdraw(client, name="Ada\r\nBcc: all", contract="one\n\ntwo")
    [message] = confirmations()
    row = Withdrawal.objects.get()
    assert (row.name, row.contract) == ("Ada Bcc: all", "one two")
    assert message.recipients() == ["ada@example.com"]


def test_order_is_matched_by_its_number(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    typed = purchase.order_number.lower().replace("-", " ")
    withdraw(Client(), contract=f"my order {typed}, please")
    assert Withdrawal.objects.get().purchase == purchase
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert f"/withdraw/?order={purchase.order_number}" in page
    form = as_ada.get(f"/withdraw/?order={purchase.order_number}").content.decode()
    assert f'value="{purchase.order_number}"' in form
    assert 'value="Ada Lovelace"' in form


def test_unpaid_order_has_no_link(as_ada: Client, icons: ProductConfiguration) -> None:
    press_buy(as_ada, icons)
    page = as_ada.get(Purchase.objects.get().get_absolute_url()).content.decode()
    assert "?order=" not in page


def test_responses_do_not_reveal_whether_an_order_or_address_exists(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    number, before = buy(as_ada, icons).order_number, len(mail.outbox)
    pages, bodies = set(), set()
    guesses = {number: "W-2222-2222", "ada@example.com": "nobody@example.com"}
    for contract, email in ((number, "eve@example.com"), ("W-2222-2222", "nobody@example.com")):
        page = withdraw(Client(), contract=contract, email=email).content.decode()
        message = mail.outbox[-1]
        texts = [page, str(message.body)]
        for old, new in {**guesses, "eve@example.com": "nobody@example.com"}.items():
            texts = [text.replace(old, new) for text in texts]
        pages.add(re.sub(r"(datetime=|Received|<dd><time)[^\n]*|csrf\w*\" value=\"\w+", "", texts[0]))
        bodies.add(re.sub(r"Received:.*", "", texts[1]))
    assert len(mail.outbox) == before + 2
    assert len(bodies) == 1
    assert len(pages) == 1


def test_another_browser_does_not_see_what_was_entered(client: Client) -> None:
    withdraw(client)
    response = Client().get("/withdraw/received/")
    assert (response.status_code, response["Location"]) == (302, FORM)
    assert "no-store" in client.get("/withdraw/received/")["Cache-Control"]


def test_an_ip_address_is_limited(client: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {"withdrawal": "2/h/ip"}
    statuses = [
        client.post(FORM, {**entered(), "confirm": "1"}, REMOTE_ADDR="203.0.113.7").status_code
        for _ in range(3)
    ]
    assert statuses == [302, 302, 429]
    assert Withdrawal.objects.count() == 2


def test_a_flooded_address_gets_few_emails_and_can_still_withdraw(client: Client, settings: Any) -> None:
    settings.RATE_LIMITS = {"withdrawal_mail": "2/d/key"}
    for email in ("ada@example.com", "ADA@example.com", '"ada"@example.com'):
        assert "We have received" in withdraw(client, email=email).content.decode()
    assert len(confirmations()) == 2
    assert Withdrawal.objects.filter(confirmation="limited").count() == 1
    [item] = [item for item in find_items() if "was not sent" in item.detail]
    assert item.is_urgent
    call_command("reconcile_purchases")
    assert len(confirmations()) == 2  # only an operator sends it after all


def test_confirmation_is_sent_later_if_the_mail_server_fails(client: Client, settings: Any) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    assert "We have received" in withdraw(client).content.decode()
    row = Withdrawal.objects.get()
    assert (row.confirmation, bool(row.error)) == ("failed", True)
    settings.EMAIL_BACKEND = LOCMEM
    call_command("reconcile_purchases")
    row.refresh_from_db()
    assert (row.confirmation, row.error) == ("sent", "")
    assert len(confirmations()) == 1


def test_withdrawal_needs_attention_until_it_is_done(
    as_ada: Client, olive: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    withdraw(Client(), contract=purchase.order_number, email="other@example.com")
    row, as_olive = Withdrawal.objects.get(), signed_in(olive)
    assert purchase.order_number in as_olive.get("/admin/").content.decode()
    page = as_olive.get(f"{LIST}{row.pk}/change/").content.decode()
    assert f"/admin/ecommerce/purchase/{purchase.pk}/change/" in page
    assert "bought with another e-mail address" in page
    assert "Withdrawal" in as_olive.get(f"/admin/ecommerce/purchase/{purchase.pk}/change/").content.decode()
    act = {"action": "mark_as_done", "_selected_action": row.pk, "index": "0"}
    asked = as_olive.post(LIST, act)
    token = asked.context["form"]["token"].value()
    assert Withdrawal.objects.filter(done_at=None).exists()
    as_olive.post(LIST, {**act, "token": token})
    row.refresh_from_db()
    assert row.done_at
    entry = OperatorAction.objects.get()
    assert (entry.action, entry.purchase, entry.outcome) == ("withdrawal-done", purchase, "done")
    assert not [item for item in find_items() if "withdraws" in item.title]
    purchase.refresh_from_db()
    assert (purchase.status, purchase.amount_refunded) == ("paid", 0)  # nothing is refunded automatically


def test_operator_sends_the_confirmation_again(client: Client, olive: User) -> None:
    withdraw(client)
    row, as_olive = Withdrawal.objects.get(), signed_in(olive)
    act = {"action": "send_again", "_selected_action": row.pk, "index": "0"}
    token = as_olive.post(LIST, act).context["form"]["token"].value()
    for _ in range(2):  # the button is pressed twice
        as_olive.post(LIST, {**act, "token": token})
    assert len(confirmations()) == 2


def test_staff_without_permission_only_read(client: Client, db: None) -> None:
    withdraw(client)
    row = Withdrawal.objects.get()
    stan = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    stan.user_permissions.set(Permission.objects.filter(codename="view_withdrawal"))
    as_stan = signed_in(stan)
    page = as_stan.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "Icon set, bought on Monday" in page
    assert "Mark as done" not in page
    act = {"action": "mark_as_done", "_selected_action": row.pk, "index": "0", "token": str(uuid4())}
    as_stan.post(LIST, act)
    row.refresh_from_db()
    assert row.done_at is None
    assert as_stan.post(f"{LIST}{row.pk}/change/", {"name": "Eve"}).status_code == 403


def test_withdrawal_of_a_stranger_is_not_exported(
    ada: User, as_ada: Client, icons: ProductConfiguration
) -> None:
    number = buy(as_ada, icons).order_number
    withdraw(Client(), contract=number, email="eve@example.com", name="Eve")
    withdraw(Client(), contract=number)
    [exported] = export_purchases(ada)  # type: ignore[misc]
    assert [row["name"] for row in exported["withdrawals"]] == ["Ada Lovelace"]  # type: ignore[index,call-overload,union-attr]
