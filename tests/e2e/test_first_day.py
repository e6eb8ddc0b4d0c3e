"""A founder's first day, on a phone and by keyboard: create a product, sell it, and copy it to a Stripe account."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from apps.ecommerce.models import ProductConfiguration, ProductFile, Purchase
from apps.users.models import User
from tests.e2e.pages.admin import ContentsAdmin, FileAdmin, ProductEditor
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.lessons import LessonPage
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone
from tests.e2e.users import sign_in

VIDEO = Path(__file__).parent / "files/lesson.webm"
KEY = re.compile(r"([A-Z2-9]{5}-){4}[A-Z2-9]{5}")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "cover.png"
    Image.new("RGB", (1000, 800), "teal").save(file)
    return file


@pytest.fixture
def real_account(tmp_path: Path) -> Iterator[str]:
    """Run a second sandbox, which simulates the founder's own Stripe account. Return its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "account.log"
    command = [sys.executable, "-m", "stripe_sandbox.server.cli", "serve", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--database", str(tmp_path / "account.sqlite3")],
            stdout=output,
            stderr=output,
            cwd=tmp_path,
        )
    deadline = time.monotonic() + 30
    while "Control panel" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


@pytest.mark.timeout(300)  # more than a hundred steps
@on_phone
def test_founder_creates_sells_and_changes_a_product(
    page: Page,
    olive: User,
    ada: User,
    new_context: Callable[..., BrowserContext],
    picture: Path,
    tmp_path: Path,
    real_account: str,
    settings: Any,
) -> None:
    first, second = tmp_path / "guide.txt", tmp_path / "templates.zip"
    first.write_text("version one")
    second.write_bytes(b"PK template files")

    # The product
    sign_in(page, olive).goto("/admin/")
    page.get_by_role("link", name="New product").first.click()
    editor = ProductEditor(page)
    page.get_by_label("Name:", exact=True).fill("Field guide")
    page.get_by_label("Tagline").fill("Draw what you see.")
    page.get_by_label("Description").fill("**Twelve** places, one pencil.")
    editor.add_price("one-time", "19", nickname="Personal")
    editor.add_price("one-time", "49.50", nickname="Team")
    editor.add_price("each month", "5", nickname="Monthly", trial_days="14")
    editor.add_picture(picture, "A teal cover")
    page.get_by_label("License keys").select_option("generated")
    editor.save("Save and put on sale")
    guide = ProductConfiguration.objects.get(product__name="Field guide")

    # Its lessons and files
    contents = ContentsAdmin(page)
    editor.open_contents("Sections and lessons")
    contents.add_section("Start")
    contents.add_lesson("Look", text="Look *twice*.", video="https://youtu.be/aqz-KE-bpKQ")
    contents.add_lesson("Draw", text="Draw once.", video_file=VIDEO)
    page.goto(f"/admin/ecommerce/productconfiguration/{guide.pk}/change/")
    editor.open_contents("Files")
    contents.add_file("Guide", first)
    page.goto(f"/admin/ecommerce/productfile/?configuration__id__exact={guide.pk}")
    contents.add_file("Templates", second)

    # Another person buys it, opens, watches and downloads it
    shopper = sign_in(new_context().new_page(), ada)
    shopper.goto("/store/")
    shopper.get_by_role("link", name="Field guide").first.click()
    product = ProductPage(shopper)
    expect(product.prices).to_have_count(3)
    expect(product.main.get_by_role("img", name="A teal cover")).to_be_visible()
    expect(product.main).to_contain_text("Look")
    product.choose(re.compile("Personal"))
    product.buy()
    hosted = HostedCheckout(shopper)
    hosted.wait_until_ready()
    hosted.pay()
    order = PurchasePage(shopper)
    expect(order.open_link).to_be_visible()
    expect(order.main).to_contain_text(KEY)
    order.open_link.click()
    owned = GatedPage(shopper)
    assert owned.download_file("Guide").path().read_text() == "version one"
    assert hashlib.sha256(second.read_bytes()).hexdigest() in shopper.content()
    shopper.get_by_role("link", name="Start: Look").click()
    lesson = LessonPage(shopper)
    expect(lesson.play_button).to_be_visible()
    lesson.done_button.click()
    expect(lesson.heading).to_have_text("Draw")
    expect(lesson.video).to_have_js_property("readyState", 4)

    # The founder changes the price and updates the file
    page.goto(f"/admin/ecommerce/productconfiguration/{guide.pk}/change/")
    editor.change_amount(0, "24")
    editor.save()
    visitor = new_context().new_page()
    visitor.goto(guide.get_absolute_url())
    expect(ProductPage(visitor).main).to_contain_text("$24")
    assert Purchase.objects.get(user=ada).price.unit_amount == 1900
    first.write_text("version two")
    FileAdmin(page).goto(ProductFile.objects.get(name="Guide")).add_version(first, "2", "Better.")
    owned.goto(guide.slug)
    assert owned.download_file("Guide").path().read_text() == "version two"

    # Hides it: owners keep it
    page.goto(f"/admin/ecommerce/productconfiguration/{guide.pk}/change/")
    page.get_by_label("Status").select_option("hidden")
    editor.save()
    assert visitor.goto("/store/")
    expect(visitor.get_by_role("main")).not_to_contain_text("Field guide")
    expect(owned.goto(guide.slug).heading).to_have_text("Field guide")

    # And takes it to the real account
    settings.STRIPE_API_BASE, settings.STRIPE_HTTP_CLIENT = real_account, ""
    settings.STRIPE_SECRET_KEY = "sk_test_real"
    page.goto("/admin/ecommerce/productconfiguration/push/")
    expect(page.get_by_role("main")).to_contain_text("Field guide")
    page.get_by_role("button", name="Create at Stripe").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("1 product was created")
    account = stripe.StripeClient("sk_test_real", base_addresses={"api": real_account}).v1
    (pushed,) = [row for row in account.products.list({"limit": 100}).data if row.name == "Field guide"]
    prices = account.prices.list({"product": pushed.id, "active": True}).data
    assert sorted(price.unit_amount or 0 for price in prices) == [500, 2400, 4950]
    assert {price.recurring.trial_period_days for price in prices if price.recurring} == {14}
