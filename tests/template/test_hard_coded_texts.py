"""Under a pseudo-language, every text on pages and in e-mails is translated, none is hard-coded.

Translated texts stand in ⟦…⟧, the founder's and the buyer's own words in «…». What is left must have no words in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.template import loader
from django.test import Client
from django.utils import translation

from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.purchases import emails
from apps.users.email_changes import undo_url
from apps.users.models import AddressChange, User
from tests.e2e import scenes
from tests.factories import add_price, create_product, signed_in
from tests.integration.test_accounts import link_in

pytestmark = pytest.mark.django_db
SAID = ("alt", "aria-label", "placeholder", "title", "data-announce")
NOT_WORDS = re.compile(
    r"[\w.+-]+@[\w.-]+"  # an address
    r"|https?://\S+"
    r"|[0-9a-f]{8}-[0-9a-f-]{27}"  # an order's number
    r"|\w+ •••• \d{4}"  # a card
    r"|\b[ap]\.m\.|\b[AP]M\b"
)


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Every text that is looked up is marked; nothing else is."""
    translation.gettext("load the real functions")

    def one(message: str) -> str:
        return f"⟦{message}⟧" if message else ""

    def several(singular: str, plural: str, number: float) -> str:
        return one(singular if number == 1 else plural)

    monkeypatch.setattr(translation._trans, "gettext", one)
    monkeypatch.setattr(translation._trans, "ngettext", several)
    monkeypatch.setattr(translation._trans, "pgettext", lambda context, message: one(message))
    settings.SITE_NAME, settings.SITE_TAGLINE = "«Shop»", "«Tools.»"
    settings.LANGUAGES = [("en", "«English»"), ("de", "«Deutsch»")]


@pytest.fixture
def ada(ada: User) -> User:
    ada.name = "«Ada»"
    ada.save()
    return ada


@pytest.fixture
def shop(sandbox: Any, pseudo: None) -> None:
    client = sandbox.client
    for name in ("Tiny tools", "Quiet hours", "Fair price"):
        create_product(client, f"«{name}»")
    workshop = create_product(client, "«Workshop»", 900, interval="month")
    add_price(client, workshop.product_id, 9000, interval="year")
    create_product(client, "«Sunday letter»", 500, interval="month", trial_period_days=14)


class Words(HTMLParser):
    """What a page says: its texts in order, and those of attributes that are read out or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.silent = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.silent = tag if tag in ("script", "style") else self.silent
        said = [values[name] for name in SAID if name in values]
        if tag == "meta" and values.get("name") == "description":
            said.append(values["content"])
        if tag == "input" and values.get("type") in ("submit", "button"):
            said.append(values.get("value", ""))
        self.texts += said

    def handle_endtag(self, tag: str) -> None:
        self.silent = "" if tag == self.silent else self.silent

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.texts.append(data)


def hard_coded(text: str) -> list[str]:
    """The words that nobody marked."""
    while (shorter := re.sub(r"⟦[^⟦⟧]*⟧|«[^«»]*»", " ", text)) != text:
        text = shorter
    return re.findall(r"[^\W\d_]{2,}", NOT_WORDS.sub(" ", text))


def in_page(html: str) -> list[str]:
    parser = Words()
    parser.feed(html)
    return hard_coded("\n".join(parser.texts))


def walk(client: Client, through: list[scenes.Scene]) -> Iterator[str]:
    for scene in through:
        path = scene.arrange().replace("nothing-like-this", "«nothing»")  # the visitor's own words
        if words := in_page(client.get(path).content.decode()):
            yield f"{scene.name} ({path}): {words}"


def test_the_search_finds_what_is_hard_coded() -> None:
    assert in_page("<p>⟦Pay <b>«Tiny tools»</b> now⟧ $9.00</p>") == []
    assert in_page('<p>⟦Pay⟧ now</p><img alt="A picture"><script>let x</script>') == ["now", "picture"]


def test_pages_for_visitors(shop: None, client: Client) -> None:
    assert list(walk(client, scenes.FOR_VISITORS)) == []


def test_pages_of_a_buyer(shop: None, as_ada: Client, ada: User) -> None:
    assert list(walk(as_ada, scenes.buyer_scenes(ada))) == []


def test_every_state_of_a_purchase(shop: None, as_ada: Client, ada: User) -> None:
    assert list(walk(as_ada, scenes.status_scenes(ada))) == []


def test_every_mail(shop: None, ada: User) -> None:
    found = {}
    purchases = [scenes.purchase_in("paid", ada, "tiny-tools"), scenes.purchase_in("active", ada, "workshop")]
    for kind in Mail.Kind:
        for purchase in purchases:
            mail = emails.compose(kind, Purchase.objects.with_catalogue().get(pk=purchase.pk))
            said = (
                hard_coded(str(mail.subject))
                + hard_coded(str(mail.body))
                + in_page(str(mail.alternatives[0][0]))
            )
            if said:
                found[kind] = said
    assert found == {}


def test_forms_that_come_back(shop: None, client: Client, as_ada: Client) -> None:
    found = []
    for who, path in (
        (client, "/accounts/signup/"),
        (client, "/accounts/login/"),
        (client, "/accounts/password/reset/"),
        (as_ada, "/accounts/password/change/"),
        (as_ada, "/accounts/email/"),
    ):
        found += in_page(who.post(path, {"action_add": "1"}).content.decode())
    assert found == []


def test_pages_about_the_address(shop: None, client: Client, ada: User) -> None:
    ada.set_unusable_password()
    ada.save()
    as_ada = signed_in(ada)
    found = in_page(as_ada.get("/accounts/email/confirm-first/").content.decode())
    change = AddressChange.objects.create(user=ada, old_email="old@example.com", new_email=ada.email)
    link = undo_url(change).partition(settings.SITE_URL)[2]
    User.objects.create_user("old@example.com")
    found += in_page(client.get(link).content.decode())
    found += in_page(client.post(link).content.decode())  # another account has the old address
    User.objects.filter(email="old@example.com").delete()
    found += in_page(client.post(link).content.decode())
    found += in_page(client.post(link).content.decode())
    assert found == []


def test_mails_about_the_address(shop: None, client: Client, ada: User, mailoutbox: list[Any]) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    as_ada = signed_in(ada)
    as_ada.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    as_ada.post("/accounts/email/", {"email": "new@example.com", "action_add": ""})
    as_ada.post(link_in(mailoutbox[-1]))
    client.post("/accounts/signup/", {"email": "grace@example.com", "password1": "a short sentence"})
    Client().post(link_in(mailoutbox[-1]))
    assert len(mailoutbox) == 4
    assert [hard_coded(f"{mail.subject}\n{mail.body}") for mail in mailoutbox] == [[]] * 4


def test_accounts_mails(shop: None, client: Client, ada: User, mailoutbox: list[Any]) -> None:
    client.post("/accounts/password/reset/", {"email": ada.email})
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    client.post("/accounts/signup/", {"email": "new@example.com", "password1": "a short sentence"})
    assert len(mailoutbox) == 3
    assert [hard_coded(f"{mail.subject}\n{mail.body}") for mail in mailoutbox] == [[], [], []]


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "413", "429", "500"])
def test_error_pages(shop: None, rf: Any, name: str, django_user_model: Callable[..., Any]) -> None:
    from django.contrib.auth.models import AnonymousUser

    request = rf.get("/")
    request.user = AnonymousUser()
    assert in_page(loader.get_template(f"{name}.html").render({"minutes": 2}, request)) == []


def test_a_language_that_runs_from_right_to_left(client: Client, settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
    page = client.get("/store/", headers={"Accept-Language": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in page
