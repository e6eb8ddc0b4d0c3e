"""Prices in several currencies: the buyer chooses one, pays in it, and amounts are compared within one currency.

https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue, sync_product
from apps.ecommerce.models import ExternalSale, Payment, Price, ProductConfiguration, Purchase, SalesProblem
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases import external_subscriptions
from apps.ecommerce.purchases.external_subscriptions import import_subscription
from apps.ecommerce.stripe_api.client import fetch
from apps.users import personal_data
from apps.users.models import User
from tests.concurrency import run_at_once
from tests.factories import add_price, create_product, pay, press_buy, sent_to_buyers, signed_in, url_path

pytestmark = pytest.mark.django_db

EUR_AND_JPY = {"eur": {"unit_amount": 1700}, "jpy": {"unit_amount": 2500}}
OTHER_CHOICE = "not available in the currency that you chose"


def add_options(sandbox: Any, configuration: ProductConfiguration, **amounts: int) -> ProductConfiguration:
    """Add these currencies to each price of the product, and copy it."""
    options = {code: {"unit_amount": amount} for code, amount in amounts.items()}
    for price in configuration.product.prices.all():
        sandbox.client.v1.prices.update(price.id, {"currency_options": options})
    sync_product(configuration.product_id)
    return ProductConfiguration.objects.get(pk=configuration.pk)


@pytest.fixture
def font(icons: ProductConfiguration, sandbox: Any) -> ProductConfiguration:
    """Return a product at $19, €17 or ¥2500."""
    return add_options(sandbox, icons, eur=1700, jpy=2500)


@pytest.fixture
def letter(sandbox: Any) -> ProductConfiguration:
    """Return a subscription at $9 or €8 a month."""
    return add_options(sandbox, create_product(sandbox.client, "Letter", 900, interval="month"), eur=800)


def buy_in(client: Client, configuration: ProductConfiguration, currency: str = "") -> Purchase:
    client.get(url_path(pay(press_buy(client, configuration, currency=currency))))
    return Purchase.objects.filter(product=configuration.product).latest("pk")


def post(client: Client, configuration: ProductConfiguration, price: Price, **form: str) -> str:
    """Press Buy, and return the page of the shop that says why not."""
    path = f"{configuration.get_absolute_url()}buy/"
    return str(client.post(path, {"price": price.id, **form}, follow=True).content.decode())


def text_of(client: Client, path: str) -> str:
    page = client.get(path, follow=True).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def session_of(purchase: Purchase) -> Any:
    return fetch("checkout/sessions", str(purchase.session_id))


@pytest.mark.parametrize("sync", ["bootstrap", "event"])
def test_sync_copies_the_currencies(icons: ProductConfiguration, sandbox: Any, sync: str) -> None:
    price = icons.prices[0]
    sandbox.client.v1.prices.update(price.id, {"currency_options": EUR_AND_JPY})
    if sync == "event":
        sandbox.deliver()
    else:
        call_command("bootstrap_ecommerce", verbosity=0)
    price.refresh_from_db()
    assert price.amounts == {"usd": 1900, "eur": 1700, "jpy": 2500}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("", 1900, "$19"), ("usd", 1900, "$19"), ("eur", 1700, "€17"), ("jpy", 2500, "¥2,500")],
)
def test_buyer_pays_in_the_chosen_currency(
    as_ada: Client, font: ProductConfiguration, currency: str, amount: int, shown: str
) -> None:
    purchase = buy_in(as_ada, font, currency)
    assert (purchase.status, purchase.currency) == (Status.PAID, currency or "usd")
    assert (purchase.amount_subtotal, purchase.amount_total) == (amount, amount)
    payment = Payment.objects.get()
    assert (payment.currency, payment.amount_paid) == (currency or "usd", amount)
    others = {"$19", "€17", "¥2,500"} - {shown}
    for path in (purchase.get_absolute_url(), payment.get_absolute_url()):
        page = text_of(as_ada, path)
        assert shown in page
        assert not [other for other in others if other in page]
    (message,) = sent_to_buyers()
    assert shown in message.body


def test_location_of_the_buyer_does_not_change_the_currency(
    font: ProductConfiguration, django_user_model: Any
) -> None:
    """Without a currency, Stripe would choose that of the buyer's country."""
    marie = django_user_model.objects.create_user(email="marie+location_FR@example.com", password="x")
    purchase = buy_in(signed_in(marie), font)
    assert (purchase.currency, purchase.amount_total) == ("usd", 1900)


def test_currency_is_stored_before_the_payment(as_ada: Client, font: ProductConfiguration) -> None:
    press_buy(as_ada, font, currency="jpy")
    purchase = Purchase.objects.get()
    assert (purchase.currency, purchase.amount_total) == ("jpy", 2500)
    assert session_of(purchase)["currency"] == "jpy"


@pytest.mark.parametrize("currency", ["gbp", "xyz", "usdeur", "EUR ", "\x00", "é", "x" * 5000])
def test_unknown_currency_is_refused(as_ada: Client, font: ProductConfiguration, currency: str) -> None:
    assert OTHER_CHOICE in post(as_ada, font, font.prices[0], currency=currency)
    assert not Purchase.objects.exists()


def test_amount_in_the_form_is_ignored(as_ada: Client, font: ProductConfiguration) -> None:
    path = f"{font.get_absolute_url()}buy/"
    as_ada.post(path, {"price": font.prices[0].id, "currency": "eur", "amount": "1", "unit_amount": "1"})
    assert session_of(Purchase.objects.get())["amount_total"] == 1700


def test_open_checkout_in_another_currency_is_replaced(
    as_ada: Client, font: ProductConfiguration, sandbox: Any
) -> None:
    first_page = press_buy(as_ada, font)
    second_page = press_buy(as_ada, font, currency="eur")
    euros, dollars = Purchase.objects.order_by("-pk")
    assert (dollars.status, euros.status) == (Status.EXPIRED, Status.OPEN)
    assert (session_of(dollars)["status"], session_of(euros)["currency"]) == ("expired", "eur")
    assert press_buy(as_ada, font, currency="eur") == second_page
    pay(first_page)
    assert sandbox.client.v1.payment_intents.list().data == []
    assert press_buy(as_ada, font) not in (first_page, second_page)
    assert Purchase.objects.filter(status=Status.OPEN).count() == 1


@pytest.mark.django_db(transaction=True)
def test_simultaneous_checkouts_in_several_currencies_leave_one_open_session(
    ada: User, font: ProductConfiguration, sandbox: Any
) -> None:
    def press(currency: str) -> int:
        form = {"price": font.prices[0].id, "currency": currency}
        return signed_in(ada).post(f"{font.get_absolute_url()}buy/", form).status_code

    assert run_at_once(partial(press, currency) for currency in ("usd", "eur", "jpy")) == [303, 303, 303]
    payable = [row for row in sandbox.client.v1.checkout.sessions.list().data if row.status == "open"]
    assert len(payable) <= 1
    assert Purchase.objects.filter(status=Status.OPEN).count() <= 1


def test_checkout_paid_in_another_tab_is_not_charged_again(
    as_ada: Client, font: ProductConfiguration
) -> None:
    pay(press_buy(as_ada, font))
    assert "already have access" in post(as_ada, font, font.prices[0], currency="eur")
    assert [row.status for row in Purchase.objects.all()] == [Status.PAID]


def test_visitor_keeps_the_choice_through_sign_up(
    client: Client, ada: User, font: ProductConfiguration
) -> None:
    choice = {"price": font.prices[0].id, "currency": "eur"}
    client.get(f"{font.get_absolute_url()}buy/", choice)
    client.force_login(ada)
    session = client.session
    session.update({"pending_checkout": {"slug": font.slug, **choice}})
    session.save()
    client.get(f"{font.get_absolute_url()}buy/")
    assert Purchase.objects.get().currency == "eur"


def test_link_from_an_old_tab_selects_the_currency(as_ada: Client, font: ProductConfiguration) -> None:
    path = f"{font.get_absolute_url()}buy/?price={font.prices[0].id}&currency=eur"
    page = as_ada.get(path, follow=True)
    assert page.context["chosen_currency"] == "eur"
    assert re.search(r'name="currency" value="eur" checked', page.content.decode())
    assert page.content.decode().count("checked") == 1


def test_product_page_offers_the_currencies(client: Client, font: ProductConfiguration) -> None:
    page = client.get(font.get_absolute_url()).content.decode()
    assert re.findall(r'<input type="radio" name="currency" value="(\w*)"', page) == ["", "eur", "jpy"]
    for label in ("$19", "€17", "¥2,500"):
        assert f"<span>{label}</span>" in page
    assert '"priceCurrency":"JPY"' in page.replace(": ", ":")
    assert f"price={font.prices[0].id}\\u0026currency=jpy" in page or "currency=jpy" in page


def test_product_with_one_currency_offers_no_choice(client: Client, icons: ProductConfiguration) -> None:
    assert 'name="currency"' not in client.get(icons.get_absolute_url()).content.decode()


# --- subscriptions --------------------------------------------------------------------------------------------


def test_subscription_is_billed_in_the_chosen_currency(as_ada: Client, letter: ProductConfiguration) -> None:
    purchase = buy_in(as_ada, letter, "eur")
    assert (purchase.status, purchase.currency, purchase.next_amount) == (Status.ACTIVE, "eur", 800)
    for path in (purchase.get_absolute_url(), Payment.objects.get().get_absolute_url()):
        page = text_of(as_ada, path)
        assert "€8 / month" in page
        assert "$" not in page


@pytest.mark.parametrize("options", [{}, {"eur": None}])
def test_subscription_keeps_its_price_if_the_currency_is_no_longer_sold(
    as_ada: Client, letter: ProductConfiguration, options: dict[str, None]
) -> None:
    purchase = buy_in(as_ada, letter, "eur")
    Price.objects.filter(pk=purchase.price_id).update(currency_options=options)
    for path in (purchase.get_absolute_url(), "/purchases/"):
        page = text_of(as_ada, path)
        assert "on request" not in page
        assert "$" not in page
    assert "€8 / month" in text_of(as_ada, purchase.get_absolute_url())


def test_buyer_with_a_subscription_pays_in_its_currency(
    as_ada: Client, letter: ProductConfiguration, sandbox: Any
) -> None:
    club = add_options(sandbox, create_product(sandbox.client, "Club", 500, interval="month"), eur=450)
    buy_in(as_ada, letter, "eur")
    purchase = buy_in(as_ada, club)
    assert (purchase.status, purchase.currency, purchase.amount_total) == (Status.ACTIVE, "eur", 450)
    assert not Purchase.objects.filter(status=Status.EXPIRED).exists()  # Stripe has refused no checkout


def test_subscription_does_not_change_the_currency_of_one_time_purchases(
    as_ada: Client, letter: ProductConfiguration, font: ProductConfiguration
) -> None:
    buy_in(as_ada, letter, "eur")
    assert buy_in(as_ada, font, "jpy").currency == "jpy"


def test_price_without_the_currency_of_the_subscription_is_refused(
    as_ada: Client, letter: ProductConfiguration, club: ProductConfiguration
) -> None:
    buy_in(as_ada, letter, "eur")
    assert "in another currency" in post(as_ada, club, club.prices[0])


def test_currency_that_only_stripe_knows_is_used(
    as_ada: Client,
    ada: User,
    letter: ProductConfiguration,
    club: ProductConfiguration,
    sandbox: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The subscription begins between the store's request and the Session."""
    buy_in(as_ada, letter, "eur")
    monkeypatch.setattr("apps.ecommerce.purchases.checkout_refusals.running_subscriptions", lambda *args: [])
    monkeypatch.setattr(external_subscriptions, "running_subscriptions", lambda *args: [])
    assert "in another currency" in post(as_ada, club, club.prices[0])
    assert not Purchase.objects.filter(product=club.product, status=Status.OPEN).exists()
    fresh = add_options(sandbox, club, eur=800)
    press_buy(as_ada, fresh)
    assert Purchase.objects.filter(product=club.product).latest("pk").currency == "eur"


def test_plan_changes_offer_the_amounts_in_the_currency_of_the_subscription(
    as_ada: Client, letter: ProductConfiguration, sandbox: Any
) -> None:
    yearly = add_price(sandbox.client, letter.product_id, 9000, interval="year")
    sandbox.client.v1.prices.update(yearly, {"currency_options": {"eur": {"unit_amount": 8000}}})
    add_price(sandbox.client, letter.product_id, 300, interval="week")  # only in dollars
    monthly = letter.prices[0]
    sync_product(letter.product_id)
    as_ada.get(url_path(pay(press_buy(as_ada, letter, monthly, "eur"))))
    purchase = Purchase.objects.get()
    plans = as_ada.get(purchase.get_absolute_url()).context["other_plans"]
    assert [(plan.price.id, plan.label) for plan in plans] == [(yearly, "€80 / year")]
    portal = as_ada.post(f"{purchase.get_absolute_url()}switch/", {"price": yearly})["Location"]
    assert "€72.00" in text_of(Client(), url_path(portal))  # 80 less what is left of the month's 8


def test_subscription_from_the_dashboard_has_its_own_currency(
    as_ada: Client, ada: User, letter: ProductConfiguration, font: ProductConfiguration, sandbox: Any
) -> None:
    press_buy(as_ada, font)  # creates the customer
    customer = ada.stripe_customers.get().id if hasattr(ada, "stripe_customers") else None
    customer = customer or session_of(Purchase.objects.get())["customer"]
    card = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    created = sandbox.client.v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": letter.prices[0].id}],
            "default_payment_method": card,
            "currency": "eur",
        }
    )
    purchase = import_subscription(fetch("subscriptions", created.id), "test")
    assert purchase
    assert (purchase.currency, purchase.price_label) == ("eur", "€8 / month")
    sale = ExternalSale.objects.get()
    assert (sale.currency, sale.amount) == ("eur", 800)


# --- upgrades -------------------------------------------------------------------------------------------------


def test_upgrade_is_computed_and_paid_in_the_currency_of_the_owned_purchase(
    as_ada: Client, font: ProductConfiguration, sandbox: Any
) -> None:
    team = add_price(sandbox.client, font.product_id, 4900)
    sandbox.client.v1.prices.update(team, {"currency_options": {"jpy": {"unit_amount": 6000}}})
    dollars_only = add_price(sandbox.client, font.product_id, 9900)
    sync_product(font.product_id)
    first = buy_in(as_ada, font, "jpy")
    page = as_ada.get(font.get_absolute_url())
    offered = [(option.price.id, option.label) for option in page.context["upgrade_options"]]
    assert offered == [(team, "¥3,500")]
    fresh = ProductConfiguration.objects.get(pk=font.pk)
    for currency in ("", "usd"):  # the browser's choice is ignored
        press_buy(as_ada, fresh, Price.objects.get(id=team), currency)
    upgrade = Purchase.objects.latest("pk")
    assert (upgrade.currency, upgrade.upgrade_of) == ("jpy", first)
    assert (upgrade.amount_subtotal, session_of(upgrade)["amount_total"]) == (6000, 3500)
    assert "already have access" in post(as_ada, font, Price.objects.get(id=dollars_only))


# --- refusals, reports, order ---------------------------------------------------------------------------------


def test_only_the_refused_currency_is_taken_off_sale(
    as_ada: Client, font: ProductConfiguration, sandbox: Any
) -> None:
    price = font.prices[0]
    sandbox.client.v1.prices.update(price.id, {"currency_options": {"isk": {"unit_amount": 10**8}}})
    sync_product(font.product_id)  # the store does not know Stripe's maximum
    assert "no longer available" in post(as_ada, font, price, currency="isk")
    price.refresh_from_db()
    assert price.amounts == {"usd": 1900, "eur": 1700, "jpy": 2500}
    assert "not in ISK" in price.unsellable_reason
    assert buy_in(as_ada, font, "eur").status == Status.PAID


def test_currency_that_was_removed_at_stripe_disappears(as_ada: Client, font: ProductConfiguration) -> None:
    price = font.prices[0]
    Price.objects.filter(pk=price.pk).update(currency_options={"eur": 1700, "gbp": 1500})
    assert "no longer available" in post(as_ada, font, price, currency="gbp")
    price.refresh_from_db()
    assert price.amounts == {"usd": 1900, "eur": 1700, "jpy": 2500}
    assert not SalesProblem.objects.exists()


def test_command_and_admin_name_the_currency_that_is_not_sold(
    icons: ProductConfiguration, sandbox: Any, olive: User, capsys: Any
) -> None:
    add_options(sandbox, icons, jpy=20, eur=1700)
    call_command("bootstrap_ecommerce")
    assert "not in JPY" in capsys.readouterr().err
    page = signed_in(olive).get("/admin/ecommerce/productconfiguration/").content.decode()
    assert "not in JPY" in page
    product = signed_in(olive).get(f"/admin/ecommerce/product/{icons.product_id}/change/").content.decode()
    assert "€17.00" in product
    assert icons.product.prices.get().amounts == {"usd": 1900, "eur": 1700}


def create_in(sandbox: Any, name: str, currency: str, amount: int) -> None:
    product = sandbox.client.v1.products.create({"name": name})
    sandbox.client.v1.prices.create({"product": product.id, "currency": currency, "unit_amount": amount})


def test_sort_by_price_groups_the_currencies(client: Client, sandbox: Any) -> None:
    create_in(sandbox, "Ten dollars", "usd", 1000)
    create_in(sandbox, "Thousand yen", "jpy", 1000)
    create_in(sandbox, "Nine dollars", "usd", 900)
    create_in(sandbox, "Hundred yen", "jpy", 100)
    create_in(sandbox, "Nine euros", "eur", 900)
    sync_catalogue()
    cards = client.get("/store/?sort=price").context["cards"]
    assert [card.configuration.product.name for card in cards] == [
        "Nine euros",
        "Hundred yen",
        "Thousand yen",
        "Nine dollars",
        "Ten dollars",
    ]


# --- what the page offers -----------------------------------------------------------------------------------------


def product_page(client: Client, configuration: ProductConfiguration, **query: str) -> Any:
    return client.get(configuration.get_absolute_url(), query)


def test_subscriber_sees_the_currency_that_is_charged(
    as_ada: Client, letter: ProductConfiguration, sandbox: Any
) -> None:
    """https://docs.stripe.com/invoicing/multi-currency-customers"""
    club = add_options(sandbox, create_product(sandbox.client, "Club", 500, interval="month"), eur=450)
    add_price(sandbox.client, club.product_id, 5000, interval="year")  # only in dollars
    sync_product(club.product_id)
    assert [value for value, _name in product_page(as_ada, club).context["currencies"]] == ["", "eur"]
    buy_in(as_ada, letter, "eur")
    page = product_page(as_ada, club)
    shown = [(row.label, row.saving, row.button) for row in page.context["price_options"]]
    assert shown == [("€4.50 / month", "", "Subscribe"), ("—", "", "Not available")]
    text = " ".join(re.sub(r"<[^>]+>", " ", page.content.decode().partition('class="deal"')[2]).split())
    assert "Your subscriptions are billed in EUR." in text
    assert "$" not in text.partition("Questions?")[0]
    assert re.findall(r'name="currency" value="(\w*)"', page.content.decode()) == ["eur"]


def test_subscriber_chooses_the_currency_of_a_one_time_purchase(
    as_ada: Client, letter: ProductConfiguration, font: ProductConfiguration
) -> None:
    buy_in(as_ada, letter, "eur")
    page = product_page(as_ada, font)
    assert [value for value, _name in page.context["currencies"]] == ["", "eur", "jpy"]
    assert not page.context["fixed_currency"]


def test_refusal_keeps_the_choice(as_ada: Client, font: ProductConfiguration, sandbox: Any) -> None:
    price = font.prices[0]
    form = {"price": price.id, "currency": "gbp"}
    page = as_ada.post(f"{font.get_absolute_url()}buy/", form)
    assert page["Location"] == f"{font.get_absolute_url()}?price={price.id}&currency=gbp"
    long = as_ada.post(f"{font.get_absolute_url()}buy/", {"price": price.id, "currency": "x" * 5000})
    assert len(long["Location"]) < 500


def test_case_of_the_currency_does_not_matter(as_ada: Client, font: ProductConfiguration) -> None:
    assert product_page(as_ada, font, currency="EUR").context["chosen_currency"] == "eur"
    press_buy(as_ada, font, currency="EUR")
    assert session_of(Purchase.objects.get())["currency"] == "eur"


@pytest.mark.parametrize("currency", ["xyz", "", "\x00", "<script>", "usd", "é" * 300])
def test_unknown_currency_in_the_url_selects_the_first(
    client: Client, font: ProductConfiguration, currency: str
) -> None:
    page = product_page(client, font, currency=currency)
    assert page.context["chosen_currency"] == ""
    assert "<script>&" not in page.content.decode()


def test_currency_of_a_visitor_is_not_shown_to_another(client: Client, font: ProductConfiguration) -> None:
    for query in ({"currency": "eur"}, {"currency": "jpy", "utm_source": "x"}, {}):
        chosen = re.findall(
            r'value="(\w*)" checked', Client().get(font.get_absolute_url(), query).content.decode()
        )
        assert chosen == [query.get("currency", "")]
    assert re.findall(r'value="(\w*)" checked', product_page(client, font).content.decode()) == [""]


@pytest.mark.parametrize(("amount", "eur", "is_shown"), [(0, 900, True), (900, 0, True), (0, 0, False)])
def test_refund_policy_is_shown_unless_all_is_free(
    client: Client, sandbox: Any, amount: int, eur: int, is_shown: bool
) -> None:
    product = add_options(sandbox, create_product(sandbox.client, "Palette", amount), eur=eur)
    assert ("Secure payment with Stripe" in product_page(client, product).content.decode()) == is_shown


def test_product_can_be_free_in_one_currency_and_paid_in_another(as_ada: Client, sandbox: Any) -> None:
    product = add_options(sandbox, create_product(sandbox.client, "Palette", 0), eur=900)
    (option,) = product_page(as_ada, product).context["price_options"]
    assert [(row.label, row.button) for row in option.in_currencies] == [
        ("Free", "Get for free"),
        ("€9", "Buy now"),
    ]
    assert buy_in(as_ada, product, "eur").amount_total == 900


def test_only_currencies_of_the_page_are_offered_to_search_engines(
    client: Client, icons: ProductConfiguration, sandbox: Any, capsys: Any
) -> None:
    codes = [
        "aud",
        "brl",
        "cad",
        "chf",
        "czk",
        "dkk",
        "eur",
        "gbp",
        "hkd",
        "huf",
        "mxn",
        "nok",
        "nzd",
        "pln",
        "sek",
    ]
    product = add_options(sandbox, icons, **dict.fromkeys(codes, 20000))
    page = product_page(client, product)
    offered = [value for value, _name in page.context["currencies"]]
    assert len(offered) == 12
    listed = re.findall(r'"priceCurrency": ?"(\w+)"', page.content.decode())
    assert {code.lower() for code in listed} == {*offered, "usd"} - {""}
    call_command("bootstrap_ecommerce")
    missing = ", ".join(code for code in codes if code not in offered).upper()
    assert f"buyers can choose between 12 currencies, not {missing}" in capsys.readouterr().err


# --- money that goes back, trials -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_refund_is_shown_in_the_chosen_currency(
    as_ada: Client, ada: User, font: ProductConfiguration, sandbox: Any, olive: User
) -> None:
    purchase = buy_in(as_ada, font, "jpy")
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id, "amount": 500})
    sandbox.deliver()
    purchase.refresh_from_db()
    assert purchase.amount_refunded == 500
    message = sent_to_buyers()[-1]
    assert "¥500" in message.body
    for client, path in (
        (as_ada, purchase.get_absolute_url()),
        (signed_in(olive), "/admin/ecommerce/purchase/"),
    ):
        text = text_of(client, path)
        assert "2,500" in text
        assert "$" not in text
    exported = str(personal_data.collect(ada))
    assert ("'jpy'" in exported, "'usd'" in exported) == (True, False)


def test_trial_is_continued_in_the_chosen_currency(as_ada: Client, sandbox: Any) -> None:
    trial = create_product(sandbox.client, "Trial", 900, interval="month", trial_period_days=7)
    product = add_options(sandbox, trial, eur=800)
    purchase = buy_in(as_ada, product, "eur")
    assert (purchase.status, purchase.currency, purchase.next_amount) == (Status.TRIALING, "eur", 800)
    text = text_of(as_ada, purchase.get_absolute_url())
    assert "€8" in text
    assert "$" not in text
