"""What a subscriber reads on the order page and in the library about the next payment."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format
from playwright.sync_api import Page, expect

from apps.ecommerce.models import Payment, ProductConfiguration, Purchase
from apps.ecommerce.stripe_api.client import get_client
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.pages.library import Library
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.users import open_new_order, sign_in
from tests.factories import pay, press_buy, signed_in, url_path

pytestmark = pytest.mark.usefixtures("fast_polling")


@pytest.fixture
def member(page: Page, ada: User) -> PurchasePage:
    """Return the open page of a subscription for $9.00 a month."""
    return open_new_order(page, ada, "workshop")


def day(name: str) -> str:
    """Return a date of the purchase as pages show it."""
    return date_format(timezone.localtime(getattr(Purchase.objects.get(), name)), "DATE_FORMAT")


def change(**params: Any) -> None:
    """Change the subscription at Stripe, as in the Dashboard."""
    changes: Any = params
    get_client().v1.subscriptions.update(Purchase.objects.get().subscription_id, changes)


@pytest.mark.parametrize(
    ("duration", "amounts"),
    [
        ({"duration": "once"}, ["$9.00"]),
        ({"duration": "repeating", "duration_in_months": 2}, ["$4.50", "$9.00"]),
        ({"duration": "forever"}, ["$4.50", "$4.50"]),
    ],
    ids=["once", "repeating", "forever"],
)
def test_next_payment_has_the_discount_of_a_coupon(
    page: Page, ada: User, shop: None, settings: Any, duration: Any, amounts: list[str]
) -> None:
    """`amounts` are those of the next payment after each payment."""
    settings.CHECKOUT_PROMOTION_CODES = True
    stripe_changes.create_promotion_code("HALF", percent_off=50, **duration)
    buyer = signed_in(ada)
    checkout = press_buy(buyer, ProductConfiguration.objects.get(slug="workshop"))
    Client().post(url_path(checkout), {"promotionCode": "HALF", "act": "apply"})
    buyer.get(url_path(pay(checkout)))
    seen = PurchasePage(sign_in(page, ada)).goto(Purchase.objects.get())
    for number, amount in enumerate(amounts, start=1):
        expect(seen.payments).to_have_count(number)
        expect(seen.fact("Next payment")).to_have_text(f"{amount} on {day('current_period_end')}")
        expect(seen.main).to_contain_text(f"renews on {day('current_period_end')} for {amount}")
        expect(seen.payments.first).to_contain_text("$4.50")
        stripe_changes.renew(Purchase.objects.get())


def test_next_payment_has_quantity_and_add_on(member: PurchasePage) -> None:
    item = get_client().v1.subscriptions.retrieve(Purchase.objects.get().subscription_id)["items"].data[0]
    change(items=[{"id": item.id, "quantity": 3}], proration_behavior="none")
    expect(member.fact("Price")).to_have_text("$9 / month × 3")
    expect(member.fact("Next payment")).to_contain_text("$27.00 on")
    addon = get_client().v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 500,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Add-on"},
        }
    )
    change(items=[{"price": addon.id}], proration_behavior="none")
    expect(member.fact("Price")).to_have_text("$9 / month × 3 plus add-ons")
    expect(member.fact("Next payment")).to_contain_text("$32.00 on")
    expect(member.main).to_contain_text(f"renews on {day('current_period_end')} for $32.00")
    expect(member.heading.locator("..")).to_contain_text("The Workshop")
    expect(Library(member.page).goto().card("The Workshop")).to_contain_text(
        f"Renews on {day('current_period_end')}"
    )


@pytest.mark.parametrize("behavior", ["keep_as_draft", "void", "mark_uncollectible"])
def test_paused_payments_show_no_next_payment(member: PurchasePage, behavior: str) -> None:
    library = Library(member.page)
    change(pause_collection={"behavior": behavior})
    expect(member.in_state("collection_paused")).to_contain_text(
        f"You have access until {day('paid_until')}."
    )
    expect(member.main).not_to_contain_text("renews on")
    expect(member.fact("Next payment")).to_have_text("Paused")
    expect(library.goto().card("The Workshop")).to_contain_text("Payments are paused")

    resumes_at = int(timezone.now().timestamp()) + 75 * 86400
    change(pause_collection={"behavior": behavior, "resumes_at": resumes_at})
    member.goto(Purchase.objects.get())
    expect(member.fact("Next payment")).to_contain_text("Paused until")  # the webhook has arrived
    expect(member.fact("Next payment")).to_have_text(f"Paused until {day('collection_resumes_at')}")
    expect(member.main).to_contain_text(f"They resume on {day('collection_resumes_at')}.")
    expect(library.goto().card("The Workshop")).to_contain_text(
        f"Payments are paused until {day('collection_resumes_at')}"
    )

    change(pause_collection={"behavior": behavior, "resumes_at": int(timezone.now().timestamp()) + 86400})
    member.goto(Purchase.objects.get())
    expect(member.fact("Next payment")).to_have_text(f"$9.00 on {day('current_period_end')}")
    expect(member.in_state("active")).to_contain_text("renews on")


def test_refunded_subscription_says_that_it_goes_on_and_can_be_canceled(member: PurchasePage) -> None:
    stripe_changes.refund(Payment.objects.get())
    expect(member.heading).to_have_text("Your payment was refunded")
    expect(member.main).to_contain_text("We refunded $9.00.")
    expect(member.main).to_contain_text(
        f"Your subscription is still active and renews on {day('current_period_end')} for $9.00."
    )
    expect(member.fact("Next payment")).to_have_text(f"$9.00 on {day('current_period_end')}")
    expect(member.payments.first).to_contain_text("Refunded −$9.00")
    row = Library(member.page).goto().others
    expect(row).to_contain_text(f"still active and renews on {day('current_period_end')} for $9.00.")
    member.goto(Purchase.objects.get())
    member.cancel()
    expect(member.heading).to_have_text("Your subscription has ended")
    expect(member.fact("Next payment")).to_have_count(0)
    assert get_client().v1.subscriptions.retrieve(Purchase.objects.get().subscription_id).status == "canceled"
