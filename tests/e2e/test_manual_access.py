"""An operator grants access, ends it, and sees the shop as the buyer: by keyboard, on a phone and on a desktop."""

from allauth.account.models import EmailAddress
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from apps.ecommerce.models import OperatorAction, ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.users.models import User
from tests.e2e.journeys import is_as_wide_as_the_window
from tests.e2e.keyboard import enter, press
from tests.e2e.pages.manual_access import BuyerView, GiveAccessPage, OrderActionPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import both_screens
from tests.e2e.users import sign_in


@both_screens
def test_operator_gives_access_sees_it_as_the_buyer_and_revokes_it(
    page: Page, ada: User, olive: User, goods: ProductConfiguration
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    form = GiveAccessPage(sign_in(page, olive)).goto_orders()
    form.orders_link.press("Enter")  # the admin's menu comes before it
    expect(form.email).to_be_visible()
    assert is_as_wide_as_the_window(page)
    form.product.focus()
    page.keyboard.press("ArrowDown")
    form.email.focus()
    page.keyboard.type(ada.email)
    enter(page, form.reason, "Helped us")
    press(page, form.button)
    expect(form.messages).to_contain_text("was granted")
    purchase = Purchase.objects.get()
    assert has_access(purchase)

    action = OrderActionPage(page).goto(purchase, "view_as_buyer")
    action.button("See the shop as this buyer").press("Enter")
    view, order = BuyerView(page), PurchasePage(page)
    expect(order.in_state("granted")).to_be_visible()
    assert is_as_wide_as_the_window(page)
    assert Axe().run(page).response["violations"] == []
    page.goto("/store/")
    expect(view.banner).to_contain_text(ada.email)
    press(page, view.stop)
    page.wait_for_url(f"**/admin/ecommerce/purchase/{purchase.pk}/change/")
    page.goto("/store/")
    expect(view.banner).to_have_count(0)

    action.goto(purchase, "revoke")
    action.reason.focus()
    page.keyboard.type("Shared it")
    press(page, action.button("Revoke access"))
    expect(form.messages).to_contain_text("is revoked")
    purchase.refresh_from_db()
    assert not has_access(purchase)
    entries = OperatorAction.objects.order_by("pk").values_list("action", "outcome")
    assert list(entries) == [("give_access", "done"), ("view_as_buyer", "done"), ("revoke", "done")]
