"""A signed-in shopper's store, put together from pieces, is the page that would have been made for them alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from tests.conftest import signed_in
from tests.factories import many

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kept_pages")]
DUMMY = "django.core.cache.backends.dummy.DummyCache"
DEVELOPERS = ("django_htmx", "/dev/mail/")
TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value=")\w+')


@pytest.fixture(autouse=True)
def shelves(settings: Any, tmp_path: Any) -> None:
    settings.DEBUG, settings.VAR_DIR = False, tmp_path
    many(30)


def sell(user: User, number: int, **columns: Any) -> Purchase:
    values = {"status": Status.PAID, "livemode": False, "currency": "usd", **columns}
    return Purchase.objects.create(
        user=user,
        product_id=f"prod_{number}",
        price_id=f"price_{number}",
        session_id=f"cs_{number}",
        **values,
    )


def page(client: Client, path: str = "/store/") -> str:
    """Without what is another one each time: the form's token."""
    return TOKEN.sub(r"\1", client.get(path).content.decode())


def made_alone(client: Client, settings: Any, path: str = "/store/") -> str:
    """The same page while nothing is kept, as on a developer's machine."""
    kept, settings.CACHES = settings.CACHES, {**settings.CACHES, "pages": {"BACKEND": DUMMY}}
    settings.DEBUG = True
    try:
        return page(client, path)
    finally:
        settings.CACHES, settings.DEBUG = kept, False


def test_it_is_the_page_made_for_them_alone(ada: User, bob: User, olive: User, settings: Any) -> None:
    sell(ada, 0)
    sell(ada, 1, subscription_id="sub_1", status=Status.ACTIVE)
    sell(ada, 2, status=Status.PROCESSING)
    sell(ada, 3, status=Status.REFUNDED)
    sell(bob, 4)
    for path in ("/store/", "/store/?page=2", "/store/?type=one_time&sort=price"):
        for user in (ada, bob, olive, ada):  # each finds what the one before has left in the cache
            assert squeezed(page(signed_in(user), path)) == squeezed(
                made_alone(signed_in(user), settings, path)
            )


def squeezed(html: str) -> list[str]:
    """Its lines, without what only a developer's machine says."""
    lines = (line.strip() for line in html.splitlines())
    return [line for line in lines if line and not any(mark in line for mark in DEVELOPERS)]


def test_nobody_sees_anything_of_somebody_else(ada: User, bob: User, put_away: list[Any]) -> None:
    mine = sell(ada, 0)
    first, second = page(signed_in(ada)), page(signed_in(bob))
    assert "ada@example.com" in first
    assert str(mine.public_id) in first
    assert "ada@example.com" not in second
    assert str(mine.public_id) not in second
    assert "Owned" not in second
    assert put_away
    assert "ada@example.com" not in repr(put_away)
    assert str(mine.public_id) not in repr(put_away)


def test_what_was_bought_meanwhile_shows_at_once(ada: User) -> None:
    browser = signed_in(ada)
    assert "Owned" not in page(browser)
    row = sell(ada, 7)
    assert page(browser).count(">Owned<") == 1
    Purchase.objects.filter(pk=row.pk).update(status=Status.REFUNDED)
    assert "Owned" not in page(browser)


def test_a_message_is_said_to_whom_it_is_for(ada: User, bob: User) -> None:
    browser = signed_in(ada)
    page(browser)
    browser.get("/purchases/thing-3/")  # not hers: back to the store, and told so
    assert "That page belongs to Thing 3" in page(browser)
    assert "That page belongs to" not in page(browser) + page(signed_in(bob))


def test_a_message_to_who_comes_first_is_not_kept(ada: User, bob: User, put_away: list[Any]) -> None:
    browser = signed_in(ada)
    browser.get("/purchases/thing-3/")
    assert page(browser).count("That page belongs to Thing 3") == 1  # cut at this very moment
    assert put_away
    assert "That page belongs to" not in repr(put_away)
    assert "That page belongs to" not in page(browser) + page(signed_in(bob))


def test_it_costs_three_queries_however_much_is_on_the_shelves(ada: User) -> None:
    for number in range(5):
        sell(ada, number)
    browser = signed_in(ada)
    with CaptureQueriesContext(connection) as cold:
        page(browser)
    assert len(cold) <= 6, cold.captured_queries
    with CaptureQueriesContext(connection) as warm:
        page(browser)
    assert len(warm) == 3, warm.captured_queries  # session, user, purchases
