"""Twenty users buy one product at once: each gets one purchase, without a database lock error."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Mail, ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.purchases.fulfilment import change_purchase, sync_purchase
from apps.users.models import User
from tests.concurrency import run_at_once
from tests.factories import add_price, buy, pay, press_buy, signed_in, url_path

BUYERS = 20


@pytest.mark.django_db(transaction=True)
def test_concurrent_buyers_get_one_purchase_each(icons: ProductConfiguration, sandbox: Any) -> None:
    users = [User.objects.create_user(f"buyer{number}@example.com") for number in range(BUYERS)]
    browsers = [signed_in(user) for user in users]

    def buy(browser: Client) -> None:
        first, second = press_buy(browser, icons), press_buy(browser, icons)  # a double click
        assert first == second
        assert browser.get(url_path(pay(first))).status_code == 200
        assert browser.get("/purchases/icon-set/").status_code == 200

    run_at_once(partial(buy, browser) for browser in browsers)
    assert Purchase.objects.filter(status="paid").values("user").distinct().count() == BUYERS
    assert Purchase.objects.count() == BUYERS
    assert StatusChange.objects.filter(to_status="paid").count() == BUYERS
    assert Mail.objects.exclude(sent_at=None).count() == BUYERS
    sandbox.deliver()
    assert StatusChange.objects.filter(to_status="paid").count() == BUYERS


@pytest.mark.django_db(transaction=True)
def test_sync_during_another_sync_stores_stripes_price(
    club: ProductConfiguration, sandbox: Any, ada: User
) -> None:
    """PostgreSQL's join finds no row for a locked purchase whose price was changed during the wait."""
    buy(signed_in(ada), club)
    purchase = Purchase.objects.get()
    other = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_product(club.product_id)
    is_locked, errors = threading.Event(), []

    def change_price() -> None:
        try:
            with transaction.atomic():
                row = Purchase.objects.select_for_update().get(pk=purchase.pk)
                is_locked.set()
                time.sleep(0.5)
                change_purchase(row, {"price_id": other}, "another sync")
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=change_price)
    thread.start()
    assert is_locked.wait(5)
    synced = sync_purchase(purchase, "event")
    thread.join()
    assert errors == []
    assert synced.price_id == purchase.price_id  # the price at Stripe
