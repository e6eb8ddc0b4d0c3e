"""What buyers agree to before they pay (setting CHECKOUT_CONSENT), and where it is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation

from apps.ecommerce.models import Consent, LegalText, ProductConfiguration, Purchase
from apps.ecommerce.purchases.consent import consent_texts
from apps.ecommerce.purchases.personal_data import export_purchases
from apps.users.models import User
from tests.factories import create_product, first_price, pay, press_buy, signed_in, url_path
from tests.guest_actions import OWN_PAGE

pytestmark = pytest.mark.django_db

WAIVER = "lose my right of withdrawal"


@pytest.fixture(autouse=True)
def both_are_asked(settings: Any) -> None:
    settings.CHECKOUT_CONSENT = ["terms", "withdrawal"]
    settings.TERMS_VERSION = "2026-06"


def boxes(client: Client, configuration: ProductConfiguration, **headers: str) -> dict[str, str]:
    """Return the boxes of the product page and their values, as a browser sends them when they are ticked."""
    page = client.get(f"/store/{configuration.slug}/", headers=headers).content.decode()
    return dict(re.findall(r'<input type="checkbox" name="(\w+)" value="([\w.-]+)" required', page))


def start(client: Client, configuration: ProductConfiguration, form: dict[str, str]) -> Any:
    price = first_price(configuration).id
    return client.post(f"/store/{configuration.slug}/buy/", {"price": price, **form})


def messages_of(client: Client, response: Any) -> str:
    page = client.get(response["Location"])
    return " ".join(str(message) for message in page.context["messages"])


def buy_with_consent(client: Client, configuration: ProductConfiguration) -> Purchase:
    back = pay(start(client, configuration, boxes(client, configuration))["Location"])
    client.get(url_path(back))
    return Purchase.objects.latest("id")


def test_no_consent_is_required_by_default(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.CHECKOUT_CONSENT = []
    assert boxes(as_ada, icons) == {}
    press_buy(as_ada, icons)
    assert not Consent.objects.exists()


@pytest.mark.parametrize("kind", ["terms", "withdrawal"])
def test_each_consent_can_be_the_only_one(
    as_ada: Client, icons: ProductConfiguration, settings: Any, kind: str
) -> None:
    settings.CHECKOUT_CONSENT = [kind]
    assert list(boxes(as_ada, icons)) == [f"consent_{kind}"]
    buy_with_consent(as_ada, icons)
    assert Consent.objects.get().kind == kind


def test_boxes_are_not_ticked_in_advance(as_ada: Client, icons: ProductConfiguration) -> None:
    page = as_ada.get("/store/icon-set/").content.decode()
    ticks = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert len(ticks) == 2
    assert not any("checked" in tick for tick in ticks)


@pytest.mark.parametrize("product", ["icons", "club"])
def test_consent_is_stored_before_the_payment(
    as_ada: Client, product: str, request: pytest.FixtureRequest
) -> None:
    configuration = request.getfixturevalue(product)
    response = start(as_ada, configuration, boxes(as_ada, configuration))
    assert "checkout" in response["Location"]
    terms, waiver = Purchase.objects.get().consents.all()
    assert (terms.kind, terms.language, terms.version) == ("terms", "en", "2026-06")
    assert terms.text == "I accept the terms of sale."
    assert "A subscription renews automatically" in terms.document.text
    assert "<" not in terms.document.text
    assert (waiver.kind, waiver.document) == ("withdrawal", None)
    assert WAIVER in waiver.text


@pytest.mark.parametrize("missing", ["consent_terms", "consent_withdrawal"])
def test_nothing_is_sold_without_consent(as_ada: Client, icons: ProductConfiguration, missing: str) -> None:
    form = boxes(as_ada, icons)
    del form[missing]
    response = start(as_ada, icons, form)
    price = first_price(icons).id
    assert response["Location"] == f"/store/icon-set/?price={price}"  # the choice is kept
    assert ("terms" if "terms" in missing else "withdrawal") in messages_of(as_ada, response)
    assert not Purchase.objects.exists()


@pytest.mark.parametrize(
    "value", ["1", "on", "en.", "en.0000000000000000", "xx.0000000000000000", "I agree to pay twice", "."]
)
def test_forged_boxes_are_refused(as_ada: Client, icons: ProductConfiguration, value: str) -> None:
    response = start(as_ada, icons, {**boxes(as_ada, icons), "consent_withdrawal": value})
    assert "/store/icon-set/" in response["Location"]
    assert not Purchase.objects.exists()
    assert not Consent.objects.exists()


def test_value_of_another_box_is_refused(as_ada: Client, icons: ProductConfiguration) -> None:
    terms = boxes(as_ada, icons)["consent_terms"]
    response = start(as_ada, icons, {"consent_terms": terms, "consent_withdrawal": terms})
    assert "/store/icon-set/" in response["Location"]
    assert not Purchase.objects.exists()


def test_text_is_stored_in_the_language_of_the_page(as_ada: Client, icons: ProductConfiguration) -> None:
    form = boxes(as_ada, icons, accept_language="de")
    start(as_ada, icons, form)  # the form is sent in English
    consents = Purchase.objects.get().consents.all()
    assert {consent.language for consent in consents} == {"de"}
    assert "Widerrufsrecht" in consents[1].text
    assert "Verkaufsbedingungen" in consents[0].document.text
    assert "Subscriptions" not in consents[0].document.text


def test_terms_that_changed_must_be_read_again(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    old = boxes(as_ada, icons)
    settings.TERMS_VERSION = "2026-07"
    response = start(as_ada, icons, old)
    assert "has changed" in messages_of(as_ada, response)
    assert not Purchase.objects.exists()
    start(as_ada, icons, boxes(as_ada, icons))
    assert Purchase.objects.get().consents.first().version == "2026-07"


def test_each_checkout_adds_a_consent_and_the_newest_counts(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    start(as_ada, icons, boxes(as_ada, icons))
    settings.TERMS_VERSION = "2026-07"
    start(as_ada, icons, boxes(as_ada, icons))
    purchase = Purchase.objects.get()
    assert purchase.consents.filter(kind="terms").count() == 2
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert "2026-07" in page
    assert "2026-06" not in page
    assert LegalText.objects.count() == 2  # the page of the terms names its version


def test_visitor_is_asked_before_the_account(
    client: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    price = first_price(icons).id
    refused = client.get("/store/icon-set/buy/", {"price": price})
    assert refused["Location"] == f"/store/icon-set/?price={price}"
    assert "terms" in messages_of(client, refused)
    form = boxes(Client(), icons)
    client.get("/store/icon-set/buy/", {"price": price, **form})
    client.post(
        "/accounts/signup/?next=/store/icon-set/buy/",
        {"email": "new@example.com", "password1": "a-short-sentence-works"},
    )
    if not Purchase.objects.exists():
        client.get("/store/icon-set/buy/")
    assert Purchase.objects.get().consents.count() == 2


def test_free_product_needs_no_waiver(as_ada: Client, icons: ProductConfiguration) -> None:
    price = first_price(icons)
    price.unit_amount = 0
    price.currency_options = {}
    price.save()
    assert list(boxes(as_ada, icons)) == ["consent_terms"]


@pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit
def test_consent_is_in_the_confirmation(as_ada: Client, icons: ProductConfiguration) -> None:
    buy_with_consent(as_ada, icons)
    [message] = [
        message for message in mail.outbox if message.to == ["ada@example.com"] and message.attachments
    ]
    html, _kind = message.alternatives[0]
    for text in (str(message.body), str(html)):
        assert WAIVER in text
        assert "I accept the terms of sale." in text
    [(name, terms, kind)] = message.attachments
    assert (name, kind) == ("terms.txt", "text/plain")
    assert "A subscription renews automatically" in terms


def test_consent_is_shown_to_buyer_and_operator(
    as_ada: Client, olive: User, icons: ProductConfiguration
) -> None:
    as_olive = signed_in(olive)
    purchase = buy_with_consent(as_ada, icons)
    assert WAIVER in as_ada.get(purchase.get_absolute_url()).content.decode()
    page = as_olive.get(f"/admin/ecommerce/purchase/{purchase.pk}/change/").content.decode()
    assert WAIVER in page
    assert "A subscription renews automatically" in page


def test_consent_is_exported_and_survives_the_account(
    ada: User, as_ada: Client, icons: ProductConfiguration
) -> None:
    purchase = buy_with_consent(as_ada, icons)
    [exported] = export_purchases(ada)  # type: ignore[misc]
    assert [consent["kind"] for consent in exported["consents"]] == ["terms", "withdrawal"]  # type: ignore[index,call-overload,union-attr]
    ada.delete()
    purchase.refresh_from_db()
    assert purchase.user is None
    assert purchase.consents.count() == 2


def test_consent_cannot_be_changed_or_deleted(as_ada: Client, icons: ProductConfiguration) -> None:
    start(as_ada, icons, boxes(as_ada, icons))
    consent = Consent.objects.first()
    assert consent
    for change in (
        consent.save,
        consent.delete,
        Consent.objects.all().delete,
        lambda: Consent.objects.update(text=""),
        LegalText.objects.get().delete,
    ):
        with pytest.raises(TypeError):
            change()


def test_order_page_asks_again_before_it_continues(as_ada: Client, icons: ProductConfiguration) -> None:
    start(as_ada, icons, boxes(as_ada, icons))
    page = as_ada.get(Purchase.objects.get().get_absolute_url()).content.decode()
    assert "Continue to payment" in page
    assert page.count('name="consent_') == 2


def test_another_buyer_does_not_get_the_consent(
    as_ada: Client, bob: User, icons: ProductConfiguration
) -> None:
    start(as_ada, icons, boxes(as_ada, icons))
    as_bob = signed_in(bob)
    start(as_bob, icons, boxes(as_bob, icons))
    assert [purchase.consents.count() for purchase in Purchase.objects.all()] == [2, 2]


def test_each_language_has_its_own_texts() -> None:
    with translation.override("de"):
        german = [text.text for text in consent_texts()]
    assert german != [text.text for text in consent_texts()]
    assert all(german)


# --- buyers without an account ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_guest_agrees_before_the_payment(sandbox: Any, icons: ProductConfiguration, settings: Any) -> None:
    settings.GUEST_CHECKOUT, url = True, f"/store/{icons.slug}/buy/"
    browser, form = Client(), {"price": first_price(icons).id}
    refused = browser.post(url, form, headers=OWN_PAGE)
    assert "Please accept the terms of sale" in messages_of(browser, refused)
    assert not Purchase.objects.exists()
    response = browser.post(url, {**form, **boxes(browser, icons)}, headers=OWN_PAGE)
    assert "/stripe-sandbox/" in response["Location"]
    assert [row.kind for row in Purchase.objects.get().consents.all()] == ["terms", "withdrawal"]


@pytest.mark.django_db(transaction=True)
def test_free_product_requires_only_the_terms(sandbox: Any, ada: User, settings: Any) -> None:
    """The forms for accounts, and for visitors who enter their address on the product page or the next page."""
    settings.GUEST_CHECKOUT = True
    free = create_product(sandbox.client, "Wallpaper", 0)
    price, url = first_price(free).id, f"/store/{free.slug}/buy/"
    ticked = boxes(Client(), free)
    assert list(ticked) == ["consent_terms"]
    assert Client().post(url, {"price": price, "email": "x@example.com"}, headers=OWN_PAGE).status_code == 303
    assert not Purchase.objects.exists()
    signed_in(ada).post(url, {"price": price, **ticked})
    Client().post(url, {"price": price, "email": "gina@example.com", **ticked}, headers=OWN_PAGE)
    page = Client().post(url, {"price": price, **ticked}, headers=OWN_PAGE).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    Client().post(url, {"email": "hugo@example.com", **hidden}, headers=OWN_PAGE)
    assert Purchase.objects.count() == 3
    for purchase in Purchase.objects.all():
        [consent] = purchase.consents.all()
        assert (consent.kind, consent.document.language) == ("terms", "en"), purchase.email
