"""Check the connection between this store and Stripe: `manage.py stripe_doctor`.

https://docs.stripe.com/get-started/checklist/go-live
"""

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import stripe
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from apps.core.site_urls import is_public_url
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.catalogue.unsellable import unsellable_lines
from apps.ecommerce.models import SalesProblem
from apps.ecommerce.operations.alerts import late_channels
from apps.ecommerce.operations.doctor_proxies import Finding, check_proxies
from apps.ecommerce.operations.reconcile_schedule import overdue_warning
from apps.ecommerce.operations.shop_checks import describe_problem
from apps.ecommerce.purchases import plan_switch
from apps.ecommerce.stripe_api.client import KEY_PREFIXES, get_client, is_livemode
from apps.ecommerce.webhooks import HANDLERS

MAX_SKEW_SECONDS = 60  # webhook signatures expire after 300 seconds
MAX_NAMES = 5
NOT_SAVED_HINT = (
    "Correct them in Stripe's Dashboard. If the shop's own code fails, its log has the traceback."
)
UNSELLABLE_HINT = "Change it in Stripe's Dashboard, or archive it there."
FIX_HINT = "Run python manage.py stripe_doctor --fix, or use `stripe listen` on a developer's machine."


def run_checks(*, fix: bool = False) -> Iterator[Finding]:
    """Yield the findings in the order of repair. With `fix`, correct the webhook endpoint and plan changes."""
    yield from _check_key()
    yield from check_proxies()
    yield from _check_alerts()
    try:
        yield from _check_account(fix)
    except stripe.AuthenticationError as error:
        message = f"Stripe refuses the key: {error.user_message or error}"
        yield Finding(False, message, "Correct STRIPE_SECRET_KEY.")
    except stripe.InvalidRequestError as error:
        message = f"Stripe refuses a request: {error.user_message or error}"
        yield Finding(False, message, "If it names an event, correct its name in apps/shop (add_handler).")
    except stripe.StripeError as error:
        message = " ".join(str(error).split())  # the SDK's messages have several lines
        yield Finding(False, f"Stripe can't be reached: {message}", "Check the network and STRIPE_API_BASE.")


def endpoint_url() -> str:
    return f"{settings.SITE_URL}{reverse('stripe_webhook')}"


def _check_key() -> Iterator[Finding]:
    if not settings.STRIPE_SECRET_KEY.startswith(KEY_PREFIXES):
        yield Finding(
            False,
            "STRIPE_SECRET_KEY is not a secret key",
            "Copy it (sk_test_… or sk_live_…) from https://dashboard.stripe.com/apikeys.",
        )
        return
    mode = "live key (real money)" if is_livemode() else "test key"
    sandbox = ", answered by the sandbox" if settings.STRIPE_SANDBOX else ""
    yield Finding(True, f"STRIPE_SECRET_KEY is a {mode}{sandbox}")
    if is_livemode() and settings.DEBUG:
        yield Finding(False, "DEBUG is true with a live key", "Set DEBUG=false.")
    if is_livemode() and not settings.SITE_URL.startswith("https://"):
        yield Finding(False, f"SITE_URL is {settings.SITE_URL}", "Use https://: live webhooks require it.")


def _check_alerts() -> Iterator[Finding]:
    """Yield whether alerts reach someone."""
    address = settings.ADMINS[0][1] if settings.ADMINS and settings.SENDS_MAIL else ""
    webhook = f"the webhook at {urlsplit(settings.ALERT_WEBHOOK_URL).hostname}"
    reached = [address] if address and not address.endswith("@example.com") else []
    reached += [webhook] if settings.ALERT_WEBHOOK_URL else []
    is_enough = bool(reached) or not is_public_url(settings.SITE_URL)
    hint = "Set EMAIL_URL and ALERT_EMAIL, or ALERT_WEBHOOK_URL, and run: python manage.py send_test_alert"
    yield Finding(is_enough, f"Alerts are sent to {' and '.join(reached) or 'nobody'}", hint)
    for channel in late_channels():
        hint = "To see the reason, run: python manage.py send_test_alert"
        yield Finding(False, f"Alerts could not be sent by {channel.name}", hint)


def _check_account(fix: bool) -> Iterator[Finding]:
    account = get_client().v1.accounts.retrieve_current()
    yield Finding(True, f"Account {account.id} is reachable (API version {stripe.api_version})")
    yield from _check_sales(account)
    yield _check_clock(account)
    if overdue := overdue_warning():
        yield Finding(False, overdue, "Install deploy/crontab, or run python -m config.cron in a container.")
    yield from _check_endpoint(fix)
    yield _check_webhook_secret()
    yield _check_catalogue()
    yield from _check_plan_changes(fix)
    yield from (Finding(False, f"Not sold: {line}", UNSELLABLE_HINT) for line in unsellable_lines())


def _check_sales(account: stripe.Account) -> Iterator[Finding]:
    """Yield why the account can't sell. https://docs.stripe.com/get-started/account/activate"""
    if account.charges_enabled is False and is_livemode():
        yield Finding(
            False, "The account can't charge yet", "Complete it: https://dashboard.stripe.com/account"
        )
    names = (
        account.business_profile and account.business_profile.name,
        account.settings and account.settings.dashboard.display_name,
    )
    if not any(names):
        hint = "Set one, because Checkout shows it: https://dashboard.stripe.com/settings/business-details"
        yield Finding(False, "The account has no business name", hint)
    for problem in SalesProblem.objects.filter(solved_at=None):
        yield Finding(
            False, describe_problem(problem), "It is solved when a buyer can open a checkout again."
        )


def _check_clock(account: stripe.Account) -> Finding:
    response = account.last_response
    date = response.headers.get("Date") if response and response.headers else None
    if not date:
        return Finding(True, "Clock not checked: Stripe's response has no Date header")
    skew = abs((timezone.now() - parsedate_to_datetime(date).replace(tzinfo=UTC)).total_seconds())
    hint = "Turn on time synchronization: webhook signatures older than five minutes are refused."
    return Finding(skew <= MAX_SKEW_SECONDS, f"The clock differs by {skew:.0f} s from Stripe's", hint)


def _check_endpoint(fix: bool) -> Iterator[Finding]:
    url = endpoint_url()
    listed = get_client().v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()
    endpoints = [endpoint for endpoint in listed if endpoint.url == url]
    if len(endpoints) > 1:
        yield Finding(False, f"{len(endpoints)} endpoints send to {url}", "Delete all but one.")
    if endpoints:
        yield from _check_endpoint_settings(endpoints[0], fix)
    elif fix:
        yield from _create_endpoint(url)
    else:
        yield Finding(False, f"Stripe has no webhook endpoint for {url}", FIX_HINT)


def _create_endpoint(url: str) -> Iterator[Finding]:
    params: Any = {"url": url, "enabled_events": [*HANDLERS], "api_version": stripe.api_version}
    created = get_client().v1.webhook_endpoints.create(params)
    yield Finding(True, f"Webhook endpoint {created.id} created at {url}")
    yield Finding(False, "The new endpoint has a new secret", f"Set STRIPE_WEBHOOK_SECRET={created.secret}")


def _check_endpoint_settings(endpoint: stripe.WebhookEndpoint, fix: bool) -> Iterator[Finding]:
    missing = set() if "*" in endpoint.enabled_events else HANDLERS.keys() - set(endpoint.enabled_events)
    if fix and (missing or endpoint.status != "enabled"):
        params: Any = {"enabled_events": [*HANDLERS], "disabled": False}
        endpoint = get_client().v1.webhook_endpoints.update(endpoint.id, params)
        missing = set()
    is_enabled = endpoint.status == "enabled"
    yield Finding(is_enabled, f"Webhook endpoint {endpoint.id} is {endpoint.status}", FIX_HINT)
    events = f"does not receive {', '.join(sorted(missing))}" if missing else "receives all required events"
    yield Finding(not missing, f"The endpoint {events}", FIX_HINT)
    message = f"The endpoint's API version is {endpoint.api_version or 'not fixed'}"
    hint = f"Create a new endpoint with {stripe.api_version}: an endpoint's version can't be changed."
    yield Finding(endpoint.api_version == stripe.api_version, message, hint)


def _check_webhook_secret() -> Finding:
    secret = settings.STRIPE_WEBHOOK_SECRET
    is_valid = secret.startswith("whsec_")
    state = "set" if is_valid else "not a signing secret" if secret else "not set, so the webhook returns 404"
    hint = "Copy whsec_… from the endpoint's page in the Dashboard, or from `stripe listen`."
    return Finding(is_valid, f"STRIPE_WEBHOOK_SECRET is {state}", hint)


def _check_catalogue() -> Finding:
    report = sync_catalogue(dry_run=True)
    if report.not_saved:
        message = f"The store can't sell {'; '.join(report.not_saved)}"
        return Finding(False, message, NOT_SAVED_HINT)
    drift = [*report.added, *report.changed, *report.archived]
    names = f"{len(drift)} products or prices: {', '.join(drift[:MAX_NAMES])}"
    state = f"differs from Stripe's in {names}" if drift else "is up to date"
    return Finding(not drift, f"The catalogue {state}", "Run python manage.py bootstrap_ecommerce.")


def _check_plan_changes(fix: bool) -> Iterator[Finding]:
    known = plan_switch.fetch_configurations()
    offers_all = True
    for product in plan_switch.products_with_plans():
        sets = plan_switch.plan_sets(product)
        outdated = [row for row in sets if not row.is_current(known.get(row.key))]
        try:
            for row in outdated if fix else []:
                plan_switch.save_configuration(known.get(row.key), row)
        except stripe.InvalidRequestError as error:  # continue with the next product
            state = f"can't offer the plans of {product.name}: {error.user_message or error}"
            yield Finding(False, f"The billing portal {state}", "Correct its prices in Stripe's Dashboard.")
            offers_all = False
            continue
        if outdated and not fix:
            state = f"does not offer the current plans of {product.name}"
            yield Finding(False, f"The billing portal {state}", "Run python manage.py stripe_doctor --fix.")
            offers_all = False
    if offers_all:
        yield Finding(True, "The billing portal offers all plans")
