"""Tax ids of customers. https://docs.stripe.com/billing/customer/tax-ids"""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from test_billing import Subscriber


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    return Subscriber(sandbox)


def add(subscriber: Subscriber, kind: str, value: str) -> Any:
    return subscriber.v1.customers.tax_ids.create(subscriber.customer, {"type": kind, "value": value})


@pytest.mark.parametrize(
    ("kind", "value", "country"),
    [
        ("eu_vat", "ATU12345678", "AT"),
        ("eu_vat", "EL123456789", "GR"),
        ("eu_vat", "NL123456789B12", "NL"),
        ("eu_vat", "XI123456789", "GB"),
        ("gb_vat", "GB123456789", "GB"),
        ("ch_vat", "CHE-123.456.789 MWST", "CH"),
        ("us_ein", "12-3456789", "US"),
        ("nz_gst", "any other format", "NZ"),
    ],
)
def test_tax_id_has_the_country_of_its_value(
    subscriber: Subscriber, kind: str, value: str, country: str
) -> None:
    tax_id = add(subscriber, kind, value)
    assert (tax_id.type, tax_id.value, tax_id.country) == (kind, value, country)
    assert tax_id.verification.status == ("pending" if kind in ("eu_vat", "gb_vat") else "unavailable")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("eu_vat", "DE12345678"),
        ("eu_vat", "DE1234567890"),
        ("eu_vat", "DE 123456789"),
        ("eu_vat", "de123456789"),
        ("eu_vat", "GB123456789"),
        ("eu_vat", "123456789"),
        ("gb_vat", "DE123456789"),
        ("ch_vat", "CHE123456789"),
        ("us_ein", "123456789"),
    ],
)
def test_invalid_value_is_an_error_of_its_parameter(subscriber: Subscriber, kind: str, value: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        add(subscriber, kind, value)
    assert (raised.value.code, raised.value.param) == ("tax_id_invalid", "value")
    assert not subscriber.v1.customers.tax_ids.list(subscriber.customer).data


def test_tax_ids_are_listed_newest_first_and_deleted(subscriber: Subscriber, sandbox: Any) -> None:
    first, second = add(subscriber, "eu_vat", "DE123456789"), add(subscriber, "gb_vat", "GB123456789")
    service = subscriber.v1.customers.tax_ids
    other = subscriber.v1.customers.create({}).id
    assert [row.id for row in service.list(subscriber.customer).data] == [second.id, first.id]
    assert not service.list(other).data
    with pytest.raises(stripe.InvalidRequestError, match="No such tax_id"):
        service.delete(other, first.id)
    assert service.delete(subscriber.customer, first.id).deleted
    customer = subscriber.v1.customers.retrieve(subscriber.customer, {"expand": ["tax_ids"]})
    assert [row.id for row in customer.tax_ids.data] == [second.id]
    kinds = [event["type"] for event in sandbox.events()]
    assert kinds.count("customer.tax_id.created") == 2
    assert kinds.count("customer.tax_id.deleted") == 1


def test_later_invoices_show_the_tax_ids(subscriber: Subscriber) -> None:
    add(subscriber, "eu_vat", "DE123456789")
    subscriber.advance("2031-03-01")
    shown = [[(row.type, row.value) for row in invoice.customer_tax_ids] for invoice in subscriber.invoices]
    assert shown == [[], [("eu_vat", "DE123456789")]]


def test_list_by_owner(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    tax_id = v1.customers.tax_ids.create(customer, {"type": "gb_vat", "value": "GB123456789"}).id
    assert v1.tax_ids.list().data == []
    (found,) = v1.tax_ids.list({"owner": {"type": "customer", "customer": customer}}).data
    assert (found.id, v1.tax_ids.retrieve(tax_id).customer) == (tax_id, customer)
