"""Saved cards on the payment page. https://docs.stripe.com/payments/checkout/save-during-payment"""

from __future__ import annotations

import re
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import complete_challenge, field_errors, open_session, page, pay, types

from stripe_sandbox import cards
from stripe_sandbox.hosted import saved_cards
from stripe_sandbox.testing import Sandbox

MASTERCARD = cards.BY_TOKEN["pm_card_mastercard"]
SAVE = {"payment_method_save": "enabled"}
EVERY = {"allow_redisplay_filters": ["always", "limited", "unspecified"]}


class Returning:
    """A customer who comes back, with the API and a browser."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.v1, self.browser = sandbox, sandbox.client.v1, Client()
        self.id = self.v1.customers.create({"email": "ada@example.com"}).id

    def open(self, *args: Any, **options: Any) -> stripe.checkout.Session:
        params = {"saved_payment_method_options": options} if options else {}
        return open_session(self.sandbox, *args, customer=self.id, **params)

    def save(self, card: cards.Card = cards.TABLE[0], **form: str) -> str:
        """Pay with a new card and save it. Return the id of the payment method."""
        session = self.open(**SAVE)
        if pay(self.browser, session, card, savePaymentMethod="on", **form)["Location"] == page(session):
            complete_challenge(self.browser, session, "complete")
        return self.v1.customers.payment_methods.list(self.id).data[0].id

    def methods(self, **filters: Any) -> list[str]:
        found = self.v1.customers.payment_methods.list(self.id, filters).data
        assert [method.id for method in found] == [
            method.id for method in self.v1.payment_methods.list({"customer": self.id, **filters}).data
        ]
        return [method.id for method in found]

    def offered(self, session: stripe.checkout.Session) -> list[str]:
        html = self.browser.get(page(session)).content.decode()
        return re.findall(r'name="savedPaymentMethod" value="(pm_[^"]+)"', html)

    def preselected(self, session: stripe.checkout.Session) -> list[str]:
        html = self.browser.get(page(session)).content.decode()
        return re.findall(r'name="savedPaymentMethod" value="([^"]+)" checked', html)

    def choose(self, session: stripe.checkout.Session, method: str, **form: str) -> Any:
        return self.browser.post(page(session), {"savedPaymentMethod": method, **form})


@pytest.fixture
def ada(sandbox: Sandbox) -> Returning:
    return Returning(sandbox)


def retrieve_intent(ada: Returning, session: stripe.checkout.Session) -> Any:
    params: Any = {"expand": ["payment_intent.latest_charge"]}
    return ada.v1.checkout.sessions.retrieve(session.id, params).payment_intent


# --- save -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["payment", "subscription"])
@pytest.mark.parametrize("ticked", [True, False])
def test_checkbox_decides_about_later_sessions(ada: Returning, mode: str, ticked: bool) -> None:
    session = ada.open(900, "month" if mode == "subscription" else "", **SAVE)
    assert 'name="savePaymentMethod"' in ada.browser.get(page(session)).content.decode()
    assert pay(ada.browser, session, **({"savePaymentMethod": "on"} if ticked else {})).status_code == 303
    always = ada.methods(allow_redisplay="always")
    assert len(always) == ticked
    assert len(ada.methods()) == (ticked or mode == "subscription")
    assert ada.offered(ada.open()) == always
    assert types(ada.sandbox).count("payment_method.attached") == len(ada.methods())


def test_page_without_the_option_saves_nothing(ada: Returning) -> None:
    session = ada.open()
    assert "savePaymentMethod" not in ada.browser.get(page(session)).content.decode()
    pay(ada.browser, session, savePaymentMethod="on")
    assert ada.methods() == []


def test_card_of_a_new_customer_is_saved(sandbox: Sandbox) -> None:
    params = {"customer_creation": "always", "saved_payment_method_options": SAVE}
    session = open_session(sandbox, **params)
    pay(Client(), session, savePaymentMethod="on")
    customer = str(sandbox.client.v1.checkout.sessions.retrieve(session.id).customer)
    (method,) = sandbox.client.v1.customers.payment_methods.list(customer).data
    assert (method.allow_redisplay, method.customer) == ("always", customer)


def test_card_is_saved_after_3d_secure(ada: Returning) -> None:
    ada.save(cards.BY_TOKEN["pm_card_authenticationRequired"])
    assert len(ada.methods(allow_redisplay="always")) == 1


def test_declined_card_is_not_saved(ada: Returning) -> None:
    session = ada.open(**SAVE)
    pay(ada.browser, session, cards.BY_TOKEN["pm_card_chargeDeclined"], savePaymentMethod="on")
    assert ada.methods() == []


def test_saving_requires_a_customer(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="requires a customer") as caught:
        open_session(sandbox, saved_payment_method_options=SAVE)
    assert caught.value.param == "saved_payment_method_options[payment_method_save]"


def test_payment_method_data_overrides_the_value(ada: Returning) -> None:
    params: Any = {"payment_method_data": {"allow_redisplay": "always"}, "customer": ada.id}
    pay(ada.browser, open_session(ada.sandbox, 900, "month", **params))
    assert len(ada.methods(allow_redisplay="always")) == 1


def test_recovered_session_keeps_the_value(ada: Returning) -> None:
    params: Any = {
        "payment_method_data": {"allow_redisplay": "always"},
        "after_expiration": {"recovery": {"enabled": True}},
        "customer": ada.id,
    }
    ada.v1.checkout.sessions.expire(open_session(ada.sandbox, 900, "month", **params).id)
    (expired,) = ada.v1.checkout.sessions.list().data
    recovery: Any = expired.after_expiration
    ada.browser.get(recovery.recovery.url)
    pay(ada.browser, ada.v1.checkout.sessions.list({"limit": 1}).data[0])
    assert len(ada.methods(allow_redisplay="always")) == 1


# --- offer ------------------------------------------------------------------------------------------------


def test_session_shows_its_options(ada: Returning) -> None:
    options: Any = ada.open().saved_payment_method_options
    assert options.to_dict() == {
        "allow_redisplay_filters": ["always"],
        "payment_method_remove": "disabled",
        "payment_method_save": None,
    }
    options = ada.open(**SAVE, **EVERY).saved_payment_method_options
    assert (options.payment_method_save, options.allow_redisplay_filters[1]) == ("enabled", "limited")
    assert open_session(ada.sandbox).saved_payment_method_options is None


def test_filters_choose_the_cards(ada: Returning) -> None:
    pay(ada.browser, ada.open(900, "month"))
    limited = ada.methods()
    always = [ada.save()]
    assert ada.offered(ada.open()) == always
    assert ada.offered(ada.open(allow_redisplay_filters=["limited"])) == limited
    assert ada.offered(ada.open(**EVERY)) == always + limited
    ada.v1.payment_methods.update(always[0], {"allow_redisplay": "limited"})
    assert ada.offered(ada.open()) == []


def test_card_without_billing_details_is_not_offered(ada: Returning) -> None:
    card = ada.v1.payment_methods.attach("pm_card_visa", {"customer": ada.id})
    assert (card.allow_redisplay, ada.offered(ada.open(**EVERY))) == ("unspecified", [])
    details: Any = {"email": "ada@example.com", "name": "Ada", "address": {"country": "DE"}}
    ada.v1.payment_methods.update(card.id, {"billing_details": details})
    assert ada.offered(ada.open(**EVERY)) == [card.id]


def test_cards_of_other_customers_are_not_offered(ada: Returning) -> None:
    foreign = ada.save()
    eve = Returning(ada.sandbox)
    session = eve.open(**EVERY)
    assert eve.offered(session) == []
    assert field_errors(eve.choose(session, foreign).content.decode())[:1] == ["Required"]


def test_default_card_of_a_subscription_and_last_card_of_a_payment_are_preselected(ada: Returning) -> None:
    first, last = ada.save(), ada.save(MASTERCARD)
    ada.v1.customers.update(ada.id, {"invoice_settings": {"default_payment_method": first}})
    assert ada.preselected(ada.open(900, "month")) == [first]
    assert ada.preselected(ada.open()) == [last]
    assert ada.preselected(ada.open(**SAVE)) == [last]


def test_number_of_offered_cards_is_limited(ada: Returning, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.stripe.com/payments/existing-customers"""
    assert saved_cards.MAX_CARDS == 50
    monkeypatch.setattr(saved_cards, "MAX_CARDS", 1)
    _first, last = ada.save(), ada.save(MASTERCARD)
    assert ada.offered(ada.open()) == [last]


# --- pay --------------------------------------------------------------------------------------------------


def test_saved_card_pays(ada: Returning) -> None:
    visa, mastercard = ada.save(), ada.save(MASTERCARD)
    session = ada.open(**SAVE)
    assert ada.choose(session, visa).status_code == 303
    intent = retrieve_intent(ada, session)
    assert (intent.status, intent.payment_method) == ("succeeded", visa)
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    details: Any = ada.v1.checkout.sessions.retrieve(session.id).customer_details
    assert (details.name, details.address.postal_code) == ("Ada Lovelace", "10001")
    assert ada.methods() == [mastercard, visa]


def test_saved_card_subscribes(ada: Returning) -> None:
    visa = ada.save()
    ada.choose(ada.open(900, "month"), visa)
    assert ada.v1.subscriptions.list().data[0].default_payment_method == visa
    assert ada.methods() == [visa]


def test_new_card_pays_beside_saved_ones(ada: Returning) -> None:
    ada.save()
    session = ada.open()
    pay(ada.browser, session, MASTERCARD, savedPaymentMethod="new")
    assert retrieve_intent(ada, session).latest_charge.payment_method_details.card.last4 == "4444"


@pytest.mark.parametrize(
    ("token", "asks"),
    [("authenticationRequired", True), ("authenticationRequiredOnSetup", False)],
)
def test_saved_card_requires_3d_secure_if_its_card_does(ada: Returning, token: str, asks: bool) -> None:
    method = ada.save(cards.BY_TOKEN[f"pm_card_{token}"])
    session = ada.open()
    assert (ada.choose(session, method)["Location"] == page(session)) == asks
    if asks:
        complete_challenge(ada.browser, session, "complete")
    assert retrieve_intent(ada, session).payment_method == method


def test_failed_3d_secure_shows_the_form_for_another_card(ada: Returning) -> None:
    method = ada.save(cards.BY_TOKEN["pm_card_authenticationRequired"])
    session = ada.open()
    ada.choose(session, method)
    back = complete_challenge(ada.browser, session, "fail")["Location"]
    html = ada.browser.get(back).content.decode()
    assert 'name="savedPaymentMethod" value="new" checked' in html
    assert len(field_errors(html)) == 1


def test_decline_of_a_saved_card_is_shown_beside_it(ada: Returning) -> None:
    method = ada.save(cards.BY_TOKEN["pm_card_chargeCustomerFail"])
    session = ada.open()
    html = ada.choose(session, method).content.decode()
    assert field_errors(html) == ["Your card has been declined."]
    assert 'id="savedPaymentMethod-error"' in html
    assert f'value="{method}" checked' in html


# --- remove -----------------------------------------------------------------------------------------------


def test_buyer_removes_a_card(ada: Returning) -> None:
    method = ada.save()
    session = ada.open(payment_method_remove="enabled")
    html = ada.choose(session, method, act=f"forget:{method}").content.decode()
    assert (field_errors(html), method in html, ada.methods()) == ([], False, [])
    assert types(ada.sandbox)[-1] == "payment_method.detached"
    assert ada.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_page_without_the_option_removes_nothing(ada: Returning) -> None:
    method = ada.save()
    session = ada.open()
    assert "forget:" not in ada.browser.get(page(session)).content.decode()
    ada.choose(session, method, act=f"forget:{method}")
    assert ada.methods() == [method]


def test_only_card_of_a_subscription_is_not_removable(ada: Returning) -> None:
    used = ada.save()
    ada.choose(ada.open(900, "month"), used)
    session = ada.open(payment_method_remove="enabled")
    assert "forget:" not in ada.browser.get(page(session)).content.decode()
    other = ada.save(MASTERCARD)
    ada.v1.customers.update(ada.id, {"invoice_settings": {"default_payment_method": other}})
    assert f"forget:{used}" in ada.browser.get(page(session)).content.decode()


# --- update -----------------------------------------------------------------------------------------------


def test_payment_method_can_be_updated(ada: Returning) -> None:
    method = ada.save()
    changes: Any = {
        "card": {"exp_month": 3, "exp_year": 2041},
        "billing_details": {"address": {"city": "Berlin"}, "phone": "+491234567"},
        "metadata": {"a": "1"},
    }
    after = ada.v1.payment_methods.update(method, changes)
    card, details = after.card, after.billing_details
    assert card is not None
    assert (card.exp_month, card.exp_year, card.last4) == (3, 2041, "4242")
    assert details.address is not None
    assert (details.address.city, details.address.country, details.name) == ("Berlin", "US", "Ada Lovelace")
    assert types(ada.sandbox)[-1] == "payment_method.updated"


def test_unattached_payment_method_cannot_be_updated(ada: Returning) -> None:
    session = ada.open()
    pay(ada.browser, session)
    with pytest.raises(stripe.InvalidRequestError, match="save this PaymentMethod to a customer"):
        ada.v1.payment_methods.update(retrieve_intent(ada, session).payment_method, {"metadata": {"a": "1"}})
