"""Permanent refusals of Stripe: buyers read what to do, the founder gets an e-mail, and the price is not offered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import stripe
from django.core import mail as outbox
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Alert, Price, ProductConfiguration, Purchase, SalesProblem
from apps.ecommerce.operations.alerts import send_alerts
from apps.ecommerce.purchases.stripe_errors import ErrorKind, error_kind
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
from tests.factories import add_price, create_product, first_price, pay, press_buy, readiness, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS, CUSTOMERS = "/v1/checkout/sessions", "/v1/customers"
LATER, PROBLEM = "try again in a minute", "take payments right now"
CHOOSE_AGAIN = "no longer available"
NO_NAME = "In order to use Checkout, you must set an account or business name at https://dashboard.stripe.com/account."
# the kind ▶ (status, code, param) of errors, from https://docs.stripe.com/error-codes and /api/errors
DOCUMENTED: dict[ErrorKind, list[tuple[int, str, str]]] = {
    ErrorKind.TEMPORARY: [
        (409, "idempotency_key_in_use", ""),
        (424, "", ""),
        (429, "rate_limit", ""),
        (429, "lock_timeout", ""),
        (500, "", ""),
        (503, "", ""),
        (400, "taxes_calculation_failed", ""),
        (400, "coupon_expired", "discounts[0][coupon]"),
        (400, "resource_missing", "discounts[0][coupon]"),
    ],
    ErrorKind.PRICE: [
        (400, "amount_too_small", ""),
        (400, "amount_too_large", "line_items"),
        (400, "product_inactive", ""),
        (400, "", "line_items[0][price]"),
        (400, "resource_missing", "line_items[0][price]"),
    ],
    ErrorKind.BUYER: [(400, "email_invalid", "email"), (400, "customer_max_subscriptions", "customer")],
    ErrorKind.SHOP: [
        (401, "api_key_expired", ""),
        (401, "", ""),
        (403, "", ""),
        (400, "account_invalid", ""),
        (400, "testmode_charges_only", ""),
        (400, "stripe_tax_inactive", ""),
        (400, "parameter_unknown", "line_items[0][colour]"),
        (400, "url_invalid", "success_url"),
        (400, "a_code_of_next_year", ""),
        (402, "card_declined", ""),
        (404, "", ""),
    ],
}


class RefusingStripe(InProcessClient):
    """The sandbox, but requests to `path` get the error."""

    path: ClassVar[str] = ""
    status: ClassVar[int] = 400
    error: ClassVar[dict[str, str]] = {}

    def request(
        self, method: str, url: str, *args: Any, **options: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        if self.path and method.upper() == "POST" and url.endswith(self.path):
            return json.dumps({"error": self.error}), self.status, {"request-id": "req_refused"}
        return super().request(method, url, *args, **options)


@pytest.fixture
def refuse(sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets Stripe refuse requests to a path."""
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_stripe_refusals.RefusingStripe"
    settings.ADMINS = [("Founder", "founder@example.com")]

    def refuse(
        status: int = 0, code: str = "", param: str = "", message: str = "No.", path: str = SESSIONS
    ) -> None:
        error = {"type": "invalid_request_error", "message": message, "code": code, "param": param}
        monkeypatch.setattr(RefusingStripe, "error", {name: text for name, text in error.items() if text})
        monkeypatch.setattr(RefusingStripe, "status", status)
        monkeypatch.setattr(RefusingStripe, "path", path if status else "")

    return refuse


def press(client: Client, configuration: ProductConfiguration, price: Price | None = None) -> str:
    """Press "buy" and return the page that follows."""
    price_id = (price or first_price(configuration)).id
    page = client.post(f"/store/{configuration.slug}/buy/", {"price": price_id}, follow=True)
    return str(page.content.decode())


def library(client: Client) -> list[Purchase]:
    context = client.get("/purchases/").context
    return [*context["library"], *(row for row, _message in context["others"])]


@pytest.mark.parametrize(
    ("kind", "status", "code", "param"),
    [(kind, *error) for kind, errors in DOCUMENTED.items() for error in errors],
)
def test_documented_errors_have_the_right_kind(
    as_ada: Client,
    icons: ProductConfiguration,
    refuse: Any,
    kind: ErrorKind,
    status: int,
    code: str,
    param: str,
) -> None:
    refuse(status, code, param)
    page = press(as_ada, icons)
    shown = {
        ErrorKind.TEMPORARY: LATER,
        ErrorKind.PRICE: CHOOSE_AGAIN,
        ErrorKind.BUYER: "You have not been charged. Please",
        ErrorKind.SHOP: PROBLEM,
    }[kind]
    assert shown in page
    assert [text for text in (LATER, PROBLEM, CHOOSE_AGAIN) if text in page] == [shown] * (
        kind != ErrorKind.BUYER
    )
    assert library(as_ada) == []
    assert SalesProblem.objects.count() == (kind == ErrorKind.SHOP)
    assert len(outbox.outbox) == (kind in (ErrorKind.SHOP, ErrorKind.PRICE))


@pytest.mark.parametrize(
    "error",
    [stripe.APIConnectionError("no route"), stripe.APIError("an HTML page", http_status=200)],
)
def test_unclear_answer_is_temporary(error: stripe.StripeError) -> None:
    assert error_kind(error) == ErrorKind.TEMPORARY


def test_problem_is_emailed_to_the_founder_once_with_the_message_of_stripe(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, olive: User, refuse: Any
) -> None:
    as_olive = signed_in(olive)
    refuse(400, message=NO_NAME)
    for client in (as_ada, as_bob, as_ada):
        press(client, icons)
    (message,) = outbox.outbox
    assert message.to == ["founder@example.com"]
    assert NO_NAME in message.body
    assert "https://dashboard.stripe.com/logs/req_refused" in message.body
    problem = SalesProblem.objects.get()
    assert (problem.count, problem.solved_at) == (3, None)
    assert NO_NAME in as_olive.get("/admin/ecommerce/salesproblem/").content.decode()
    assert NO_NAME in as_olive.get("/readyz").json()["sales"]

    refuse()
    pay(press_buy(as_ada, icons))
    problem.refresh_from_db()
    assert problem.solved_at is not None
    assert as_olive.get("/readyz").json()["sales"] == "ok"
    outbox.outbox.clear()
    assert send_alerts() == []

    refuse(400, message=NO_NAME)
    press(as_bob, icons)
    assert outbox.outbox == []  # no alert: the same problem was sent within the last hour
    Alert.objects.update(mailed_at=timezone.now() - timedelta(hours=2))
    press(as_bob, icons)
    assert ["founder@example.com"] in [message.to for message in outbox.outbox]


def test_refused_key_names_what_to_do(as_ada: Client, icons: ProductConfiguration, refuse: Any) -> None:
    refuse(403, message="The provided key 'rk_test_***' does not have the required permissions.")
    press(as_ada, icons)
    assert "Give the restricted key the permission" in outbox.outbox[0].body


def test_missing_key_is_a_problem_of_the_shop(
    as_ada: Client, icons: ProductConfiguration, refuse: Any, settings: Any
) -> None:
    settings.STRIPE_SECRET_KEY = ""
    assert PROBLEM in press(as_ada, icons)
    assert "STRIPE_SECRET_KEY is not set" in outbox.outbox[0].body


def test_refused_price_is_taken_off_sale(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, refuse: Any
) -> None:
    refuse(400, "amount_too_small", message="The total amount must be at least $0.50 usd")
    assert CHOOSE_AGAIN in press(as_ada, icons)
    price = Price.objects.get(product=icons.product_id)
    assert not price.is_sellable
    assert icons.product.name not in as_bob.get("/store/").content.decode()
    (message,) = outbox.outbox
    assert "at least $0.50" in message.body
    assert price.id in message.body
    refuse()
    assert CHOOSE_AGAIN in press(as_bob, icons)  # in a tab that was open before
    assert len(outbox.outbox) == 1

    sync_product(icons.product_id)
    assert not Price.objects.get(pk=price.pk).is_sellable
    call_command("bootstrap_ecommerce", verbosity=0)
    assert Price.objects.get(pk=price.pk).is_sellable
    pay(press_buy(as_bob, icons))


def test_price_that_was_archived_at_stripe_disappears_at_once(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any, refuse: Any
) -> None:
    price = first_price(icons)
    dearer = add_price(sandbox.client, icons.product_id, 4900)
    Price.objects.filter(product=club.product).update(refusal="amount too small")
    send_alerts()  # about a price that was refused before
    outbox.outbox.clear()
    sync_product(icons.product_id)
    sandbox.client.v1.prices.update(price.id, {"active": False})  # the store does not know yet
    assert CHOOSE_AGAIN in press(as_ada, icons, price)
    price.refresh_from_db()
    assert (price.active, price.refusal) == (False, "")
    assert outbox.outbox == []  # nothing to do for the founder
    assert dearer in as_ada.get("/store/icon-set/").content.decode()


def test_other_currency_is_refused_before_the_payment_page(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, refuse: Any
) -> None:
    club = create_product(sandbox.client, "Club", 900, interval="month")
    sandbox.client.v1.prices.create(
        {
            "product": icons.product_id,
            "currency": "eur",
            "unit_amount": 900,
            "recurring": {"interval": "month"},
        }
    )
    sync_product(icons.product_id)
    pay(press_buy(as_ada, club))
    before = Purchase.objects.count()
    assert "in another currency" in press(as_ada, icons, Price.objects.get(currency="eur"))
    assert Purchase.objects.count() == before


def test_email_that_stripe_refuses_is_named(as_ada: Client, icons: ProductConfiguration, refuse: Any) -> None:
    refuse(400, "email_invalid", "email", path=CUSTOMERS)
    assert "does not accept your e-mail address" in press(as_ada, icons)
    assert library(as_ada) == []
    assert not SalesProblem.objects.exists()


def test_readyz_stays_ready(as_ada: Client, icons: ProductConfiguration, refuse: Any) -> None:
    refuse(403)
    press(as_ada, icons)
    assert SalesProblem.objects.exists()
    assert readiness().status_code == 200
