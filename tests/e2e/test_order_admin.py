"""An operator acts on orders in the admin: by keyboard, on a phone, twice, with Stripe refusing or unreachable."""

from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group
from playwright.sync_api import BrowserContext, Page, expect

from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.models import Mail, OperatorAction, Purchase, WebhookEvent
from apps.users.models import User
from stripe_sandbox import delivery, storage, switches
from tests.e2e.journeys import is_as_wide_as_the_window
from tests.e2e.pages.order_admin import OrderAdmin
from tests.e2e.screens import both_screens, on_phone
from tests.e2e.users import buy_without_browser, sign_in

ONCE, SUBSCRIPTION = "tiny-tools", "workshop"


def assert_accessible(page: Page) -> None:
    """Check the page's content; its frame is not part of this."""
    results = Axe().run(page, context="#content", options={"preload": False})
    assert not results.violations_count, results.generate_report()


def open_order(page: Page, operator: User, purchase: Purchase) -> OrderAdmin:
    return OrderAdmin(sign_in(page, operator)).goto(purchase)


def sent_an_hour_ago() -> None:
    Mail.objects.exclude(sent_at=None).update(sent_at="2026-01-01T00:00Z")


@both_screens
def test_refund_in_part_and_in_full(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, ONCE))
    expect(order.summary).to_contain_text("Yes")
    assert is_as_wide_as_the_window(page)
    assert_accessible(page)
    order.start("Refund")
    assert is_as_wide_as_the_window(page)
    assert_accessible(page)
    page.get_by_label("Amount").fill("9,00")
    order.confirm("Refund")
    expect(order.messages).to_contain_text("$9.00 was refunded.")
    expect(order.summary).to_contain_text("which does not end access")

    order.start("Refund")
    expect(page.get_by_label("Amount")).to_have_value("20.00")
    page.get_by_label("Amount").fill("20.01")
    order.confirm("Refund")
    expect(order.content).to_contain_text("At most $20.00 can be refunded.")
    page.get_by_label("Amount").fill("20")
    order.confirm("Refund")
    expect(order.summary).to_contain_text("No: $29.00 was refunded")
    expect(order.timeline).to_contain_text("olive@example.com")
    expect(order.actions.get_by_role("link", name="Refund")).to_have_count(0)
    assert is_as_wide_as_the_window(page)


@both_screens
def test_refund_and_cancel(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, SUBSCRIPTION))
    order.start("Refund")
    page.get_by_label("Cancel the subscription now, too").press("Space")
    order.confirm("Refund")
    expect(order.messages).to_contain_text("was refunded. The subscription is canceled.")
    expect(order.summary).to_contain_text("The subscription has ended.")


@both_screens
def test_operator_cancels_later_undoes_it_and_cancels_now(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, SUBSCRIPTION))
    order.start("Cancel the subscription")
    assert is_as_wide_as_the_window(page)
    assert_accessible(page)
    order.confirm("Cancel the subscription")
    expect(order.summary).to_contain_text("No. The subscription ends on")
    order.start("Undo the cancellation")
    order.confirm("Undo the cancellation")
    expect(order.summary).to_contain_text("Stripe charges $")
    order.start("Cancel the subscription")
    page.get_by_label("Now", exact=True).press("Space")
    order.confirm("Cancel the subscription")
    expect(order.summary).to_contain_text("No. The subscription has ended.")


@both_screens
def test_email_is_sent_again(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, ONCE))
    order.start("Send an e-mail again")
    order.confirm("Send an e-mail again")
    expect(order.alert).to_contain_text("less than a minute ago")
    sent_an_hour_ago()
    assert_accessible(page)
    order.confirm("Send an e-mail again")
    expect(order.messages).to_contain_text("sent to ada@example.com")
    expect(order.emails).to_contain_text("sent again")


@both_screens
def test_failed_event_is_processed_again(page: Page, ada: User, olive: User, settings: Any) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "manual"  # otherwise the payment page waits for the failing event
    switches.change(api_status=500, api_times=999, api_path="/v1/checkout/sessions/*")
    purchase = buy_without_browser(ada, ONCE)
    delivery.deliver_due()
    assert WebhookEvent.objects.filter(processed_at=None, error__gt="").exists()
    order = open_order(page, olive, purchase)
    expect(order.content).to_contain_text("not processed")
    switches.change(api_times=0)
    order.goto(purchase).start("Process failed events again")
    assert is_as_wide_as_the_window(page)
    order.confirm("Process failed events again")
    expect(order.messages).to_contain_text("processed")
    expect(order.summary).to_contain_text("Yes: paid.")


@both_screens
def test_address_of_a_deleted_buyer_is_corrected(page: Page, ada: User, olive: User) -> None:
    purchase = buy_without_browser(ada, ONCE)
    ada.delete()
    order = open_order(page, olive, purchase)
    expect(order.summary).to_contain_text("the buyer's account was deleted")
    order.start("Correct the e-mail address")
    assert_accessible(page)
    page.get_by_label("Correct e-mail address").fill("ada@new.example")
    order.confirm("Correct the e-mail address")
    expect(order.summary).to_contain_text("ada@new.example")


@both_screens
def test_second_press_does_nothing(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, ONCE))
    order.start("Refund")
    page.get_by_label("Amount").fill("5")
    order.confirm_button("Refund").dblclick()
    expect(order.content).to_contain_text("$5.00 was refunded.")
    page.go_back()
    expect(order.content).to_contain_text("$24.00 not refunded yet")  # the page shows a new form
    assert [refund["amount"] for refund in storage.find("refund")] == [500]


@both_screens
def test_refusal_is_shown_and_nothing_changes(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, ONCE))
    order.start("Refund")
    refusal: dict[str, Any] = {"api_status": 400, "api_code": "charge_disputed", "api_times": 1}
    switches.change(**refusal, api_path="POST /v1/refunds")
    order.confirm("Refund")
    expect(order.alert).to_contain_text("opened a dispute")
    assert_accessible(page)
    assert is_as_wide_as_the_window(page)
    assert not storage.find("refund")


@both_screens
def test_form_can_be_sent_again_after_stripe_was_unreachable(page: Page, ada: User, olive: User) -> None:
    order = open_order(page, olive, buy_without_browser(ada, ONCE))
    order.start("Refund")
    switches.change(api_status=503, api_times=99)
    order.confirm("Refund")
    expect(order.alert).to_contain_text("Stripe did not answer")
    switches.change(api_times=0)
    order.confirm("Refund")
    expect(order.messages).to_contain_text("$29.00 was refunded.")
    assert len(storage.find("refund")) == 1
    assert OperatorAction.objects.count() == 1


def test_second_of_two_operators_is_warned(
    page: Page, new_context: Callable[..., BrowserContext], ada: User, olive: User
) -> None:
    purchase = buy_without_browser(ada, ONCE)
    otto = User.objects.create_superuser("otto@example.com", "otto-runs-this-too")
    first = open_order(page, olive, purchase)
    second = open_order(new_context().new_page(), otto, purchase)
    for order in (first, second):
        order.start("Refund")
        order.page.get_by_label("Amount").fill("5")
    first.confirm("Refund")
    second.confirm("Refund")
    expect(second.alert).to_contain_text("The order has changed since you opened this page.")
    assert len(storage.find("refund")) == 1
    second.confirm("Refund")
    expect(second.timeline).to_contain_text("otto@example.com")
    assert len(storage.find("refund")) == 2


@on_phone
def test_support_can_read_orders_and_strangers_cannot(page: Page, ada: User, bob: User, olive: User) -> None:
    purchase = buy_without_browser(ada, ONCE)
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    order = open_order(page, bob, purchase)
    expect(order.summary).to_contain_text("Yes: paid.")
    expect(order.actions).to_have_count(0)
    expect(order.content.get_by_role("link", name="Refund")).to_have_count(0)
    for name in ("refund", "cancel", "resend", "process-events", "refresh", "correct-email"):
        answer = page.goto(f"/admin/ecommerce/purchase/{purchase.pk}/actions/{name}/")
        assert answer
        assert answer.status == 403
    User.objects.filter(pk=bob.pk).update(is_staff=False)
    order.goto(purchase)
    expect(order.summary).to_have_count(0)


def test_list_is_refreshed_after_a_confirmation(page: Page, ada: User, olive: User) -> None:
    buy_without_browser(ada, ONCE)
    order = OrderAdmin(sign_in(page, olive)).open_list()
    page.locator("#result_list .action-select").first.press("Space")
    page.locator("select[name=action]").select_option("refresh")
    order.press(page.get_by_role("button", name="Go"))
    assert_accessible(page)
    order.confirm("Refresh from Stripe")
    expect(order.messages).to_contain_text("up to date")
