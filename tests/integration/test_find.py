"""The search box of the admin finds orders and what belongs to them, for operators who may see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.admin.find import MAX_ROWS
from apps.ecommerce.models import (
    LicenceKey,
    Mail,
    Payment,
    ProductConfiguration,
    Purchase,
    StripeCustomer,
    WebhookEvent,
)
from apps.users.models import User
from tests.factories import buy, create_product, signed_in
from tests.integration.test_external_sales import sell_elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

MASTERCARD = "5555555555554444"


@pytest.fixture
def other(as_bob: Client, sandbox: Any) -> Purchase:
    """Return Bob's order of another product, which most searches must not find."""
    return buy(as_bob, create_product(sandbox.client, "Brush pack", 900))


def find(operator: Client, text: str) -> Any:
    return operator.get(reverse("admin_search"), {"q": text})


def opened_order(response: Any) -> str:
    """Return the path that the search leads to."""
    assert response.status_code == 302, found(response)
    return str(response.headers["Location"])


def order_page(purchase: Purchase) -> str:
    return reverse("admin:ecommerce_purchase_change", args=[purchase.pk])


def found(response: Any) -> dict[str, list[str]]:
    """Return the titles of the results, by the kind of results."""
    assert response.status_code == 200, response
    groups = response.context["groups"]
    return {group["slug"]: [line.title for line, _url in group["lines"]] for group in groups}


def support(*codenames: str) -> Client:
    user = User.objects.create_user("sue@example.com", "sue-helps-out", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert user.user_permissions.count() == len(codenames)
    return signed_in(user)


# --- one order ----------------------------------------------------------------------------------------------


def test_order_number_opens_the_order(as_olive: Client, purchase: Purchase, other: Purchase) -> None:
    number = purchase.order_number
    for text in (number, number.lower(), number.replace("-", ""), number[2:].lower(), f" #{number} "):
        assert opened_order(find(as_olive, text)) == order_page(purchase), text


def test_each_id_of_stripe_opens_the_order(
    as_olive: Client, purchase: Purchase, other: Purchase, sandbox: Any
) -> None:
    payment = purchase.payments.get()
    assert payment.charge_id.startswith(("ch_", "py_")), payment.charge_id
    for text in (purchase.session_id, purchase.payment_intent_id, payment.charge_id, str(purchase.public_id)):
        assert opened_order(find(as_olive, str(text))) == order_page(purchase), text


def test_ids_of_a_subscription_open_its_order(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, other: Purchase
) -> None:
    subscription = buy(as_ada, club)
    invoice = subscription.payments.get()
    assert invoice.stripe_id.startswith("in_")
    for text in (subscription.subscription_id, invoice.stripe_id):
        assert opened_order(find(as_olive, text)) == order_page(subscription), text


def test_payment_of_an_earlier_period_opens_the_order(
    as_olive: Client, purchase: Purchase, other: Purchase
) -> None:
    old = Payment.objects.create(
        purchase=purchase, stripe_id="in_old1", charge_id="py_old1", payment_intent_id="pi_old1", status="paid",
        currency="usd", amount_total=900, created_at=timezone.now(), invoice_number="ABC1-0007", livemode=False,
        product=purchase.product,
    )  # fmt: skip
    for text in (old.stripe_id, old.charge_id, old.payment_intent_id, "ABC1-0007", "abc1-0007"):
        assert opened_order(find(as_olive, text)) == order_page(purchase), text


def test_refund_and_dispute_open_the_order(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    intent = purchase.payment_intent_id
    refund = sandbox.client.v1.refunds.create({"payment_intent": intent})
    while sandbox.deliver(after=10):
        pass
    assert opened_order(find(as_olive, refund.id)) == order_page(purchase)
    Mail.objects.create(purchase=purchase, kind=Mail.Kind.DISPUTED, about="du_1Abc")
    assert opened_order(find(as_olive, "du_1Abc")) == order_page(purchase)


def test_licence_key_opens_its_order(as_olive: Client, purchase: Purchase, other: Purchase) -> None:
    configuration = purchase.product.configuration
    LicenceKey.objects.create(configuration=configuration, key="AB12-cd34-EF", purchase=purchase)
    LicenceKey.objects.create(configuration=configuration, key="UNSOLD-KEY")
    assert opened_order(find(as_olive, "AB12-cd34-EF")) == order_page(purchase)
    assert found(find(as_olive, "unsold-key")) == {"licencekey": ["UNSOLD-KEY"]}


def test_ids_are_exact(as_olive: Client, purchase: Purchase) -> None:
    assert purchase.session_id
    for text in (purchase.session_id[:-1], purchase.payment_intent_id + "x", "pi_%", "cs_test_", "pi_______"):
        assert found(find(as_olive, text)) == {}, text


# --- lists --------------------------------------------------------------------------------------------------


def test_address_finds_orders_and_customer(
    as_olive: Client, ada: User, purchase: Purchase, other: Purchase
) -> None:
    number = purchase.order_number
    assert found(find(as_olive, "ADA@example.com")) == {"purchase": [number], "user": ["ada@example.com"]}
    ada.email = "countess@example.com"
    ada.save()
    for text in ("ada@example.com", "countess@example.com", "countess@", "COUNT"):
        assert found(find(as_olive, text))["purchase"] == [number], text
    assert found(find(as_olive, "nobody@example.com")) == {}


def test_order_of_a_deleted_account_is_found_by_its_address(
    as_olive: Client, ada: User, purchase: Purchase
) -> None:
    Purchase.objects.update(user=None)
    StripeCustomer.objects.all().delete()
    ada.delete()
    assert found(find(as_olive, "ada@example.com")) == {"purchase": [purchase.order_number]}


def test_name_finds_orders_and_customer(
    as_olive: Client, ada: User, purchase: Purchase, other: Purchase
) -> None:
    StripeCustomer.objects.all().update(name="")
    expected = {"purchase": [purchase.order_number], "user": ["ada@example.com"]}
    assert found(find(as_olive, "ada love")) == expected
    ada.name = "Ada"
    ada.save()
    StripeCustomer.objects.filter(user=ada).update(name="Ångström Studios")
    assert found(find(as_olive, "ångström"))["purchase"] == [purchase.order_number]
    assert found(find(as_olive, "studios"))["purchase"] == [purchase.order_number]


def test_last_four_digits_find_the_card_of_each_payment(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, other: Purchase
) -> None:
    subscription = buy(as_ada, club, card=MASTERCARD)
    number = subscription.order_number
    assert found(find(as_olive, "4444")) == {"purchase": [number]}
    # The buyer has a new card.
    Purchase.objects.filter(pk=subscription.pk).update(payment_method="Visa •••• 9999")
    for text in ("4444", "9999", "•••• 4444"):
        assert found(find(as_olive, text))["purchase"] == [number], text
    assert found(find(as_olive, "4242"))["purchase"] == [other.order_number]
    assert found(find(as_olive, "0000")) == {}


def test_product_finds_itself_and_its_orders(as_olive: Client, purchase: Purchase, other: Purchase) -> None:
    results = found(find(as_olive, "icon SET"))
    assert results == {"purchase": [purchase.order_number], "productconfiguration": ["Icon set"]}
    # The product's name when it was bought.
    Purchase.objects.filter(pk=purchase.pk).update(product_name="Glyphs")
    assert found(find(as_olive, "glyph")) == {"purchase": [purchase.order_number]}
    assert found(find(as_olive, purchase.product_id)) == {"productconfiguration": ["Icon set"]}
    assert found(find(as_olive, purchase.price_id)) == {"productconfiguration": ["Icon set"]}


def test_customer_and_event_are_found_by_their_ids(
    as_olive: Client, ada: User, purchase: Purchase, sandbox: Any
) -> None:
    sandbox.deliver(after=10)
    customer, event = StripeCustomer.objects.get(user=ada), WebhookEvent.objects.first()
    assert event
    assert opened_order(find(as_olive, customer.id)) == order_page(purchase)
    assert found(find(as_olive, event.id)) == {"webhookevent": [event.id]}
    assert event.id in found(find(as_olive, event.type))["webhookevent"]


def test_customer_with_several_orders_is_found_by_its_id(
    as_olive: Client, as_ada: Client, ada: User, purchase: Purchase, club: ProductConfiguration
) -> None:
    second = buy(as_ada, club)
    results = found(find(as_olive, StripeCustomer.objects.get(user=ada).id))
    assert results == {"purchase": [second.order_number, purchase.order_number], "user": ["ada@example.com"]}


def test_sale_outside_the_store_is_found(as_olive: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    session = sell_elsewhere(sandbox, icons, "Eve@Example.com")
    for text in (session.id, "eve@example.com", "EVE@", "icon"):
        assert found(find(as_olive, text))["externalsale"] == [session.id], text


def test_results_show_status_money_and_mode(as_olive: Client, purchase: Purchase) -> None:
    page = find(as_olive, "ada@example.com").content.decode()
    for text in (purchase.order_number, "$19.00", "paid", "Icon set", "Test", order_page(purchase)):
        assert text in page, text
    Purchase.objects.update(livemode=True)
    (line, _url) = find(as_olive, "ada@example.com").context["groups"][0]["lines"][0]
    assert line.livemode is True


def test_further_results_are_in_the_filtered_list(as_olive: Client, purchase: Purchase) -> None:
    copies = []
    for number in range(MAX_ROWS + 5):
        copy = Purchase.objects.get(pk=purchase.pk)
        copy.pk, copy.public_id, copy.order_number = None, None, f"W-{number}"  # type: ignore[assignment]
        copy.public_id = Purchase._meta.get_field("public_id").get_default()
        copy.session_id = None
        copies.append(copy)
    Purchase.objects.bulk_create(copies)
    response = find(as_olive, "ada@example.com")
    assert len(found(response)["purchase"]) == MAX_ROWS
    (more,) = [group["more"] for group in response.context["groups"] if group["slug"] == "purchase"]
    assert as_olive.get(more).context["cl"].result_count == MAX_ROWS + 6


@pytest.mark.parametrize("text", ["ada@example.com", "ada love", "4242", "icon set", "W-…"])
def test_list_of_orders_finds_the_same(as_olive: Client, purchase: Purchase, text: str) -> None:
    text = purchase.order_number.lower() if text == "W-…" else text
    rows = as_olive.get(reverse("admin:ecommerce_purchase_changelist"), {"q": text}).context["cl"].result_list
    assert list(rows) == [purchase]


# --- permissions --------------------------------------------------------------------------------------------


def test_operator_finds_only_what_they_may_see(
    purchase: Purchase, icons: ProductConfiguration, sandbox: Any
) -> None:
    operator = support("view_webhookevent")
    for text in (purchase.order_number, purchase.session_id, "ada@example.com", "Ada Love", "icon", "4242"):
        assert found(find(operator, str(text))) == {}, text


def test_name_of_a_customer_finds_nothing_without_permission_for_customers(purchase: Purchase) -> None:
    operator = support("view_purchase")
    assert found(find(operator, "Lovelace")) == {}
    assert found(find(operator, "ada@example.com")) == {"purchase": [purchase.order_number]}
    orders = operator.get(reverse("admin:ecommerce_purchase_changelist"), {"q": "Lovelace"})
    assert orders.context["cl"].result_count == 0


def test_licence_key_finds_nothing_without_permission_for_keys(purchase: Purchase) -> None:
    LicenceKey.objects.create(configuration=purchase.product.configuration, key="AB12-CD", purchase=purchase)
    operator = support("view_purchase")
    assert found(find(operator, "AB12-CD")) == {}
    assert opened_order(find(operator, purchase.order_number)) == order_page(purchase)


def test_strangers_find_nothing(client: Client, as_ada: Client, purchase: Purchase) -> None:
    url = reverse("admin_search")
    for browser in (client, as_ada):
        response = browser.get(url, {"q": purchase.order_number})
        assert (response.status_code, response["Location"].startswith("/admin/login/")) == (302, True)


def test_search_answers_get_only(as_olive: Client) -> None:
    assert as_olive.post(reverse("admin_search"), {"q": "ada"}).status_code == 405


# --- hostile input ------------------------------------------------------------------------------------------

HOSTILE = [
    "", " ", "x" * 10_000, "%", "_", "%%%", "__", "100%", "a_a", "'", '"', "' OR 1=1 --", "\\", "\\%", "*", "?",
    "<script>alert(1)</script>", "<b>ada</b>", "{{ 7 }}", "ünïcödé", "漢字", "😀😀", "\u202e\u200b", "é" * 200, "()",
    "pi_'", "evt_%", "@" * 200, "a@" * 100, "\ud83d".encode("utf-8", "replace").decode(), "0" * 200, "W-", "-", "#",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_strange_texts_find_nothing(as_olive: Client, purchase: Purchase, text: str) -> None:
    response = find(as_olive, text)
    assert found(response) == {}
    page = response.content.decode()
    assert "<script>alert" not in page
    assert "<b>ada" not in page
    orders = as_olive.get(reverse("admin:ecommerce_purchase_changelist"), {"q": text})
    assert orders.status_code == 200


def test_null_bytes_find_nothing(as_olive: Client, purchase: Purchase) -> None:
    assert found(as_olive.get(reverse("admin_search") + "?q=a%00%00a")) == {}


def test_broken_encoding_finds_nothing(as_olive: Client, purchase: Purchase) -> None:
    assert found(as_olive.get(reverse("admin_search") + "?q=%ff%fe%C3")) == {}
