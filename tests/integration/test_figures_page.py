"""Refunds, disputes and subscriptions of the sandbox on the admin's first page, and what needs a person."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.back_office.figures.comparisons import compare, compare_rates, percent
from apps.ecommerce.back_office.figures.periods import Period, today
from apps.ecommerce.back_office.figures.shop_figures import Figures
from apps.ecommerce.back_office.needs_attention import find_items
from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.models import Payment, Price, ProductConfiguration, Purchase, Refund, SubscriptionChange
from apps.ecommerce.operations.reconcile import reconcile
from apps.users.models import User
from tests.factories import add_price, buy, create_product, press_buy, signed_in
from tests.integration.test_alerts import CAUSES
from tests.stripe_actions import (
    change_plan,
    deliver,
    dispute,
    fail_refund,
    lose,
    paid_charges,
    refund,
    renew,
    run_scheduled,
    win,
)

pytestmark = pytest.mark.django_db(transaction=True)


def money() -> tuple[int, int, int, int]:
    """Return today's sales, refunds, lost disputes and net in dollars."""
    total = Figures(Period(today() - timedelta(days=1), today())).total("usd")
    return total.sales, total.refunds, total.disputes, total.net


def first_page(operator: Client, query: str = "") -> str:
    response = operator.get(f"/admin/{query}")
    assert response.status_code == 200
    return str(response.content.decode())


def ledger(purchase: Purchase) -> list[tuple[int, int]]:
    rows = SubscriptionChange.objects.filter(purchase=purchase)
    return [(row.monthly_amount_change, row.count_change) for row in rows]


def test_refunds_count_until_they_fail(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    (charge,) = paid_charges()
    refund(sandbox, charge, 300)
    failing = fail_refund(charge, 500)
    deliver(sandbox, purchase)
    assert money() == (1900, 800, 0, 1100)
    run_scheduled(failing)
    deliver(sandbox, purchase)
    assert money() == (1900, 300, 0, 1600)
    assert dict(Refund.objects.values_list("amount", "status")) == {300: "succeeded", 500: "failed"}
    row = Refund.objects.get(amount=300)
    assert (row.payment.purchase, row.currency, row.livemode) == (purchase, "usd", False)


def test_the_only_refund_that_fails_does_not_count(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    failing = fail_refund(paid_charges()[0], 1900)
    deliver(sandbox, purchase)
    assert money() == (1900, 1900, 0, 0)
    run_scheduled(failing)
    deliver(sandbox, purchase)
    assert money() == (1900, 0, 0, 1900)
    assert Refund.objects.get().status == "failed"


def test_refund_of_a_renewal_belongs_to_its_payment(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    refund(sandbox, paid_charges()[-1], 250)
    deliver(sandbox, purchase)
    row = Refund.objects.get()
    assert (row.amount, row.payment.reason) == (250, "subscription_cycle")


def test_a_lost_dispute_is_money_lost_and_a_won_one_is_not(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    dispute_id = dispute(paid_charges()[0])
    deliver(sandbox, purchase)
    assert money() == (1900, 0, 0, 1900)
    payment = Payment.objects.get()
    assert (payment.dispute_amount, payment.disputed_at is not None) == (1900, True)
    lose(dispute_id)
    deliver(sandbox, purchase)
    assert money() == (1900, 0, 1900, 0)


def test_a_won_dispute_costs_nothing(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    win(dispute(paid_charges()[0]))
    deliver(sandbox, purchase)
    assert money() == (1900, 0, 0, 1900)


def test_reconcile_copies_details_that_an_earlier_version_has_not_stored(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    refund(sandbox, paid_charges()[0], 300)
    dispute(paid_charges()[0])
    deliver(sandbox, purchase)
    Refund.objects.all().delete()
    Payment.objects.update(disputed_at=None, dispute_amount=0)
    Purchase.objects.update(synced_at=timezone.now() - timedelta(hours=2))
    assert reconcile().repaired == []  # nothing was lost, so no alert
    assert Refund.objects.get().amount == 300
    assert Payment.objects.get().dispute_amount == 1600


def test_a_subscription_is_in_the_ledger_until_it_ends(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9900, interval="year")
    purchase = deliver(sandbox, buy(as_ada, club))
    assert ledger(purchase) == [(900, 1)]
    began = SubscriptionChange.objects.get().at
    assert began == Payment.objects.get().paid_at

    purchase = renew(sandbox, purchase)
    assert ledger(purchase) == [(900, 1)]
    change_plan(sandbox, purchase, yearly)
    purchase = deliver(sandbox, purchase)
    assert purchase.monthly_amount == 825
    assert ledger(purchase) == [(900, 1), (-75, 0)]

    refund(sandbox, paid_charges()[-1])
    purchase = deliver(sandbox, purchase)  # a refund does not end it
    assert purchase.monthly_amount == 825
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert ledger(purchase) == [(900, 1), (-75, 0), (-825, -1)]
    assert purchase.monthly_amount is None


def test_a_free_trial_counts_when_it_is_paid(as_ada: Client, sandbox: Any) -> None:
    club = create_product(sandbox.client, "Club", 900, interval="month", trial_period_days=14)
    Price.objects.update(trial_period_days=14)
    purchase = deliver(sandbox, buy(as_ada, club))
    assert (purchase.status, ledger(purchase)) == ("trialing", [])
    purchase = renew(sandbox, purchase)
    assert (purchase.status, ledger(purchase)) == ("active", [(900, 1)])
    assert SubscriptionChange.objects.get().at >= purchase.trial_end  # type: ignore[operator]


def test_a_discount_lowers_the_monthly_amount(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    coupon = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"discounts": [{"coupon": coupon}]})
    purchase = deliver(sandbox, purchase)
    assert purchase.monthly_amount == 450
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    # The subscription still runs, although there is no next invoice.
    assert deliver(sandbox, purchase).monthly_amount == 450


def test_a_past_due_subscription_counts_and_an_unpaid_one_does_not(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    from apps.ecommerce.purchases.fulfilment import change_purchase

    purchase = deliver(sandbox, buy(as_ada, club))
    change_purchase(purchase, {"status": "past_due"}, "test")
    assert ledger(purchase) == [(900, 1)]
    change_purchase(purchase, {"status": "unpaid"}, "test")
    assert ledger(purchase) == [(900, 1), (-900, -1)]


def test_figures_are_shown_with_their_definition_of_change(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    deliver(sandbox, buy(as_ada, icons))
    page = first_page(as_olive, "?period=7")
    assert "$19.00" in page
    assert "no sales in the previous period" in page
    Payment.objects.update(paid_at=timezone.now() - 8 * timedelta(days=1))
    page = first_page(as_olive, "?period=7")
    assert "100%" in page
    assert "less than before" in page
    assert reverse("admin:ecommerce_purchase_change", args=[Purchase.objects.get().pk]) in page


def test_charts_have_a_title_a_description_and_a_table(
    as_olive: Client, as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    deliver(sandbox, buy(as_ada, club))
    page = first_page(as_olive)
    charts = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(charts) == 2  # sales and MRR
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for chart in charts:
        assert 'role="img"' in chart
        names = re.search(r'aria-labelledby="([^"]+)"', chart)
        assert names
        assert all(f'id="{name}"' in chart for name in names[1].split())
        assert len(re.findall(r'<th scope="row">', chart)) == 30
        assert "$9.00" in chart[chart.index("<table") :]
        assert " style=" not in chart
    assert as_olive.get("/admin/")["Content-Security-Policy"].count("unsafe") == 0


def test_sales_are_shown_by_currency_and_never_added(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    payment = Payment.objects.get(purchase=deliver(sandbox, buy(as_ada, icons)))
    payment.pk, payment.stripe_id, payment.currency, payment.amount_paid = None, "pi_2", "jpy", 1900
    payment.save(force_insert=True)
    page = first_page(as_olive)
    assert "Payments in JPY" in page
    assert "Payments in USD" in page
    assert "¥1,900" in page
    assert "$19.00" in page


def test_figures_of_the_other_mode_are_not_shown(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    deliver(sandbox, buy(as_ada, icons))
    Payment.objects.update(livemode=True)
    page = first_page(as_olive)
    assert "$19.00" not in page
    assert "No payments yet." in page


def test_figures_need_a_permission(
    bob: User, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    deliver(sandbox, buy(as_ada, icons))
    bob.is_staff = True
    bob.save()
    as_bob = signed_in(bob)
    page = first_page(as_bob)
    assert "attention-heading" not in page
    assert "figures-heading" not in page
    bob.user_permissions.add(Permission.objects.get(codename="view_purchase"))
    page = first_page(as_bob)
    assert "attention-heading" in page
    assert "figures-heading" not in page
    assert "$19.00" not in page
    bob.groups.add(Group.objects.get(name=SUPPORT))
    assert "attention-heading" in first_page(as_bob)


@pytest.mark.parametrize(
    "query", ["?period=x", "?from=2026-02-30&to=", "?from=9999-12-31&to=0001-01-01", "?to=%00"]
)
def test_wrong_period_causes_no_error(as_olive: Client, query: str) -> None:
    assert "30 days before" in first_page(as_olive, query)


@pytest.mark.parametrize("key", CAUSES)
def test_each_alert_has_a_line_that_links_to_its_solution(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, settings: Any, key: str
) -> None:
    settings.DEBUG = False
    assert find_items() == []
    CAUSES[key](as_ada, icons)
    items = find_items()
    assert items
    olive = as_olive if User.objects.filter(is_superuser=True).exists() else new_operator()
    page = first_page(olive)
    for item in items:
        if item.url:
            assert f'href="{item.url}"' in page
            assert olive.get(item.url, follow=True).status_code == 200
        else:
            assert key == "reconcile-overdue"


def new_operator() -> Client:
    return signed_in(User.objects.create_superuser("other@example.com", "other-runs-this"))


def test_a_dispute_is_listed_with_its_deadline_until_it_is_answered(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    dispute_id = dispute(paid_charges()[0])
    deliver(sandbox, purchase)
    (item,) = find_items()
    assert "$19.00" in item.title
    assert item.is_urgent
    assert "Respond at Stripe by" in item.detail
    assert purchase.order_number in item.detail
    Payment.objects.update(dispute_due_by=timezone.now() - timedelta(hours=1))
    assert "was due" in find_items()[0].detail
    lose(dispute_id)
    deliver(sandbox, purchase)
    assert find_items() == []


def test_stuck_payments_are_listed(as_ada: Client, icons: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True  # reconcile_purchases need not run
    press_buy(as_ada, icons)
    assert find_items() == []
    Purchase.objects.update(status="processing", created_at=timezone.now() - timedelta(days=13))
    assert find_items() == []
    Purchase.objects.update(created_at=timezone.now() - timedelta(days=15))
    (item,) = find_items()
    assert item.url == reverse("admin:ecommerce_purchase_change", args=[Purchase.objects.get().pk])


def test_products_that_cannot_be_sold_are_listed(icons: ProductConfiguration) -> None:
    assert find_items() == []
    for price in Price.objects.all():
        price.active = False
        price.save()
    (item,) = find_items()
    assert "Icon set" in item.title
    assert item.url == reverse("admin:ecommerce_productconfiguration_change", args=[icons.pk])
    ProductConfiguration.objects.update(status=ProductConfiguration.Status.DRAFT)
    assert find_items() == []


def test_many_lines_of_a_kind_are_counted(icons: ProductConfiguration) -> None:
    from apps.ecommerce.models import WebhookEvent

    for number in range(8):
        WebhookEvent.objects.create(
            id=f"evt_{number}",
            type="x",
            payload={},
            stripe_created=timezone.now(),
            error="Traceback\nValueError: boom",
        )
    items = find_items()
    assert len(items) == 6
    assert "ValueError: boom" in items[0].detail
    assert "Traceback" not in items[0].detail
    assert items[-1].title == "3 more of these"


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (112, 100, ("▲", "12%")),
        (95, 100, ("▼", "5%")),
        (1005, 1000, ("▲", "0.5%")),
        (100_001, 100_000, ("▲", "less than 0.1%")),
        (100, 100, ("", "the same as before")),
        (0, 100, ("▼", "100%")),
        (5, 0, ("", "nothing before")),
        (0, 0, ("", "nothing before")),
        (50, -100, ("▲", "")),
        (-50, 100, ("▼", "150%")),
    ],
)
def test_change_has_an_arrow_and_a_text(now: int, before: int, expected: tuple[str, str]) -> None:
    change = compare(now, before, without="nothing before")
    assert (change.arrow, change.text) == expected
    assert bool(change.spoken) == bool(change.arrow)


def test_rates_change_by_points() -> None:
    assert compare_rates(0.125, 0.1, without="-").text == "2.5 points"
    assert compare_rates(0.1, 0.125, without="-").arrow == "▼"
    assert compare_rates(0.1, None, without="no checkouts").text == "no checkouts"
    assert compare_rates(0.1, 0.1, without="-").text == "the same as before"
    assert (percent(0.5), percent(0.054), percent(0)) == ("50%", "5.4%", "0%")
