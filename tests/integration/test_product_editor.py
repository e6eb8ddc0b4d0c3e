"""The product editor of the admin writes products and prices to Stripe and to the store.

What Stripe allows to change is from https://docs.stripe.com/api/prices/update and /api/products/update.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from PIL import Image

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, first_price
from tests.integration.editor_form import (
    ADD,
    add_to_form,
    change_url,
    form_of,
    new_product,
    read_form,
    save,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def active_prices(sandbox: Any, row: ProductConfiguration) -> list[Any]:
    prices = sandbox.client.v1.prices.list({"product": row.product_id, "active": True, "limit": 100})
    return list(reversed(prices.data))


def png(width: int = 800, height: int = 600, colour: str = "teal") -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return SimpleUploadedFile(f"{colour}.png", file.getvalue(), "image/png")


def test_new_product_is_sold_in_the_store(as_olive: Client, as_ada: Client, sandbox: Any) -> None:
    row = new_product(as_olive, "Field notes", "19")
    assert b"Field notes" in Client().get("/store/").content
    item = sandbox.client.v1.products.retrieve(row.product_id)
    [price] = active_prices(sandbox, row)
    assert (item.name, item.active, item.default_price) == ("Field notes", True, price.id)
    assert (price.unit_amount, price.currency, price.type) == (1900, "usd", "one_time")
    assert buy(as_ada, row).status == Status.PAID
    assert Purchase.objects.get().product_name == "Field notes"


def test_draft_is_active_at_stripe_but_not_in_the_store(
    as_olive: Client, as_ada: Client, sandbox: Any
) -> None:
    row = new_product(as_olive, "Field notes", "19", button="_save")
    assert row.status == ProductConfiguration.Status.DRAFT
    assert "only staff see its page" in as_olive.get(change_url(row)).content.decode()
    assert sandbox.client.v1.products.retrieve(row.product_id).active
    for _round in range(3):
        sandbox.deliver()
    assert b"Field notes" not in Client().get("/store/").content
    assert as_ada.get(row.get_absolute_url()).status_code == 404
    form = {"price": first_price(row).id}
    assert as_ada.post(f"/store/{row.slug}/buy/", form)["Location"].startswith(row.get_absolute_url())
    assert not Purchase.objects.exists()


def test_strangers_see_nothing_of_a_draft(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration
) -> None:
    ProductConfiguration.objects.update(status="draft")
    for client in (Client(), as_ada):
        response = client.get(icons.get_absolute_url())
        assert response.status_code == 404
        assert icons.product.name not in response.content.decode()
    assert icons.product.name in as_olive.get(f"{icons.get_absolute_url()}?preview").content.decode()


def test_draft_needs_only_a_name_and_a_product_on_sale_a_price(as_olive: Client) -> None:
    row = new_product(as_olive, "An idea", "", button="_save")
    assert row.status == ProductConfiguration.Status.DRAFT
    response = save(as_olive, change_url(row), read_form(as_olive, change_url(row)), button="_publish")
    assert response.status_code == 422
    row.refresh_from_db()
    assert row.status == ProductConfiguration.Status.DRAFT


def test_all_kinds_of_prices_are_made_at_stripe(as_olive: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {"name": "Everything", "default_price": "prices-2"}
    rows: list[dict[str, str]] = [
        {"kind": "one_time", "amount": "49.50", "currency": "EUR", "nickname": "Team"},
        {"kind": "year", "amount": "90", "currency": "eur", "trial_days": "14"},
        {"kind": "every", "amount": "12", "currency": "eur", "interval": "week", "interval_count": "6"},
        {"kind": "free", "currency": "eur", "nickname": "Students"},
        {"kind": "custom", "currency": "eur", "minimum": "5", "preset": "12.5", "maximum": "100"},
        {"kind": "one_time", "amount": "4800", "currency": "jpy"},
        {"kind": "one_time", "amount": "1.250", "currency": "kwd"},
    ]
    form = add_to_form(form, "prices", rows)
    response = save(as_olive, ADD, form, button="_publish")
    assert response.status_code == 302, form_of(response)
    row = ProductConfiguration.objects.get()
    once, yearly, weekly, free, custom, yen, dinar = active_prices(sandbox, row)
    assert (once.unit_amount, once.currency, once.nickname) == (4950, "eur", "Team")
    assert (yearly.recurring.interval, yearly.recurring.trial_period_days) == ("year", 14)
    assert (weekly.recurring.interval, weekly.recurring.interval_count) == ("week", 6)
    assert (free.unit_amount, free.recurring, free.nickname) == (0, None, "Students")
    amounts = custom.custom_unit_amount
    assert (amounts.minimum, amounts.preset, amounts.maximum) == (500, 1250, 10000)
    assert (yen.unit_amount, dinar.unit_amount) == (4800, 1250)
    assert sandbox.client.v1.products.retrieve(row.product_id).default_price == weekly.id
    page = as_olive.get(change_url(row))
    again = save(as_olive, change_url(row), read_form(as_olive, change_url(row)))
    assert page.status_code == 200
    assert again.status_code == 302
    assert len(active_prices(sandbox, row)) == 7  # nothing changed, so nothing is written


def test_another_amount_is_a_new_price_and_owners_keep_theirs(
    as_olive: Client, as_ada: Client, sandbox: Any, club: ProductConfiguration
) -> None:
    [old] = active_prices(sandbox, club)
    sandbox.client.v1.prices.update(old.id, {"lookup_key": "club", "metadata": {"team": "7"}})
    sandbox.client.v1.products.update(club.product_id, {"default_price": old.id})
    sync_product(club.product_id)
    purchase = buy(as_ada, club)
    form = read_form(as_olive, change_url(club)) | {"prices-0-amount": "12"}
    assert save(as_olive, change_url(club), form).status_code == 302
    [new] = active_prices(sandbox, club)
    assert new.id != old.id
    assert (new.unit_amount, new.recurring.interval, new.lookup_key) == (1200, "month", "club")
    assert new.metadata.to_dict() == {"team": "7"}
    assert sandbox.client.v1.products.retrieve(club.product_id).default_price == new.id
    subscription = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)
    assert subscription["items"].data[0].price.id == old.id
    assert as_ada.get(f"/purchases/{club.slug}/").status_code == 200
    assert {price.plan for price in Price.objects.filter(product=club.product_id)} == {"club"}


def test_new_price_of_a_renamed_plan_keeps_the_plan(
    as_olive: Client, sandbox: Any, club: ProductConfiguration
) -> None:
    [old] = active_prices(sandbox, club)
    sandbox.client.v1.prices.update(old.id, {"nickname": "Pro"})
    sync_product(club.product_id)
    form = read_form(as_olive, change_url(club)) | {"prices-0-nickname": "Professional"}
    assert save(as_olive, change_url(club), form).status_code == 302
    [renamed] = active_prices(sandbox, club)
    assert (renamed.id, renamed.nickname) == (old.id, "Professional")
    form = read_form(as_olive, change_url(club)) | {"prices-0-amount": "12"}
    assert save(as_olive, change_url(club), form).status_code == 302
    [new] = active_prices(sandbox, club)
    sync_product(club.product_id)
    assert Price.objects.get(id=new.id).plan == "Pro"


def test_removed_price_is_archived_but_not_the_last_one(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration, team: Price
) -> None:
    form = read_form(as_olive, change_url(icons)) | {"default_price": "prices-1", "prices-0-DELETE": "on"}
    assert save(as_olive, change_url(icons), form).status_code == 302
    assert [price.id for price in active_prices(sandbox, icons)] == [team.id]
    assert sandbox.client.v1.products.retrieve(icons.product_id).default_price == team.id
    form = read_form(as_olive, change_url(icons)) | {"prices-0-DELETE": "on"}
    assert save(as_olive, change_url(icons), form).status_code == 422
    assert [price.id for price in active_prices(sandbox, icons)] == [team.id]


def test_price_with_other_currencies_keeps_its_terms(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    [price] = active_prices(sandbox, icons)
    sandbox.client.v1.prices.update(price.id, {"currency_options": {"eur": {"unit_amount": 1700}}})
    sync_product(icons.product_id)
    form = read_form(as_olive, change_url(icons))
    assert "prices-0-amount" not in form
    form |= {"prices-0-amount": "1", "prices-0-nickname": "Solo"}
    assert save(as_olive, change_url(icons), form).status_code == 302
    [same] = active_prices(sandbox, icons)
    assert (same.id, same.unit_amount, same.nickname) == (price.id, 1900, "Solo")


def test_texts_are_shown_on_the_product_page(as_olive: Client, as_ada: Client) -> None:
    texts = {
        "tagline": "Paper for ideas",
        "description": "# Made of *paper*",
        "features": "144 pages\n\n  Two   ribbons ",
        "specifications": "Format: A5\nWithout lines",
        "payment_text": "A notebook.",
        "category": "Stationery",
        "tags": "paper, Gifts,paper",
        "faq-0-question": "Is it lined?",
        "faq-0-answer": "No, it is **plain**.",
        "content": "Thanks for buying.",
    }
    row = new_product(as_olive, "Field notes", "19", **texts)
    page = Client().get(row.get_absolute_url()).content.decode()
    for text in ("Paper for ideas", "<em>paper</em>", "144 pages", "Two ribbons", "A5", "Is it lined?"):
        assert text in page
    assert "<strong>plain</strong>" in page
    assert "/store/?category=stationery" in page
    assert [tag.name for tag in row.tags.all()] == ["Gifts", "paper"]
    assert row.product.features == ["144 pages", "Two ribbons"]
    assert row.product.description == "A notebook."
    buy(as_ada, row)
    assert b"Thanks for buying." in as_ada.get(f"/purchases/{row.slug}/").content


def test_pictures_are_cropped_ordered_and_described(as_olive: Client) -> None:
    files = {"pictures-0-file": png(800, 800, "teal"), "pictures-1-file": png(1600, 600, "pink")}
    alts = {
        "pictures-0-alt": "A teal square",
        "pictures-1-alt": "Pink",
        "pictures-0-ORDER": "2",
        "pictures-1-ORDER": "1",
    }
    row = new_product(as_olive, "Field notes", "19", **files, **alts)
    assert [picture["alt"] for picture in row.pictures] == ["Pink", "A teal square"]
    for picture in row.product.pictures:
        assert abs(picture.width / picture.height - 4 / 3) < 0.01
    page = Client().get(row.get_absolute_url()).content.decode()
    assert page.index('alt="Pink"') < page.index('alt="A teal square"')
    assert row.pictures[0]["address"] in Client().get("/store/").content.decode()
    form = read_form(as_olive, change_url(row)) | {"pictures-0-DELETE": "on", "pictures-1-alt": "Teal"}
    assert save(as_olive, change_url(row), form).status_code == 302
    row.refresh_from_db()
    assert [picture["alt"] for picture in row.pictures] == ["Teal"]


def test_product_can_have_twelve_pictures(as_olive: Client) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes"}
    form = add_to_form(form, "pictures", [{"alt": str(number)} for number in range(12)])
    for number in range(12):
        form[f"pictures-{number}-file"] = png(120, 120 + number)
    assert save(as_olive, ADD, form).status_code == 302
    assert len(ProductConfiguration.objects.get().pictures) == 12  # browsers send as many fields at each save


def test_uploaded_picture_is_kept_while_another_field_is_refused(as_olive: Client) -> None:
    form = read_form(as_olive, ADD) | {"name": "", "prices-0-amount": "19", "pictures-0-file": png()}
    response = save(as_olive, ADD, form, button="_publish")
    assert response.status_code == 422
    again = form_of(response) | {"name": "Field notes"}
    assert save(as_olive, ADD, again, button="_publish").status_code == 302
    assert len(ProductConfiguration.objects.get().pictures) == 1


def test_hidden_product_is_not_sold_but_owners_keep_it(
    as_olive: Client, as_ada: Client, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    form = read_form(as_olive, change_url(icons)) | {"status": "hidden"}
    assert save(as_olive, change_url(icons), form).status_code == 302
    assert "only staff and owners see its page" in as_olive.get(change_url(icons)).content.decode()
    assert as_ada.get(icons.get_absolute_url()).status_code == 200
    assert sandbox.client.v1.products.retrieve(icons.product_id).active
    assert b"Icon set" not in Client().get("/store/").content
    assert as_bob.get(icons.get_absolute_url()).status_code == 404
    assert as_ada.get(f"/purchases/{icons.slug}/").status_code == 200


def test_duplicate_is_written_only_when_it_is_saved(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    form = read_form(as_olive, f"{ADD}?from={icons.pk}")
    assert form["name"] != "Icon set"
    assert "Icon set" in form["name"]
    assert ProductConfiguration.objects.count() == 1
    assert save(as_olive, ADD, form).status_code == 302
    copy = ProductConfiguration.objects.exclude(pk=icons.pk).get()
    assert copy.status == ProductConfiguration.Status.DRAFT
    [price], [original] = active_prices(sandbox, copy), active_prices(sandbox, icons)
    assert price.id != original.id
    assert price.unit_amount == original.unit_amount


def test_amounts_are_shown_and_read_in_the_language_of_the_founder(
    as_olive: Client, sandbox: Any, icons: ProductConfiguration
) -> None:
    as_olive.cookies.load({"language": "de"})
    form = read_form(as_olive, change_url(icons))
    assert form["prices-0-amount"] == "19,00"
    assert save(as_olive, change_url(icons), form | {"prices-0-amount": "1.019,99"}).status_code == 302
    assert [price.unit_amount for price in active_prices(sandbox, icons)] == [101_999]


def test_no_request_is_sent_to_stripe_in_a_transaction(
    as_olive: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.STRIPE_HTTP_CLIENT = f"{__name__}.ClientOutsideOfTransactions"
    ClientOutsideOfTransactions.requests.clear()
    form = read_form(as_olive, change_url(icons)) | {"prices-0-amount": "29", "name": "Icons"}
    assert save(as_olive, change_url(icons), form).status_code == 302
    assert len(ClientOutsideOfTransactions.requests) > 4


class ClientOutsideOfTransactions(InProcessClient):
    requests: list[str] = []

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        assert not connection.in_atomic_block, (method, url)
        self.requests.append(url)
        return super().request(method, url, *args, **more)
