"""The page of an order shows who bought what, whether it opens the product now, and why."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.back_office.sentences import access_now, describe_billing
from apps.ecommerce.models import (
    Mail,
    Price,
    ProductConfiguration,
    Purchase,
    PurchaseStatus,
    StripeCustomer,
    Suspension,
)
from apps.ecommerce.operations.dashboard_links import dashboard_url
from apps.ecommerce.purchases.entitlements import has_access
from apps.users.models import User
from stripe_sandbox.billing import panel_actions
from tests.factories import add_price, buy, create_product, pay, press_buy, signed_in
from tests.operator_actions import action_url, confirm
from tests.stripe_actions import deliver, dispute, fail_renewal, paid_charges, refund, renew

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def order_url(purchase: Purchase) -> str:
    return reverse("admin:ecommerce_purchase_change", args=[purchase.pk])


def page_of(operator: Client, purchase: Purchase) -> str:
    """Return the text of the order's page."""
    response = operator.get(order_url(purchase))
    assert response.status_code == 200
    text = re.sub(r"<[^>]+>", " ", response.content.decode().split('id="content-main"')[1])
    return " ".join(html.unescape(text).split())


def test_page_names_buyer_product_money_and_access(
    as_ada: Client, ada: User, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    icons.issued_keys.create(key="ICON-KEY-1", purchase=purchase).activations.create(
        instance="laptop", seen_at=timezone.now()
    )
    details = {"name": "Lovelace Ltd", "country": "GB", "tax_id": "GB123456789", "city": "London"}
    StripeCustomer.objects.filter(user=ada).update(**details)
    other = buy(as_ada, create_product(sandbox.client, "Fonts", 700))
    text = page_of(as_olive, purchase)
    for words in (
        *("Ada Lovelace", "ada@example.com", "Lovelace Ltd", "United Kingdom", "GB123456789"),
        *(other.order_number, "Fonts", "Icon set", "$19.00", "ICON-KEY-1", "1 activation"),
        *("Access now Yes : paid.", "Will Stripe charge again? No. It is paid once.", "Visa •••• 4242"),
    ):
        assert words in text, words
    assert "1900" not in text
    assert "The buyer has not confirmed the e-mail address" in text
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": True})
    assert "has not confirmed" not in page_of(as_olive, purchase)


def test_page_shows_refund_dispute_and_deadline(
    as_ada: Client, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    refund(sandbox, paid_charges()[0], 500)
    deliver(sandbox, purchase)
    text = page_of(as_olive, purchase)
    assert "$5.00 of $19.00 was refunded, which does not end access" in text
    assert "Partially refunded" in text
    dispute(paid_charges()[0])
    deliver(sandbox, purchase)
    text = page_of(as_olive, purchase)
    assert "No : the buyer's bank has opened a dispute about the payment." in text
    assert "Dispute: needs_response" in text
    assert "Respond by" in text


def test_other_orders_are_of_the_same_buyer(
    as_ada: Client, as_bob: Client, as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase, other = buy(as_ada, icons), buy(as_bob, icons)
    assert other.order_number not in page_of(as_olive, purchase)
    assert "Other orders None" in page_of(as_olive, purchase)


def test_timeline_has_causes_operators_payments_and_emails(
    as_ada: Client, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    refund(sandbox, paid_charges()[0], 500)
    confirm(as_olive, action_url(purchase, "refresh"))
    Mail.objects.filter(purchase=purchase, kind="refunded").update(sent_at=None, error="SMTP: no such user")
    refund(sandbox, paid_charges()[0])
    deliver(sandbox, purchase)
    timeline = page_of(as_olive, purchase).split("Timeline")[1]
    for words in (
        "Order created: not paid yet",
        "not paid yet ▶ paid return page",
        "$19.00 paid (Visa •••• 4242)",
        "$5.00 refunded",
        "E-mail not sent: refunded SMTP: no such user",
        "Refresh from Stripe: The order is up to date: paid. olive@example.com",
        "paid ▶ refunded",
    ):
        assert words in timeline, words
    page = as_olive.get(order_url(purchase)).content.decode()
    event = re.search(r"evt_\w+", purchase.changes.last().cause)  # type: ignore[union-attr]
    assert event
    assert reverse("admin:ecommerce_webhookevent_change", args=[event[0]]) in page
    times = [row.at for row in as_olive.get(order_url(purchase)).context["timeline"]]
    assert times == sorted(times, reverse=True)


def test_subscription_says_what_stripe_charges_next(
    as_ada: Client, as_olive: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    assert re.search(r"Stripe charges \$9\.00 on \w+", page_of(as_olive, purchase))
    confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    assert "No. The subscription ends on" in page_of(as_olive, purchase)
    confirm(as_olive, action_url(purchase, "cancel"), when="now")
    assert "No. The subscription has ended." in page_of(as_olive, purchase)
    assert "No : the subscription has ended." in page_of(as_olive, purchase)


def test_overdue_subscription_says_how_long_the_grace_lasts(
    as_ada: Client, as_olive: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = fail_renewal(sandbox, renew(sandbox, buy(as_ada, club)))
    assert "A payment is overdue" in page_of(as_olive, purchase)
    Purchase.objects.filter(pk=purchase.pk).update(
        paid_until=NOW - timedelta(days=1), past_due_since=NOW - timedelta(days=1)
    )
    assert "the renewal payment failed, and the grace period of" in page_of(as_olive, purchase)
    Purchase.objects.filter(pk=purchase.pk).update(paid_until=NOW - timedelta(days=99))
    assert "days is over" in page_of(as_olive, purchase)


def test_bank_payment_says_that_access_starts_automatically(
    as_ada: Client, as_olive: Client, icons: ProductConfiguration
) -> None:
    pay(press_buy(as_ada, icons))
    purchase = Purchase.objects.get()
    assert "No : the payment was not completed." in page_of(as_olive, purchase)
    Purchase.objects.update(status=PurchaseStatus.PROCESSING)
    assert "the bank is still processing the payment" in page_of(as_olive, purchase)


def test_page_says_why_nobody_can_use_the_order(
    as_ada: Client, ada: User, as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert "No : the buyer's account is switched off." in page_of(as_olive, purchase)
    Purchase.objects.update(user=None)
    assert "No : the buyer's account was deleted." in page_of(as_olive, purchase)


times = st.one_of(st.none(), st.integers(-90, 90).map(lambda days: NOW + timedelta(days=days)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(
    status=st.sampled_from(PurchaseStatus.values),
    suspended_by=st.sampled_from(["", *Suspension.values]),
    is_recurring=st.booleans(),
    subscription_status=st.sampled_from(
        ["", "active", "past_due", "paused", "unpaid", "canceled", "missing", "new"]
    ),
    next_amount=st.one_of(st.none(), st.integers(0, 10**6)),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    moments=st.tuples(times, times, times, times, times),
    currency=st.sampled_from(["usd", "jpy", "kwd"]),
)
def test_sentences_agree_with_access_and_billing_in_every_state(
    ada: User, icons: ProductConfiguration, flags: Any, moments: Any, **values: Any
) -> None:
    has_paid, collection_paused, livemode = flags
    paid_until, cancel_at, past_due_since, period_end, next_payment_at = moments
    price = Price(id="price_x", currency="usd", unit_amount=1900, type="one_time", product=icons.product)
    purchase = Purchase(
        user=ada, product=icons.product, price=price, amount_total=1900, has_paid=has_paid,
        collection_paused=collection_paused, livemode=livemode, paid_until=paid_until, cancel_at=cancel_at,
        past_due_since=past_due_since, current_period_end=period_end, next_payment_at=next_payment_at,
        subscription_id="sub_1" if values["subscription_status"] else "", **values,
    )  # fmt: skip
    access = access_now(purchase)
    assert access.is_open == has_access(purchase)
    assert access.reason.endswith((".", ". "))
    billing = describe_billing(purchase)
    assert purchase.will_be_charged_again != billing.startswith(("No.", "Unknown."))
    assert "—" not in access.reason
    assert "%" not in access.reason + billing


def test_links_lead_to_the_right_mode_and_account(settings: Any) -> None:
    assert dashboard_url("pi_1", livemode=False) == "/stripe-sandbox/object/pi_1"
    assert dashboard_url("pi_1", livemode=True) == ""
    settings.STRIPE_SANDBOX = False
    assert dashboard_url("pi_1", livemode=False) == "https://dashboard.stripe.com/test/payments/pi_1"
    assert dashboard_url("sub_1", livemode=True) == "https://dashboard.stripe.com/subscriptions/sub_1"
    assert dashboard_url("cs_test_1", livemode=False) == ""
    assert dashboard_url("", livemode=False) == ""
    settings.STRIPE_ACCOUNT_ID = "acct_7"
    assert dashboard_url("in_1", livemode=False) == "https://dashboard.stripe.com/acct_7/test/invoices/in_1"


def test_links_of_the_sandbox_open(
    as_ada: Client, as_olive: Client, club: ProductConfiguration, settings: Any
) -> None:
    purchase = buy(as_ada, club)
    page = as_olive.get(order_url(purchase)).content.decode()
    links = set(re.findall(r'href="(/stripe-sandbox/object/[^"]+)"', page))
    assert len(links) >= 3
    settings.DEBUG = True
    for link in links:
        assert as_olive.get(link).status_code == 200, link


def test_number_of_queries_is_constant(
    as_ada: Client,
    as_olive: Client,
    club: ProductConfiguration,
    icons: ProductConfiguration,
    sandbox: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    purchase = renew(sandbox, buy(as_ada, club), 3)
    as_olive.get(order_url(purchase))
    with django_assert_max_num_queries(14) as few:
        as_olive.get(order_url(purchase))
    renew(sandbox, purchase, 4)
    for _ in range(3):
        confirm(as_olive, action_url(purchase, "refresh"))
    buy(as_ada, icons)
    for number in range(3):
        key = club.issued_keys.create(key=f"KEY-{number}", purchase=purchase, replaced_at=NOW)
        key.activations.create(instance="laptop", seen_at=NOW)
        Mail.objects.create(purchase=purchase, kind="licence_key", about=str(number))
    with django_assert_max_num_queries(14) as many:
        as_olive.get(order_url(purchase))
    assert len(few) == len(many)


def test_support_sees_the_page_without_actions(
    as_ada: Client, bob: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support = signed_in(bob)
    page = support.get(order_url(purchase)).content.decode()
    assert "ada@example.com" in page
    assert "/actions/" not in page
    assert (
        signed_in(User.objects.create_user("x@example.com", "x")).get(order_url(purchase)).status_code == 302
    )


def test_all_columns_stay_a_link(as_ada: Client, as_olive: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    assert 'href="?all"' in as_olive.get(order_url(purchase)).content.decode()
    assert "Amount total" in as_olive.get(f"{order_url(purchase)}?all").content.decode()
    assert as_olive.get(reverse("admin:ecommerce_purchase_change", args=[999])).status_code == 404
    assert as_olive.get("/admin/ecommerce/purchase/x/change/").status_code == 404


def test_text_of_others_is_escaped(as_ada: Client, as_olive: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    purchase.changes.update(cause="<script>alert(1)</script>")
    purchase.mails.update(sent_at=None, error="<script>alert(2)</script>")
    Purchase.objects.update(product_name="<script>alert(3)</script>")
    assert "<script>alert" not in as_olive.get(order_url(purchase)).content.decode()


def test_search_finds_name_card_product_and_key(
    as_ada: Client, as_bob: Client, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    other = buy(as_bob, create_product(sandbox.client, "Fonts", 700), card="5555555555554444")
    icons.issued_keys.create(key="ICON-KEY-1", purchase=purchase)
    User.objects.filter(email="ada@example.com").update(email="countess@example.com")
    changelist = reverse("admin:ecommerce_purchase_changelist")
    for words in ("countess@", "ada@", "4242", "Icon set", "ICON-KEY-1", purchase.order_number):
        page = as_olive.get(changelist, {"q": words}).content.decode()
        assert purchase.order_number in page, words
        assert other.order_number not in page, words
    # The cards of both have this name.
    assert purchase.order_number in as_olive.get(changelist, {"q": "Lovelace"}).content.decode()


def test_prices_in_other_currencies_are_formatted(as_ada: Client, as_olive: Client, sandbox: Any) -> None:
    product = create_product(sandbox.client, "Yen icons", 1900)
    add_price(sandbox.client, product.product_id, 1900)
    purchase = buy(as_ada, product)
    Purchase.objects.update(currency="jpy")
    purchase.payments.update(currency="jpy")
    text = page_of(as_olive, purchase)
    assert "¥1,900" in text
    assert "19.00" not in text


def test_paused_payments_are_named(
    as_ada: Client, as_olive: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    pause: Any = {"pause_collection": {"behavior": "void"}}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, pause)
    assert "Payments are paused at Stripe." in page_of(as_olive, deliver(sandbox, purchase))
    panel_actions.advance_to_renewal(purchase.subscription_id)
