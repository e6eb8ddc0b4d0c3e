"""`make screenshots`: take the screenshots of README.md (docs/store.png and docs/buying.png) in a temporary shop."""

import base64
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import launch_options  # noqa: E402
from scripts.temporary_shop import temporary_shop  # noqa: E402
from tests.e2e.pages.account import SignIn  # noqa: E402
from tests.e2e.pages.hosted_checkout import VISA, HostedCheckout  # noqa: E402
from tests.e2e.pages.product import ProductPage  # noqa: E402
from tests.e2e.pages.purchase import PurchasePage  # noqa: E402
from tests.e2e.screens import SCREENS  # noqa: E402

DOCS = ROOT / "docs"
# Three phones side by side on a transparent background.
PHONES = """<style>body {{ margin: 0; display: flex; gap: 24px; width: max-content }}
img {{ width: 320px; border-radius: 24px; border: 1px solid #8884 }}</style>{}"""


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    shop = temporary_shop(
        ["scripts/prepare_site.py", "{port}"],
        ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"],
        SECRET_KEY="screenshots",
        DEBUG="true",
    )
    with shop as open_shop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(playwright.chromium.executable_path))
        _take_store(browser, open_shop.url)
        _take_purchase(browser, open_shop.url)
        browser.close()


def _take_store(browser: Browser, url: str) -> None:
    page = browser.new_page(base_url=url, **SCREENS["desktop"])
    page.goto("/store/")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=DOCS / "store.png")
    print("docs/store.png", flush=True)


def _take_purchase(browser: Browser, url: str) -> None:
    page = browser.new_page(base_url=url, **SCREENS["phone"])
    SignIn(page).goto().submit("ada@example.com", "demo-shop-2026")
    product = ProductPage(page).goto("tiny-tools")
    screenshots = [_screenshot(page)]
    product.buy()
    checkout = HostedCheckout(page)
    checkout.fill(VISA)
    page.evaluate("scrollTo(0, 0)")
    screenshots.append(_screenshot(page))
    checkout.submit()
    expect(PurchasePage(page).open_link).to_be_visible()
    screenshots.append(_screenshot(page))

    sheet = browser.new_page(viewport={"width": 1008, "height": 700}, device_scale_factor=1.5)
    images = "".join(f'<img src="data:image/png;base64,{data}">' for data in screenshots)
    sheet.set_content(PHONES.format(images))
    sheet.locator("body").screenshot(path=DOCS / "buying.png", omit_background=True)
    print("docs/buying.png", flush=True)


def _screenshot(page: Page) -> str:
    page.wait_for_load_state("networkidle")
    return base64.b64encode(page.screenshot()).decode()


if __name__ == "__main__":
    main()
