"""After a month without webhooks `reconcile_purchases` corrects every page."""

from io import StringIO

from django.core.management import call_command
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, WebhookEvent
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e import stripe_changes
from tests.e2e.journeys import go_to_checkout
from tests.e2e.pages.library import Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.users import buy_without_browser, sign_in


def reconcile() -> str:
    out = StringIO()
    call_command("reconcile_purchases", stdout=out)
    return out.getvalue()


def test_reconcile_corrects_each_page_after_a_month_without_webhooks(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(drop=["*"])
    purchases = {slug: buy_without_browser(ada, slug) for slug in ("workshop", "sunday-letter", goods.slug)}
    go_to_checkout(sign_in(page, ada), "ship-small").pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    stripe_changes.refund(purchases[goods.slug])
    # after a month; the newsletter's trial has ended, too
    stripe_changes.renew(purchases["workshop"], fails=True)
    seen = PurchasePage(page)
    expect(seen.goto(purchases["workshop"]).in_state("active")).to_be_visible()  # no webhook has arrived

    assert "3 repaired" in reconcile()
    assert not WebhookEvent.objects.filter(error__gt="").exists()

    expect(seen.goto(purchases["workshop"]).in_state("past_due")).to_be_visible()
    expect(seen.goto(purchases["sunday-letter"]).in_state("active")).to_be_visible()
    expect(seen.goto(purchases[goods.slug]).in_state("refunded")).to_be_visible()
    expect(Library(page).goto().card(goods.product.name)).to_have_count(0)
    expect(ProductPage(page).goto(goods.slug).buy_button).to_be_visible()
    assert "0 repaired" in reconcile()
