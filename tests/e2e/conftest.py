"""Browser tests: a real browser, a threaded server, and a database and sandbox for each process.

A console error, a script error, a missing file, a server error or a third-party request on any page fails the test.

With E2E_STRIPE set (`make e2e-stripe`), Stripe's test mode replaces the sandbox.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from playwright.sync_api import BrowserContext, Playwright, expect

import stripe_sandbox
from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.purchases import live_updates
from apps.ecommerce.purchases.live_updates import LiveUpdates
from apps.web.views import assets
from scripts.browser import launch_options
from stripe_sandbox import storage
from tests.e2e.page_errors import PageErrors
from tests.e2e.screens import SCREENS
from tests.factories import add_file, set_email_url

USE_STRIPE = bool(os.environ.get("E2E_STRIPE"))
TIMEOUT_SECONDS = 30 if USE_STRIPE else 10
ART = Path(stripe_sandbox.__file__).parent / "static/stripe_sandbox/art"
PLAIN_ART = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="900">'
    '<rect width="1200" height="900" fill="#789"/></svg>'
)


def pytest_configure(config: pytest.Config) -> None:
    # Passkeys need a host name, not an IP address.
    config.option.liveserver = config.option.liveserver or "localhost"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last in each process, because Playwright leaves an event loop running."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(scope="session", autouse=True)
def allow_database_in_event_loop() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=TIMEOUT_SECONDS * 1000)
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
    """Return the test's entry of SCREENS; @on_phone and @both_screens select others."""
    return "desktop"


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], screen: str) -> dict[str, Any]:
    return {**browser_context_args, **SCREENS[screen], "locale": "en-US", "reduced_motion": "reduce"}


@pytest.fixture
def new_context(
    new_context: Callable[..., BrowserContext], base_url: str
) -> Iterator[Callable[..., BrowserContext]]:
    """Return pytest-playwright's function, with each context watched for errors."""
    watch = PageErrors(base_url, third_parties=USE_STRIPE)

    def new_watched_context(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(TIMEOUT_SECONDS * 1000)
        watch.watch(context)
        return context

    yield new_watched_context
    assert not watch.problems, "\n".join(watch.problems[:10])


# --- the shop -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def plain_artwork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Replace each drawing of the demo shop with a plain area, which the browser renders faster."""
    folder = tmp_path_factory.mktemp("static")
    for file in ART.glob("*.svg"):
        plain = folder / "stripe_sandbox/art" / file.name
        plain.parent.mkdir(parents=True, exist_ok=True)
        plain.write_text(PLAIN_ART)
    with (
        override_settings(STATICFILES_DIRS=[folder, *settings.STATICFILES_DIRS]),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(assets, "draw", lambda seed: PLAIN_ART)
        yield


@pytest.fixture(scope="session")
def base_url(live_server: Any) -> str:
    return str(live_server.url)


@pytest.fixture(autouse=True)
def shop(
    transactional_db: None, cached_pages: None, base_url: str, settings: Any, tmp_path: Path
) -> Iterator[None]:
    """Open the shop with the demo catalogue and no purchases."""
    settings.SITE_URL = base_url
    settings.VAR_DIR = tmp_path
    set_email_url(settings, "apps.devtools.mailbox.EmailBackend")
    if not USE_STRIPE:
        settings.STRIPE_SANDBOX_DB = tmp_path / "stripe_sandbox.sqlite3"
        settings.STRIPE_SANDBOX_DELIVERY = "thread"
        settings.STRIPE_SANDBOX_DEMO = True
    call_command("bootstrap_ecommerce", verbosity=0)
    yield
    if not USE_STRIPE:
        settings.STRIPE_SANDBOX_DELIVERY = "manual"
        _wait_for_pending_webhooks()


def _wait_for_pending_webhooks() -> None:
    """Keep late webhooks out of the next test's database."""
    deadline = time.monotonic() + 10
    while storage.query("SELECT 1 FROM deliveries WHERE state = 'sending'") and time.monotonic() < deadline:
        time.sleep(0.02)
    storage.close_idle()


@pytest.fixture
def fast_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every page poll each second, as if the buyer had a pending purchase."""
    monkeypatch.setattr(live_updates, "LiveUpdates", lambda version, delay: LiveUpdates(version, 1))
    monkeypatch.setattr(live_updates, "BANK_POLL_SECONDS", 1)


@pytest.fixture
def goods(shop: None) -> ProductConfiguration:
    """Return a one-time product with content and a file for its owner."""
    on_sale = ProductConfiguration.objects.on_sale().filter(product__prices__type="one_time")
    goods = (
        on_sale.filter(slug="tiny-tools").first()
        or on_sale.filter(product__prices__unit_amount__gt=0).first()
    )
    assert goods, "The Stripe account has no active product with a one-time price. Make one in the Dashboard."
    goods.content = "Thank you. **Use them anywhere.**"
    goods.save()
    add_file(goods, "tiny-tools.zip")
    return goods
