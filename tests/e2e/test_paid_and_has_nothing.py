"""A buyer writes: "I paid and have nothing." An operator finds the cause and solves it within six presses."""

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ExternalSale, Mail, ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.external_sales import import_session
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import get_client
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e import stripe_changes
from tests.e2e.pages.order_admin import OrderAdmin
from tests.e2e.screens import both_screens
from tests.e2e.users import buy_without_browser, sign_in
from tests.factories import pay, press_buy, signed_in

MAX_PRESSES = 6
IBAN = "AT32 1904 3002 3547 3204"
pytestmark = pytest.mark.usefixtures("shop")


def configuration(slug: str) -> ProductConfiguration:
    return ProductConfiguration.objects.get(slug=slug)


def find_order(page: Page, olive: User, words: str) -> OrderAdmin:
    order = OrderAdmin(sign_in(page, olive)).open_list()
    order.search(words)
    order.open_result()
    return order


@both_screens
def test_operator_solves_a_lost_webhook(page: Page, ada: User, olive: User) -> None:
    switches.change(drop=["*"])
    pay(press_buy(signed_in(ada), configuration("tiny-tools")))  # the buyer closes the tab
    order = find_order(page, olive, "ada@example.com")
    expect(order.summary).to_contain_text("No: the payment was not completed.")
    order.start("Refresh from Stripe")
    order.confirm("Refresh from Stripe")
    expect(order.summary).to_contain_text("Yes: paid.")
    assert owned(ada, configuration("tiny-tools").product)
    assert order.presses <= MAX_PRESSES


@both_screens
def test_operator_assigns_a_sale_to_an_account(page: Page, ada: User, olive: User) -> None:
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": True})
    sell_by_payment_link("tiny-tools", "ada@work.example")
    order = OrderAdmin(sign_in(page, olive)).open_list("externalsale")
    order.search("ada@work.example")
    order.press(page.get_by_role("link", name="Choose an account"))
    page.get_by_label("E-mail address of the account").fill("ada@example.com")
    order.confirm("Assign")
    expect(order.summary).to_contain_text("Yes: paid.")
    assert owned(ada, configuration("tiny-tools").product)
    assert order.presses <= MAX_PRESSES


def sell_by_payment_link(slug: str, email: str) -> None:
    """Sell the product on a page at Stripe, to a buyer who has no account with this address."""
    line = {"price": configuration(slug).prices[0].id, "quantity": 1}
    session = get_client().v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [line],  # type: ignore[list-item]
            "success_url": "https://example.com/thanks",
        }
    )
    pay(str(session.url), email=email)
    import_session(session.id, "test")
    assert ExternalSale.objects.get().purchase is None


@both_screens
def test_operator_resends_the_email_about_a_bank_payment(page: Page, ada: User, olive: User) -> None:
    url = press_buy(signed_in(ada), configuration("quiet-hours"))
    pay(url, paymentMethod="sepa_debit", iban=IBAN, billingName="Ada")
    assert sync_purchase(Purchase.objects.get(), "return page").status == "processing"
    order = find_order(page, olive, "Quiet Hours")
    expect(order.summary).to_contain_text("No: the bank is still processing the payment")
    expect(order.summary).to_contain_text("Access starts automatically")
    Mail.objects.exclude(sent_at=None).update(sent_at="2026-01-01T00:00Z")
    order.start("Send an e-mail again")  # the e-mail says how long the payment takes
    order.confirm("Send an e-mail again")
    expect(order.messages).to_contain_text("sent to ada@example.com")
    assert order.presses <= MAX_PRESSES


@both_screens
def test_operator_resends_the_email_about_a_refund(page: Page, ada: User, olive: User) -> None:
    purchase = buy_without_browser(ada, "tiny-tools")
    stripe_changes.refund(purchase)
    assert sync_purchase(purchase, "reconcile").suspended_by == "refunded"
    order = find_order(page, olive, purchase.order_number)
    expect(order.summary).to_contain_text("No: $29.00 was refunded, which is everything that was paid.")
    expect(order.timeline).to_contain_text("paid ▶ refunded")
    Mail.objects.exclude(sent_at=None).update(sent_at="2026-01-01T00:00Z")
    order.press(order.emails.get_by_role("link", name="Send again"))  # only the e-mail about the refund
    order.confirm("Send an e-mail again")
    expect(order.messages).to_contain_text("sent to ada@example.com")
    assert purchase.mails.filter(kind="refunded").count() == 2
    assert order.presses <= MAX_PRESSES


@both_screens
def test_operator_solves_a_lost_email(page: Page, ada: User, olive: User) -> None:
    purchase = buy_without_browser(ada, "tiny-tools")
    error = "SMTPRecipientsRefused: mailbox full"
    Mail.objects.update(sent_at=None, error=error, given_up_at=timezone.now())
    order = find_order(page, olive, "4242")
    expect(order.summary).to_contain_text("Yes: paid.")
    expect(order.emails).to_contain_text("not sent, given up")
    expect(order.emails).to_contain_text("mailbox full")
    order.press(order.emails.get_by_role("link", name="Send again"))
    order.confirm("Send an e-mail again")
    expect(order.messages).to_contain_text("sent to ada@example.com")
    assert purchase.mails.get().sent_at
    assert order.presses <= MAX_PRESSES
