"""An operator looks at the shop's figures: on a phone and a desktop, by keyboard, in both colour schemes."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.ecommerce.models import Payment
from apps.users.models import User
from tests.e2e.pages.overview import Overview
from tests.e2e.screens import both_screens
from tests.e2e.users import buy_without_browser, sign_in


@pytest.fixture
def overview(page: Page, shop: None, ada: User, olive: User) -> Overview:
    buy_without_browser(ada, "tiny-tools")
    return Overview(sign_in(page, olive)).goto()


@both_screens
def test_operator_compares_periods_and_reads_the_table(overview: Overview) -> None:
    amount = f"${Payment.objects.get().amount_paid / 100:.2f}"
    expect(overview.chosen_period).to_have_text("30 days")
    expect(overview.figure("Sales")).to_contain_text(amount)
    expect(overview.figure("Sales")).to_contain_text("no sales in the previous period")
    expect(overview.charts).to_have_count(1)
    expect(overview.open_table().get_by_role("row").last).to_contain_text(amount)

    Payment.objects.update(paid_at=timezone.now() - timedelta(days=9))
    overview.choose("7 days")
    expect(overview.chosen_period).to_have_text("7 days")
    expect(overview.figure("Sales")).to_contain_text(f"before: {amount}")
    expect(overview.figure("Sales")).to_contain_text("less than before")

    day = f"{timezone.now() - timedelta(days=9):%Y-%m-%d}"
    overview.choose_days(day, day)
    expect(overview.figure("Sales")).to_contain_text(amount)
    expect(overview.chosen_period).to_have_count(0)
    overview.choose_days(f"{timezone.now():%Y-%m-%d}", day)
    expect(overview.errors).to_have_text("The first day is after the last one.")


@both_screens
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_page_fits_and_is_accessible(overview: Overview, scheme: str) -> None:
    Payment.objects.update(
        dispute_status="needs_response", dispute_due_by=timezone.now() + timedelta(days=3), dispute_amount=100
    )
    overview.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    overview.goto()
    overview.open_table()
    assert overview.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context = ".shop-overview"
    found = Axe().run(overview.page, context=context, options={"preload": False}).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


def test_a_dispute_leads_to_its_order(overview: Overview) -> None:
    expect(overview.attention).to_contain_text("Nothing.")
    Payment.objects.update(
        dispute_status="needs_response", dispute_due_by=timezone.now() + timedelta(days=3), dispute_amount=100
    )
    overview.goto()
    overview.attention.get_by_role("link", name="Dispute about").press("Enter")
    overview.page.wait_for_url(f"**/ecommerce/purchase/{Payment.objects.get().purchase_id}/change/")
