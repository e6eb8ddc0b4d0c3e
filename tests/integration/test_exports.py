"""The admin exports records as CSV that spreadsheet programs and accountants can use."""

from __future__ import annotations

import csv
import re
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.ecommerce.back_office.exports import rows as export_rows
from apps.ecommerce.back_office.exports.csv_lines import format_cell
from apps.ecommerce.back_office.exports.tables import EXPORTS
from apps.ecommerce.back_office.exports.tax_by_country import tax_share
from apps.ecommerce.back_office.figures.periods import Period
from apps.ecommerce.back_office.figures.shop_figures import Figures
from apps.ecommerce.back_office.roles import OPERATORS, SUPPORT
from apps.ecommerce.models import (
    OperatorAction,
    Payment,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    Refund,
    StripeCustomer,
)
from apps.users.models import User
from apps.users.personal_data import collect
from tests.factories import buy, signed_in

pytestmark = pytest.mark.django_db

EXPORTS_PAGE = "/admin/exports/"
NAMES = [export.name for export in EXPORTS]
JULY = Period(date(2026, 7, 1), date(2026, 7, 31))
NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
numbers = count()


@pytest.fixture
def price() -> Price:
    now = timezone.now()
    product = Product.objects.create(id="prod_1", name="Icons", synced_at=now)
    return Price.objects.create(
        id="price_1", product=product, currency="usd", unit_amount=1900, type="one_time", synced_at=now
    )


def create_order(price: Price, at: datetime = NOON, **fields: Any) -> Purchase:
    number = next(numbers)
    values = {"product": price.product, "price": price, "currency": "usd", "livemode": False}
    values |= {"email": "ada@example.com", "session_id": f"cs_{number}", "order_number": f"W-{number}"}
    values |= {"product_name": "Icons", "status": "paid", "paid_at": at}
    purchase = Purchase.objects.create(**values | fields)
    Purchase.objects.filter(pk=purchase.pk).update(created_at=at)
    return purchase


def create_payment(purchase: Purchase, at: datetime = NOON, amount: int = 1900, **fields: Any) -> Payment:
    values = {"purchase": purchase, "livemode": purchase.livemode, "product": purchase.product}
    values |= {"stripe_id": f"pi_{next(numbers)}", "status": "paid", "currency": purchase.currency}
    values |= {"amount_total": amount, "amount_paid": amount, "created_at": at, "paid_at": at}
    return Payment.objects.create(**values | fields)


def create_refund(payment: Payment, at: datetime = NOON, amount: int = 500, **fields: Any) -> Refund:
    values = {"payment": payment, "livemode": payment.livemode, "currency": payment.currency}
    values |= {"stripe_id": f"re_{next(numbers)}", "status": "succeeded", "amount": amount, "created_at": at}
    return Refund.objects.create(**values | fields)


def create_customer(user: User, **fields: Any) -> StripeCustomer:
    values = {"id": f"cus_{next(numbers)}", "user": user, "livemode": False}
    customer = StripeCustomer.objects.create(**values | fields)
    StripeCustomer.objects.filter(pk=customer.pk).update(created_at=NOON)
    return customer


def post(client: Client, name: str, first: str = "2026-07-01", last: str = "2026-07-31") -> Any:
    return client.post(EXPORTS_PAGE, {"export": name, "from": first, "to": last})


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    assert response.streaming, response.content[:2000]
    return b"".join(response.streaming_content).decode()


def rows_of(client: Client, name: str, *days: str) -> list[dict[str, str]]:
    text = text_of(post(client, name, *days))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(StringIO(text[1:], newline=""), strict=True))


@pytest.fixture(autouse=True)
def _after_july(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ecommerce.back_office.figures.periods.today", lambda: date(2026, 11, 15))


def test_amounts_are_plain_decimals_of_their_currency(as_olive: Client, price: Price) -> None:
    amounts = {
        "usd": (123456789, "1234567.89"),
        "jpy": (500, "500"),
        "kwd": (5120, "5.120"),
        "eur": (0, "0.00"),
    }
    for currency, (amount, _text) in amounts.items():
        purchase = create_order(price, currency=currency, amount_total=amount)
        create_refund(create_payment(purchase, amount=amount), amount=amount)
    expected = {currency.upper(): text for currency, (_amount, text) in amounts.items()}
    for name, column in (("orders", "total"), ("payments", "paid"), ("refunds", "refunded")):
        assert {row["currency"]: row[column] for row in rows_of(as_olive, name)} == expected, name
    rows = rows_of(as_olive, "tax-by-country")
    assert {row["currency"]: row["paid"] for row in rows} == expected  # one row for each currency
    assert {row["currency"]: row["refunded"] for row in rows} == expected
    assert {row["paid_after_refunds"] for row in rows} == {"0.00", "0", "0.000"}


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", '=HYPERLINK("http://x","y")'],
)
def test_texts_are_never_formulas(as_olive: Client, price: Price, ada: User, text: str) -> None:
    ada.name = text
    ada.save()
    create_customer(ada, name=text, line1=text, city=text, tax_id=text)
    price.product.name = text
    price.product.save()
    purchase = create_order(
        price, user=ada, product_name=text, price_name=text, payment_method=text, subscription_id="sub_1"
    )
    create_refund(create_payment(purchase, description=text, invoice_number=text), reason=text)
    for name in NAMES:
        rows = rows_of(as_olive, name)
        assert rows, name
        cells = [cell for row in rows for cell in row.values()]
        assert not [cell for cell in cells if re.match(r"[\t\r\n]|\s*[=+\-@＝]", cell)], name
        assert name == "tax-by-country" or f"'{text}" in cells, name


def test_hostile_email_addresses_and_quotes_keep_their_cells(as_olive: Client, price: Price) -> None:
    create_order(price, email="=cmd|x@example.com", product_name='Say "hi", Zoë;\nbye 🎉')
    create_order(price, email="+1@example.com")
    first, second = rows_of(as_olive, "orders")
    assert (first["email"], first["product"]) == ("'=cmd|x@example.com", 'Say "hi", Zoë;\nbye 🎉')
    assert second["email"] == "'+1@example.com"


def test_negative_amounts_stay_numbers(as_olive: Client, price: Price) -> None:
    purchase = create_order(price)
    create_payment(purchase, amount=0, amount_total=-700, amount_subtotal=-700)
    create_refund(create_payment(purchase, datetime(2026, 5, 1, tzinfo=UTC)), amount=501)
    (row,) = rows_of(as_olive, "payments")
    assert (row["total"], row["paid"]) == ("-7.00", "0.00")
    (row,) = rows_of(as_olive, "tax-by-country")
    assert Decimal(row["paid_after_refunds"]) == Decimal("-5.01")
    assert (format_cell(-3), format_cell("-3")) == ("-3", "'-3")


def test_times_have_the_offset_of_the_shops_zone(as_olive: Client, price: Price, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    for hour in (0, 1):  # 2:30 in summer, and again in winter
        create_order(price, datetime(2026, 10, 25, hour, 30, tzinfo=UTC))
    with timezone.override("America/New_York"):
        rows = rows_of(as_olive, "orders", "2026-10-25", "2026-10-25")
    expected = ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
    assert [row["ordered_at"] for row in rows] == expected
    assert [row["completed_at"] for row in rows] == expected
    assert [row["revoked_at"] for row in rows] == ["", ""]


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-07-14"])
def test_days_begin_and_end_at_midnight_of_the_shop(
    as_olive: Client, price: Price, ada: User, settings: Any, day: str
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    start = Period(date.fromisoformat(day), date.fromisoformat(day)).start
    end = Period(date.fromisoformat(day), date.fromisoformat(day)).end
    moment = timedelta(microseconds=1)
    inside = set()
    for at in (start - moment, start, end - moment, end):
        purchase = create_order(price, at, subscription_id=f"sub_{next(numbers)}")
        create_refund(create_payment(purchase, at), at)
        user = User.objects.create_user(f"buyer{next(numbers)}@example.com", "x")
        StripeCustomer.objects.filter(pk=create_customer(user).pk).update(created_at=at)
        if start <= at < end:
            inside.add(purchase.order_number)
    for name in ("orders", "payments", "refunds", "subscriptions"):
        assert {row["order"] for row in rows_of(as_olive, name, day, day)} == inside, name
    assert len(rows_of(as_olive, "customers", day, day)) == 2
    (row,) = rows_of(as_olive, "tax-by-country", day, day)
    assert (row["payments"], row["refunds"]) == ("2", "2")


def test_exports_have_the_current_mode_only(as_olive: Client, price: Price, ada: User) -> None:
    for livemode in (False, True):
        create_customer(ada, livemode=livemode, country="FR" if livemode else "DE")
        purchase = create_order(price, user=ada, livemode=livemode, subscription_id=f"sub_{livemode}")
        create_refund(create_payment(purchase))
    for name in NAMES:
        (row,) = rows_of(as_olive, name)
        assert row.get("country") in ("DE", None), name
    assert "orders-test-2026-07-01-2026-07-31.csv" in post(as_olive, "orders")["Content-Disposition"]


def test_orders_are_those_that_were_completed(as_olive: Client, price: Price) -> None:
    paid = create_order(price, amount_total=1900)
    create_order(price, status="open", paid_at=None, amount_total=1900)
    create_order(price, status="expired", paid_at=None, amount_total=1900)
    given = create_order(price, paid_at=None, granted_at=NOON, session_id=None)
    rows = {row["order"]: row for row in rows_of(as_olive, "orders")}
    assert set(rows) == {paid.order_number, given.order_number}
    complimentary = {number: (row["complimentary"], row["total"]) for number, row in rows.items()}
    assert complimentary == {paid.order_number: ("no", "19.00"), given.order_number: ("yes", "0.00")}


def test_refunds_name_their_payment_and_order(as_olive: Client, price: Price) -> None:
    payment = create_payment(create_order(price), datetime(2026, 6, 30, 12, tzinfo=UTC), currency="usd")
    create_refund(payment, reason="requested_by_customer")
    create_refund(payment, status="failed")
    create_refund(payment, status="canceled")
    (row,) = rows_of(as_olive, "refunds")
    assert (row["payment"], row["order"]) == (payment.stripe_id, payment.purchase.order_number)
    assert (row["refunded_at"][:10], row["reason"]) == ("2026-07-14", "requested_by_customer")


def test_sums_equal_the_figures(as_olive: Client, price: Price) -> None:
    for n, currency in enumerate(["usd", "usd", "jpy"]):
        payment = create_payment(create_order(price, currency=currency), amount=1000 + n)
        create_refund(payment, amount=100 + n)
    create_payment(create_order(price), paid_at=None, status="open", amount_paid=0)
    figures = Figures(JULY)
    for currency, digits in (("usd", 2), ("jpy", 0)):
        total = figures.total(currency)
        for name, column, amount in (
            ("payments", "paid", total.sales),
            ("refunds", "refunded", total.refunds),
        ):
            rows = [row for row in rows_of(as_olive, name) if row["currency"] == currency.upper()]
            assert sum(Decimal(row[column]) for row in rows) == Decimal(amount).scaleb(-digits)


def test_tax_is_summed_by_country_and_currency(as_olive: Client, price: Price, ada: User, bob: User) -> None:
    create_customer(ada, country="DE")
    create_customer(bob)  # has not entered a country
    for user, currency in ((ada, "eur"), (ada, "eur"), (ada, "jpy"), (bob, "eur"), (None, "eur")):
        purchase = create_order(price, user=user, currency=currency, paid_at=NOON + timedelta(hours=1))
        payment = create_payment(purchase, amount=1190, amount_tax=190)
    create_refund(payment, amount=595)
    rows = {(row["country"], row["currency"]): row for row in rows_of(as_olive, "tax-by-country")}
    assert list(rows) == [("DE", "EUR"), ("DE", "JPY"), ("unknown", "EUR")]
    assert [row["tax"] for row in rows.values()] == ["3.80", "190", "3.80"]
    unknown = rows["unknown", "EUR"]
    assert (unknown["payments"], unknown["paid"], unknown["refunds"]) == ("2", "23.80", "1")
    assert (unknown["refunded"], unknown["tax_of_refunds"]) == ("5.95", "0.95")
    assert (unknown["paid_after_refunds"], unknown["tax_after_refunds"]) == ("17.85", "2.85")


def test_tax_share_is_rounded_half_up() -> None:
    assert [tax_share(refunded, 1, 2) for refunded in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert tax_share(100, 0, 0) == 0


def test_customers_have_billing_details_and_count_orders(as_olive: Client, price: Price, ada: User) -> None:
    create_customer(ada, name="Ada GmbH", country="DE", tax_id_type="eu_vat", tax_id="DE123456789")
    create_order(price, user=ada)
    create_order(price, user=ada, status="open", paid_at=None)
    create_order(price, user=ada, paid_at=None, granted_at=NOON)
    (row,) = rows_of(as_olive, "customers")
    assert (row["email"], row["billing_name"], row["country"]) == (ada.email, "Ada GmbH", "DE")
    assert (row["tax_id"], row["orders"]) == ("DE123456789", "1")


@pytest.mark.parametrize("name", NAMES)
def test_rows_need_no_further_queries(as_olive: Client, price: Price, name: str) -> None:
    def add(number: int) -> None:
        for _n in range(number):
            user = User.objects.create_user(f"buyer{next(numbers)}@example.com", "x")
            create_customer(user, country="DE")
            purchase = create_order(price, user=user, subscription_id=f"sub_{next(numbers)}")
            create_refund(create_payment(purchase))

    add(2)
    with CaptureQueriesContext(
        connection,
    ) as few:
        before = len(rows_of(as_olive, name))
    add(20)
    with CaptureQueriesContext(connection) as many:
        after = len(rows_of(as_olive, name))
    assert len(many) == len(few)
    assert after == before + 20 or name == "tax-by-country"


def test_pages_neither_repeat_nor_miss_rows(
    as_olive: Client, price: Price, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "PAGE_ROWS", 3)
    times = [NOON, NOON, NOON, NOON, NOON + timedelta(1), NOON - timedelta(1), NOON, NOON + timedelta(1)]
    orders = [create_order(price, at) for at in times]
    expected = [order.order_number for order in sorted(orders, key=lambda order: (order.paid_at, order.pk))]
    assert [row["order"] for row in rows_of(as_olive, "orders")] == expected


def test_memory_does_not_grow_with_the_number_of_rows(price: Price) -> None:
    purchase = create_order(price)
    export = next(export for export in EXPORTS if export.name == "payments")
    peaks = []
    for size in (6_000, 12_000):
        rows = [
            Payment(
                purchase=purchase,
                product=price.product,
                livemode=False,
                currency="usd",
                stripe_id=f"pi_{size}_{n}",
                status="paid",
                description=f"Icons {n}" * 20,
                amount_total=1900,
                amount_paid=1900,
                created_at=NOON,
                paid_at=NOON,
            )
            for n in range(size)
        ]
        Payment.objects.bulk_create(rows, batch_size=1000)
        del rows
        tracemalloc.start()
        for _chunk in export.chunks(JULY):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0], peaks
    assert peaks[1] < 20_000_000, peaks


def test_each_download_is_an_entry_of_the_audit_log(as_olive: Client, olive: User, price: Price) -> None:
    create_order(price)
    for _n in range(2):
        post(as_olive, "orders")
    entries = list(OperatorAction.objects.all())
    assert len(entries) == 2
    for entry in entries:
        assert (entry.operator, entry.action, entry.subject) == (olive, "export", "orders")
        assert entry.details == {"export": "orders", "from": "2026-07-01", "to": "2026-07-31"}
        assert entry.outcome == OperatorAction.Outcome.DONE
        assert "ada@example.com" not in entry.message


def test_error_before_the_first_row_is_not_logged_as_a_download(
    as_olive: Client, price: Price, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("The database is away.")

    monkeypatch.setattr(export_rows, "read_pages", fail)
    create_order(price)
    with pytest.raises(RuntimeError):
        post(as_olive, "orders")
    assert OperatorAction.objects.get().outcome == OperatorAction.Outcome.INTERRUPTED


@pytest.fixture
def as_staff() -> Callable[[str], Client]:
    def sign_in(group: str) -> Client:
        user = User.objects.create_user(f"{next(numbers)}@example.com", "staff", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        return signed_in(user)

    return sign_in


def test_export_needs_its_permission(as_staff: Callable[[str], Client], price: Price) -> None:
    create_order(price)
    support = as_staff(SUPPORT)
    for name in NAMES:
        assert post(support, name).status_code == 403
    assert support.get(EXPORTS_PAGE).status_code == 403
    assert EXPORTS_PAGE not in support.get("/admin/").content.decode()
    assert OperatorAction.objects.count() == 0
    operator = as_staff(OPERATORS)
    assert EXPORTS_PAGE in operator.get("/admin/").content.decode()
    assert len(rows_of(operator, "orders")) == 1


def test_permission_is_enough_to_export(price: Price) -> None:
    user = User.objects.create_user("sue@example.com", "sue", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="export_reports"))
    assert rows_of(signed_in(user), "orders") == []


def test_visitors_and_buyers_are_sent_to_the_sign_in_page(as_ada: Client, ada: User) -> None:
    ada.user_permissions.add(Permission.objects.get(codename="export_reports"))  # but she is not staff
    for client in (Client(), as_ada):
        for response in (client.get(EXPORTS_PAGE), post(client, "orders")):
            assert response.status_code in (302, 403)
            assert not response.streaming
    assert OperatorAction.objects.count() == 0


def test_download_needs_the_csrf_token(olive: User) -> None:
    assert post(signed_in(olive, enforce_csrf_checks=True), "orders").status_code == 403


WRONG_DAYS = [
    *(("2026-07-31", "2026-07-01"), ("", ""), ("nonsense", "2026-07-31")),
    *(("1999-01-01", "2026-01-01"), ("2026-12-01", "2026-12-31")),
]


@pytest.mark.parametrize("days", WRONG_DAYS)
def test_wrong_days_are_shown_at_the_form(as_olive: Client, days: tuple[str, str]) -> None:
    response = post(as_olive, "orders", *days)
    assert response.status_code == 200
    assert not response.streaming
    assert response.context["form"].errors
    assert OperatorAction.objects.count() == 0


def test_unknown_export_is_not_found(as_olive: Client) -> None:
    assert post(as_olive, "passwords").status_code == 404
    assert OperatorAction.objects.count() == 0


def test_page_offers_each_export_of_last_month(as_olive: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ecommerce.admin.exports.today", lambda: date(2026, 3, 31))
    page = as_olive.get(EXPORTS_PAGE).content.decode()
    assert 'value="2026-02-01"' in page
    assert 'value="2026-02-28"' in page
    for name in NAMES:
        assert f'value="{name}"' in page


def test_response_is_not_stored_by_caches(as_olive: Client) -> None:
    response = post(as_olive, "orders")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    assert text_of(response).startswith("\ufefforder,")


def test_personal_data_has_refunds_and_given_access(
    as_ada: Client, ada: User, sandbox: Any, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    refund = create_refund(purchase.payments.get(), reason="requested_by_customer")
    create_order(
        icons.prices[0], user=ada, paid_at=None, granted_at=NOON, granted_until=NOON, revoked_at=NOON
    )
    rows: Any = collect(ada)["purchases"]
    given, bought = sorted(rows, key=lambda row: not row["complimentary"])
    assert (given["complimentary"], given["complimentary_until"]) == (True, NOON.isoformat())
    assert given["revoked"] == NOON.isoformat()
    (payment,) = bought["payments"]
    assert payment["refunds"] == [
        {
            "id": refund.stripe_id,
            "status": "succeeded",
            "reason": "requested_by_customer",
            "amount": 500,
            "created": NOON.isoformat(),
        }
    ]
