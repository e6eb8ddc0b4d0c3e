"""A change of plan asks for the same consent as a purchase (setting CHECKOUT_CONSENT)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Consent, Price, ProductConfiguration, Purchase
from apps.users.models import User
from tests.factories import add_price, buy, signed_in, url_path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(as_ada: Client, club: ProductConfiguration) -> Purchase:
    return buy(as_ada, club)


@pytest.fixture
def yearly(club: ProductConfiguration, sandbox: Any) -> Price:
    price = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_product(club.product_id)
    return Price.objects.get(id=price)


@pytest.fixture
def consent_is_asked(member: Purchase, yearly: Price, settings: Any) -> None:
    settings.CHECKOUT_CONSENT = ["terms", "withdrawal"]
    settings.TERMS_VERSION = "2026-06"


def boxes(client: Client, purchase: Purchase) -> dict[str, str]:
    page = client.get(purchase.get_absolute_url()).content.decode()
    [form] = re.findall(r'<form[^>]*action="[^"]*/switch/".*?</form>', page, re.DOTALL)
    assert "checked" not in form
    return dict(re.findall(r'<input type="checkbox" name="(\w+)" value="([\w.-]+)" required', form))


def switch(client: Client, purchase: Purchase, price: Price, form: dict[str, str]) -> str:
    response = client.post(f"{purchase.get_absolute_url()}switch/", {"price": price.id, **form})
    return str(response["Location"])


def test_change_of_plan_stores_what_the_buyer_agreed_to(
    as_ada: Client, member: Purchase, yearly: Price, consent_is_asked: None, sandbox: Any
) -> None:
    portal = switch(as_ada, member, yearly, boxes(as_ada, member))
    assert "/stripe-sandbox/" in portal
    terms, waiver = Consent.objects.all()
    assert (terms.purchase, terms.kind, terms.version) == (member, "terms", "2026-06")
    assert terms.document
    assert (waiver.kind, waiver.document) == ("withdrawal", None)
    mail.outbox.clear()
    confirm = Client().get(url_path(portal), follow=True).redirect_chain[-1][0]
    Client().post(confirm)
    sandbox.deliver()
    [message] = [row for row in mail.outbox if row.attachments]
    assert "plan" in message.subject
    assert waiver.text in " ".join(str(message.body).split())
    assert [name for name, _content, _type in message.attachments] == ["terms.txt"]
    assert "What you agreed to" in as_ada.get(member.get_absolute_url()).content.decode()


@pytest.mark.parametrize("missing", ["consent_terms", "consent_withdrawal"])
def test_plan_is_not_changed_without_consent(
    as_ada: Client, member: Purchase, yearly: Price, consent_is_asked: None, missing: str
) -> None:
    form = boxes(as_ada, member)
    del form[missing]
    assert switch(as_ada, member, yearly, form) == member.get_absolute_url()
    page = as_ada.get(member.get_absolute_url()).content.decode()
    assert "Please a" in page.partition('class="message__text"')[2][:40]
    assert not Consent.objects.exists()


@pytest.mark.parametrize("value", ["1", "en.0000000000000000", "xx.1"])
def test_forged_box_is_refused(
    as_ada: Client, member: Purchase, yearly: Price, consent_is_asked: None, value: str
) -> None:
    form = {**boxes(as_ada, member), "consent_withdrawal": value}
    assert switch(as_ada, member, yearly, form) == member.get_absolute_url()
    assert not Consent.objects.exists()


def test_consent_is_not_stored_if_stripe_is_down(
    as_ada: Client, member: Purchase, yearly: Price, consent_is_asked: None, disconnect_stripe: Any
) -> None:
    form = boxes(as_ada, member)
    disconnect_stripe()
    assert switch(as_ada, member, yearly, form) == member.get_absolute_url()
    assert not Consent.objects.exists()


def test_stranger_gives_no_consent_for_an_order(
    as_ada: Client, member: Purchase, yearly: Price, consent_is_asked: None
) -> None:
    form = boxes(as_ada, member)
    eve = signed_in(User.objects.create_user("eve@example.com", "pw"))
    response = eve.post(f"{member.get_absolute_url()}switch/", {"price": yearly.id, **form})
    assert response.status_code == 404
    assert not Consent.objects.exists()


def test_plan_change_requires_no_consent_by_default(as_ada: Client, member: Purchase, yearly: Price) -> None:
    assert boxes(as_ada, member) == {}
    assert "/stripe-sandbox/" in switch(as_ada, member, yearly, {})
    assert not Consent.objects.exists()


def test_canceling_requires_no_consent(as_ada: Client, member: Purchase, consent_is_asked: None) -> None:
    as_ada.post(f"{member.get_absolute_url()}cancel/")
    member.refresh_from_db()
    assert member.cancel_at
