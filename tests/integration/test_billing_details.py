"""Buyers edit the name, address and tax id that receipts show. Stripe validates tax ids."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
import stripe
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import translation
from stripe.params import CustomerTaxIdCreateParams

from apps.ecommerce.models import Payment, ProductConfiguration, StripeCustomer
from apps.ecommerce.purchases.billing_details import BILLING_FIELDS, TAX_ID_TYPES, tax_id_type
from apps.ecommerce.purchases.countries import country_choices
from apps.ecommerce.purchases.payments.receipts import seller_lines
from apps.users import personal_data
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, pay, press_buy, signed_in, url_path
from tests.integration.test_receipt import receipt
from tests.stripe_actions import renew

pytestmark = pytest.mark.django_db

URL = "/accounts/billing-details/"
DETAILS = {
    "name": "Ada GmbH",
    "line1": "Torstr. 1",
    "line2": "",
    "postal_code": "10115",
    "city": "Berlin",
    "state": "",
    "country": "DE",
    "tax_id": "DE123456789",
}


class UnreachableClient(InProcessClient):
    def request(self, *args: Any, **more: Any) -> Any:
        raise stripe.APIConnectionError("unreachable")  # type: ignore[no-untyped-call]


def set_unreachable(settings: Any) -> None:
    settings.STRIPE_HTTP_CLIENT = f"{__name__}.UnreachableClient"


def save(client: Client, **changes: str) -> Any:
    return client.post(URL, DETAILS | changes)


def stored(user: User) -> dict[str, str]:
    return StripeCustomer.objects.filter(user=user).values(*BILLING_FIELDS).get()


def at_stripe(sandbox: Any, user: User) -> Any:
    customer = StripeCustomer.objects.get(user=user).id
    return sandbox.client.v1.customers.retrieve(customer, {"expand": ["tax_ids"]})


def tax_ids(customer: Any) -> list[tuple[str, str]]:
    return [(row.type, row.value) for row in customer.tax_ids.data]


def test_saved_details_are_at_stripe_and_on_receipts(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_INVOICES = True
    payment = buy(as_ada, icons).payments.get()
    finalized = sandbox.client.v1.invoices.retrieve(payment.invoice_id).to_dict(for_json=True)
    response = save(as_ada, tax_id="de 123.456-789")
    assert response["Location"] == URL
    assert stored(ada) == DETAILS | {"tax_id_type": "eu_vat"}
    customer = at_stripe(sandbox, ada)
    assert (customer.name, customer.address.line1, customer.address.country) == (
        "Ada GmbH",
        "Torstr. 1",
        "DE",
    )
    assert customer.address.line2 is None
    assert tax_ids(customer) == [("eu_vat", "DE123456789")]
    set_unreachable(settings)
    text = receipt(as_ada, payment)
    assert (
        "Sold to Ada GmbH Torstr. 1 10115 Berlin Germany VAT or tax id: DE123456789 ada@example.com" in text
    )
    del settings.STRIPE_HTTP_CLIENT
    assert sandbox.client.v1.invoices.retrieve(payment.invoice_id).to_dict(for_json=True) == finalized


def test_another_tax_id_replaces_the_old_ones(as_ada: Client, ada: User, sandbox: Any) -> None:
    save(as_ada)
    save(as_ada)
    assert tax_ids(at_stripe(sandbox, ada)) == [("eu_vat", "DE123456789")]
    save(as_ada, country="CH", tax_id="CHE-123.456.789 MWST")
    assert tax_ids(at_stripe(sandbox, ada)) == [("ch_vat", "CHE-123.456.789 MWST")]
    save(as_ada, country="CH", tax_id="")
    assert tax_ids(at_stripe(sandbox, ada)) == []
    assert (stored(ada)["tax_id"], stored(ada)["tax_id_type"]) == ("", "")


@pytest.mark.parametrize(
    ("country", "kind", "value"), [("ES", "es_cif", "A12345674"), ("BR", "br_cnpj", "01.234.456/5432-10")]
)
def test_unchanged_tax_id_of_the_checkout_keeps_its_type(
    as_ada: Client, ada: User, sandbox: Any, country: str, kind: str, value: str
) -> None:
    save(as_ada, tax_id="")
    customers = StripeCustomer.objects.filter(user=ada)
    created: Any = {"type": kind, "value": value}
    sandbox.client.v1.customers.tax_ids.create(customers.get().id, created)
    customers.update(country=country, tax_id_type=kind, tax_id=value)
    assert save(as_ada, country=country, tax_id=value, city="Elsewhere").status_code == 302
    assert tax_ids(at_stripe(sandbox, ada)) == [(kind, value)]
    assert (stored(ada)["city"], stored(ada)["tax_id_type"], stored(ada)["tax_id"]) == (
        "Elsewhere",
        kind,
        value,
    )


def test_address_without_tax_id_keeps_the_tax_id_entered_at_stripe(
    as_ada: Client, ada: User, sandbox: Any
) -> None:
    """The buyer may have entered it in the billing portal, or at a checkout before the store had these details."""
    save(as_ada, tax_id="")
    created: Any = {"type": "eu_vat", "value": "DE123456789"}
    sandbox.client.v1.customers.tax_ids.create(StripeCustomer.objects.get(user=ada).id, created)
    save(as_ada, tax_id="", city="Hamburg")
    assert tax_ids(at_stripe(sandbox, ada)) == [("eu_vat", "DE123456789")]


def test_tax_id_that_stripe_refuses_is_an_error_of_the_field(as_ada: Client, ada: User, sandbox: Any) -> None:
    save(as_ada)
    before, customer = stored(ada), at_stripe(sandbox, ada)
    response = save(as_ada, name="Ada AG", tax_id="DE12345")
    assert response.context["form"].errors.keys() == {"tax_id"}
    assert 'value="DE12345"' in response.content.decode()
    assert 'value="Ada AG"' in response.content.decode()
    assert stored(ada) == before
    assert at_stripe(sandbox, ada).to_dict(for_json=True) == customer.to_dict(for_json=True)


def test_tax_id_of_a_country_without_a_type_is_not_sent_to_stripe(as_ada: Client, settings: Any) -> None:
    set_unreachable(settings)
    assert save(as_ada, country="AQ", tax_id="123").context["form"].errors.keys() == {"tax_id"}


@pytest.mark.parametrize("field", ["name", "line1", "city", "country"])
def test_required_field_cannot_be_empty(as_ada: Client, settings: Any, field: str) -> None:
    set_unreachable(settings)
    assert field in save(as_ada, **{field: ""}).context["form"].errors


def test_unreachable_stripe_keeps_the_input(
    as_ada: Client, ada: User, icons: ProductConfiguration, settings: Any
) -> None:
    buy(as_ada, icons)
    before = stored(ada)
    set_unreachable(settings)
    response = save(as_ada)
    assert response.status_code == 200
    assert settings.SUPPORT_EMAIL in response.context["form"].non_field_errors()[0]
    assert all(
        f'value="{DETAILS[name]}"' in response.content.decode() for name in ("name", "line1", "tax_id")
    )
    assert stored(ada) == before


def test_details_of_the_checkout_are_stored_once(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, settings: Any
) -> None:
    buy(as_ada, icons)
    empty = dict.fromkeys(BILLING_FIELDS, "")
    from_checkout = {"name": "Ada Lovelace", "postal_code": "SW1A 1AA", "country": "GB"}
    assert stored(ada) == empty | from_checkout
    save(as_ada)
    buy(as_ada, club)
    assert stored(ada)["name"] == "Ada GmbH"
    set_unreachable(settings)
    assert 'value="Ada GmbH"' in as_ada.get(URL).content.decode()


def test_company_and_tax_id_of_the_checkout_are_stored(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_TAX_IDS = True
    url = press_buy(as_ada, icons)
    page = url_path(url)
    Client().post(
        page,
        {
            "email": "ada@example.com",
            "cardNumber": "4242424242424242",
            "cardExpiry": "12 / 40",
            "cardCvc": "123",
            "billingName": "Ada Lovelace",
            "billingCountry": "DE",
            "taxId": "DE123456789",
            "businessName": "Ada GmbH",
        },
    )
    sandbox.deliver()
    assert stored(ada)["name"] == "Ada GmbH"
    assert (stored(ada)["tax_id_type"], stored(ada)["tax_id"]) == ("eu_vat", "DE123456789")
    assert tax_ids(at_stripe(sandbox, ada)) == [("eu_vat", "DE123456789")]


def test_unpaid_checkout_stores_nothing(as_ada: Client, ada: User, icons: ProductConfiguration) -> None:
    pay(press_buy(as_ada, icons), "4000000000000002")
    assert set(stored(ada).values()) == {""}


def test_customer_deleted_at_stripe_is_created_again(as_ada: Client, ada: User, sandbox: Any) -> None:
    save(as_ada)
    first = StripeCustomer.objects.get(user=ada).id
    sandbox.client.v1.customers.delete(first)
    assert save(as_ada).status_code == 200
    assert save(as_ada).status_code == 302
    assert StripeCustomer.objects.get(user=ada).id != first
    assert tax_ids(at_stripe(sandbox, ada)) == [("eu_vat", "DE123456789")]


def test_form_returns_to_the_page_that_links_to_it(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    payment = purchase.payments.get()
    for page in (purchase.get_absolute_url(), payment.get_absolute_url()):
        link = f"{URL}?next={page}"
        assert link in as_ada.get(page).content.decode()
        response = as_ada.post(link, DETAILS)
        assert response["Location"] == page
        assert list(get_messages(response.wsgi_request))
    assert as_ada.post(f"{URL}?next=//evil.example/", DETAILS)["Location"] == URL


def test_saving_is_limited(as_ada: Client, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"portal": "1/h/user"}
    assert [save(as_ada).status_code for _ in range(2)] == [302, 429]
    assert as_ada.get(URL).status_code == 200


def test_details_are_exported_and_deleted_with_the_account(as_ada: Client, ada: User) -> None:
    save(as_ada)
    assert personal_data.collect(ada)["billing_details"] == [DETAILS | {"tax_id_type": "eu_vat"}]
    assert personal_data.delete_account(ada) == []
    assert not StripeCustomer.objects.exists()


def test_other_users_see_their_own_details(as_ada: Client, as_bob: Client) -> None:
    save(as_ada)
    assert "Ada GmbH" not in as_bob.get(URL).content.decode()
    save(as_bob, name="Bob Ltd")
    assert 'value="Ada GmbH"' in as_ada.get(URL).content.decode()


def test_tax_id_types_are_stripes() -> None:
    hint = get_type_hints(CustomerTaxIdCreateParams)["type"]
    known = {value for option in get_args(hint) for value in get_args(option)}
    assert set(TAX_ID_TYPES.values()) <= known
    assert (tax_id_type("GB", "XI123456789"), tax_id_type("GB", "GB123456789")) == ("eu_vat", "gb_vat")
    assert TAX_ID_TYPES.keys() <= dict(country_choices()).keys()


def test_countries_are_sorted_in_the_language_of_the_page() -> None:
    with translation.override("de"):
        names = [name for _code, name in country_choices()]
    assert names.index("Oman") < names.index("Österreich") < names.index("Pakistan")


def test_receipt_of_a_renewal_shows_the_shop_as_on_that_day(
    as_ada: Client, club: ProductConfiguration, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.SELLER_ADDRESS = ["1 Old Street"]
    purchase = buy(as_ada, club)
    settings.SELLER_ADDRESS = ["2 New Street"]
    other = User.objects.create_user(email="eve@example.com", password="a long password of eve")
    buy(signed_in(other), icons)
    renew(sandbox, purchase)
    settings.SELLER_ADDRESS = ["3 Future Street"]
    renewal, first = Payment.objects.filter(purchase=purchase)
    assert [seller_lines(payment)[1:] for payment in (first, renewal)] == [["1 Old Street"], ["2 New Street"]]
    assert "2 New Street" in receipt(as_ada, renewal)
