"""With a pseudo-language, every text on pages and in e-mails is translated, none is hard-coded.

Translated texts are marked by ⟦…⟧, names of the founder and the buyer by «…». Unmarked words are errors.
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
from apps.ecommerce.purchases import countries
from apps.ecommerce.purchases.emails.messages import build_email
from apps.users.email_changes import undo_url
from apps.users.models import AddressChange, User
from tests.account_actions import link_in
from tests.e2e import scenes
from tests.factories import add_price, create_product, signed_in

pytestmark = pytest.mark.django_db
READ_ATTRIBUTES = ("alt", "aria-label", "placeholder", "title", "data-announce")
NOT_WORDS = re.compile(
    r"[\w.+-]+@[\w.-]+"  # an e-mail address
    r"|https?://\S+"
    r"|\bW-[0-9A-Z]{4}-[0-9A-Z]+"  # an order's number
    r"|\w+ •••• \d{4}"  # a card
    r"|\b[ap]\.m\.|\b[AP]M\b"
)


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Mark each translated text."""
    translation.gettext("load the real functions")

    def mark(message: str) -> str:
        return f"⟦{message}⟧" if message else ""

    def mark_plural(singular: str, plural: str, number: float) -> str:
        return mark(singular if number == 1 else plural)

    monkeypatch.setattr(translation._trans, "gettext", mark)
    monkeypatch.setattr(translation._trans, "ngettext", mark_plural)
    monkeypatch.setattr(translation._trans, "pgettext", lambda context, message: mark(message))
    monkeypatch.setattr(countries, "_country_names", lambda language: {"DE": "«Germany»"})
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


class TextParser(HTMLParser):
    """Collect a page's texts, and those of attributes that are shown or read by screen readers."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.skipped_tag = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.skipped_tag = tag if tag in ("script", "style") else self.skipped_tag
        texts = [values[name] for name in READ_ATTRIBUTES if name in values]
        if tag == "meta" and values.get("name") == "description":
            texts.append(values["content"])
        if tag == "input" and values.get("type") in ("submit", "button"):
            texts.append(values.get("value", ""))
        self.texts += texts

    def handle_endtag(self, tag: str) -> None:
        self.skipped_tag = "" if tag == self.skipped_tag else self.skipped_tag

    def handle_data(self, data: str) -> None:
        if not self.skipped_tag:
            self.texts.append(data)


def hard_coded(text: str) -> list[str]:
    """Return the words that are not marked."""
    while (shorter := re.sub(r"⟦[^⟦⟧]*⟧|«[^«»]*»", " ", text)) != text:
        text = shorter
    return re.findall(r"[^\W\d_]{2,}", NOT_WORDS.sub(" ", text))


def hard_coded_in_page(html: str) -> list[str]:
    parser = TextParser()
    parser.feed(html)
    return hard_coded("\n".join(parser.texts))


def find_hard_coded(client: Client, scenes_to_check: list[scenes.Scene]) -> Iterator[str]:
    for scene in scenes_to_check:
        path = scene.arrange().replace("nothing-like-this", "«nothing»")  # typed by the visitor
        if words := hard_coded_in_page(client.get(path).content.decode()):
            yield f"{scene.name} ({path}): {words}"


def test_hard_coded_texts_are_found() -> None:
    assert hard_coded_in_page("<p>⟦Pay <b>«Tiny tools»</b> now⟧ $9.00</p>") == []
    assert hard_coded_in_page('<p>⟦Pay⟧ now</p><img alt="A picture"><script>let x</script>') == [
        "now",
        "picture",
    ]


def test_visitor_pages_have_no_hard_coded_text(shop: None, client: Client) -> None:
    assert list(find_hard_coded(client, scenes.FOR_VISITORS)) == []


def test_buyer_pages_have_no_hard_coded_text(shop: None, as_ada: Client, ada: User) -> None:
    assert list(find_hard_coded(as_ada, scenes.buyer_scenes(ada))) == []


def test_purchase_states_have_no_hard_coded_text(shop: None, as_ada: Client, ada: User) -> None:
    assert list(find_hard_coded(as_ada, scenes.status_scenes(ada))) == []


def test_payments_have_no_hard_coded_text(shop: None, as_ada: Client, ada: User) -> None:
    payments = [scene for scene in scenes.payment_scenes(ada) if not scene.name.startswith("extreme")]
    assert list(find_hard_coded(as_ada, payments)) == []


def test_purchase_emails_have_no_hard_coded_text(shop: None, ada: User) -> None:
    found = {}
    purchases = [
        scenes.create_purchase("paid", ada, "tiny-tools"),
        scenes.create_purchase("active", ada, "workshop"),
    ]
    for kind in Mail.Kind:
        for purchase in purchases:
            mail = build_email(kind, Purchase.objects.with_catalogue().get(pk=purchase.pk))
            words = (
                hard_coded(str(mail.subject))
                + hard_coded(str(mail.body))
                + hard_coded_in_page(str(mail.alternatives[0][0]))
            )
            if words:
                found[kind] = words
    assert found == {}


def test_form_errors_have_no_hard_coded_text(shop: None, client: Client, as_ada: Client) -> None:
    found = []
    for browser, path in (
        (client, "/accounts/signup/"),
        (client, "/accounts/login/"),
        (client, "/accounts/password/reset/"),
        (as_ada, "/accounts/password/change/"),
        (as_ada, "/accounts/email/"),
    ):
        found += hard_coded_in_page(browser.post(path, {"action_add": "1"}).content.decode())
    assert found == []


def test_email_change_pages_have_no_hard_coded_text(shop: None, client: Client, ada: User) -> None:
    ada.set_unusable_password()
    ada.save()
    as_ada = signed_in(ada)
    found = hard_coded_in_page(as_ada.get("/accounts/email/confirm-first/").content.decode())
    change = AddressChange.objects.create(user=ada, old_email="old@example.com", new_email=ada.email)
    link = undo_url(change).partition(settings.SITE_URL)[2]
    User.objects.create_user("old@example.com")
    found += hard_coded_in_page(client.get(link).content.decode())
    found += hard_coded_in_page(client.post(link).content.decode())  # another account has the old address
    User.objects.filter(email="old@example.com").delete()
    found += hard_coded_in_page(client.post(link).content.decode())
    found += hard_coded_in_page(client.post(link).content.decode())
    assert found == []


def test_email_change_emails_have_no_hard_coded_text(
    shop: None, client: Client, ada: User, mailoutbox: list[Any]
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    as_ada = signed_in(ada)
    as_ada.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    as_ada.post("/accounts/email/", {"email": "new@example.com", "action_add": ""})
    as_ada.post(link_in(mailoutbox[-1]))
    client.post("/accounts/signup/", {"email": "grace@example.com", "password1": "a short sentence"})
    Client().post(link_in(mailoutbox[-1]))
    assert len(mailoutbox) == 4
    assert [hard_coded(f"{mail.subject}\n{mail.body}") for mail in mailoutbox] == [[]] * 4


def test_account_emails_have_no_hard_coded_text(
    shop: None, client: Client, ada: User, mailoutbox: list[Any]
) -> None:
    client.post("/accounts/password/reset/", {"email": ada.email})
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    client.post("/accounts/signup/", {"email": "new@example.com", "password1": "a short sentence"})
    assert len(mailoutbox) == 3
    assert [hard_coded(f"{mail.subject}\n{mail.body}") for mail in mailoutbox] == [[], [], []]


def test_error_pages_have_no_hard_coded_text(
    shop: None, rf: Any, django_user_model: Callable[..., Any]
) -> None:
    from django.contrib.auth.models import AnonymousUser

    request = rf.get("/")
    request.user = AnonymousUser()
    for name in ("400", "403", "403_csrf", "404", "413", "429", "500"):
        page = loader.get_template(f"{name}.html").render({"minutes": 2}, request)
        assert hard_coded_in_page(page) == [], name


def test_right_to_left_language_sets_dir(client: Client, settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
    page = client.get("/store/", headers={"Accept-Language": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in page
