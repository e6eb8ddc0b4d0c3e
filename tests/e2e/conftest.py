"""Browser tests: a real browser against a threaded server, with a database and a sandbox of their own.

Every page that a test opens is watched: a console error, a script error, a missing file, a server error or a
request to a third party fails the test.
With E2E_STRIPE set (`make e2e-stripe`) Stripe's own test mode takes the sandbox's place.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from playwright.sync_api import BrowserContext, Playwright, expect

from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.purchases import live_updates
from apps.ecommerce.purchases.live_updates import LiveUpdates
from scripts.browser import launch_options
from stripe_sandbox import storage
from tests.e2e.screens import SCREENS
from tests.e2e.watch import Watch
from tests.factories import mail_by

AGAINST_STRIPE = bool(os.environ.get("E2E_STRIPE"))
SECONDS = 30 if AGAINST_STRIPE else 10


def pytest_configure(config: pytest.Config) -> None:
    # By name, because a passkey belongs to one.
    config.option.liveserver = config.option.liveserver or "localhost"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests run last in each process: Playwright leaves an event loop running, which others can't bear."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(scope="session", autouse=True)
def allow_database_beside_playwright() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=SECONDS * 1000)
        yield


# --- the browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], playwright: Playwright
) -> dict[str, Any]:
    headed = browser_type_launch_args.get("headless") is False
    return {**launch_options(playwright.chromium.executable_path, headed=headed), **browser_type_launch_args}


@pytest.fixture
def screen() -> str:
    """Which of SCREENS the test sees; @both_screens runs it on each."""
    return "desktop"


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], screen: str) -> dict[str, Any]:
    return {**browser_context_args, **SCREENS[screen], "locale": "en-US", "reduced_motion": "reduce"}


@pytest.fixture
def new_context(
    new_context: Callable[..., BrowserContext], base_url: str
) -> Iterator[Callable[..., BrowserContext]]:
    """pytest-playwright's, with every context watched."""
    watch = Watch(base_url, third_parties=AGAINST_STRIPE)

    def watched(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(SECONDS * 1000)
        watch.over(context)
        return context

    yield watched
    assert not watch.complaints, "\n".join(watch.complaints[:10])


# --- the shop -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def base_url(live_server: Any) -> str:
    return str(live_server.url)


@pytest.fixture(autouse=True)
def shop(
    transactional_db: None, kept_pages: None, base_url: str, settings: Any, tmp_path: Path
) -> Iterator[None]:
    """An open shop with the demo catalogue, and nothing sold yet."""
    settings.SITE_URL = base_url
    settings.VAR_DIR = tmp_path
    mail_by(settings, "apps.devtools.mailbox.EmailBackend")
    if not AGAINST_STRIPE:
        settings.STRIPE_SANDBOX_DB = tmp_path / "stripe_sandbox.sqlite3"
        settings.STRIPE_SANDBOX_DELIVERY = "thread"
        settings.STRIPE_SANDBOX_DEMO = True
    call_command("bootstrap_ecommerce", verbosity=0)
    yield
    if not AGAINST_STRIPE:
        settings.STRIPE_SANDBOX_DELIVERY = "manual"
        _wait_for_webhooks_on_their_way()


def _wait_for_webhooks_on_their_way() -> None:
    """So that none of them writes into the next test's database."""
    until = time.monotonic() + 10
    while storage.query("SELECT 1 FROM deliveries WHERE state = 'sending'") and time.monotonic() < until:
        time.sleep(0.02)
    storage.close_idle()


@pytest.fixture
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page polls each second, as if the buyer had a pending purchase."""
    monkeypatch.setattr(live_updates, "LiveUpdates", lambda stamp, delay: LiveUpdates(stamp, 1))
    monkeypatch.setattr(live_updates, "BANK_POLL_SECONDS", 1)


@pytest.fixture
def goods(shop: None) -> ProductConfiguration:
    """A product that is paid once, with words and a file for its owner."""
    on_sale = ProductConfiguration.objects.on_sale().filter(product__prices__type="one_time")
    goods = (
        on_sale.filter(slug="tiny-tools").first()
        or on_sale.filter(product__prices__unit_amount__gt=0).first()
    )
    assert goods, "The Stripe account has no active product with a one-time price. Make one in the Dashboard."
    goods.content = "Thank you. **Use them anywhere.**"
    goods.download.save("tiny-tools.zip", ContentFile(b"icons"))
    return goods
