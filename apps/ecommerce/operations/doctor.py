"""Looks at everything that has to be right before Stripe's money arrives here: `manage.py stripe_doctor`.

One finding a line, each with what to do. https://docs.stripe.com/get-started/checklist/go-live
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import stripe
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.operations.doctor_proxies import examine_proxies
from apps.ecommerce.operations.findings import Finding
from apps.ecommerce.stripe_api.client import KEY_PREFIXES, get_client, livemode
from apps.ecommerce.webhooks import HANDLERS

MOST_SKEW_SECONDS = 60  # signatures are refused after 300


def examine(*, fix: bool = False) -> Iterator[Finding]:
    """Every finding, in the order in which one would mend them. `fix` creates or corrects the webhook endpoint.

    Ends early when Stripe can't be asked, as nothing else can be known then.
    """
    yield from _key()
    yield from examine_proxies()
    try:
        yield from _at_stripe(fix)
    except stripe.AuthenticationError as error:
        yield Finding(
            False, f"Stripe refuses the key: {error.user_message or error}", "Correct STRIPE_SECRET_KEY."
        )
    except stripe.StripeError as error:
        words = " ".join(str(error).split())  # the SDK's own run over several lines
        yield Finding(False, f"Stripe can't be reached: {words}", "Check the network and STRIPE_API_BASE.")


def _at_stripe(fix: bool) -> Iterator[Finding]:
    account = get_client().v1.accounts.retrieve_current()
    yield Finding(True, f"Account {account.id} answers, API version {stripe.api_version}")
    yield _clock(account)
    yield from _endpoint(fix)
    yield _secret()
    yield _catalogue()


def endpoint_url() -> str:
    """Where Stripe should send events."""
    return f"{settings.SITE_URL}{reverse('stripe_webhook')}"


def _key() -> Iterator[Finding]:
    key = settings.STRIPE_SECRET_KEY
    if not key.startswith(KEY_PREFIXES):
        yield Finding(
            False, "STRIPE_SECRET_KEY is not a secret key", "Copy sk_test_… from Stripe's Dashboard."
        )
        return
    mode = "live: real money" if livemode() else "test"
    yield Finding(
        True, f"STRIPE_SECRET_KEY is a {mode} key{', played by the sandbox' * settings.STRIPE_SANDBOX}"
    )
    if livemode() and settings.DEBUG:
        yield Finding(False, "DEBUG is on with a live key", "Set DEBUG=false.")
    if livemode() and not settings.SITE_URL.startswith("https://"):
        yield Finding(
            False, f"SITE_URL is {settings.SITE_URL}", "Live webhooks need https://: correct SITE_URL."
        )


def _clock(account: stripe.Account) -> Finding:
    response = account.last_response
    stamp = response.headers.get("Date") if response and response.headers else None
    if not stamp:
        return Finding(True, "Clock not compared: the answer bore no date")
    skew = abs((timezone.now() - parsedate_to_datetime(stamp).replace(tzinfo=UTC)).total_seconds())
    return Finding(
        skew <= MOST_SKEW_SECONDS,
        f"This machine's clock is {skew:.0f} s from Stripe's",
        "Turn on time synchronisation: signatures older than five minutes are refused.",
    )


def _endpoint(fix: bool) -> Iterator[Finding]:
    """The endpoint that events come to: it exists, is on, hears everything, and speaks our API version."""
    client, url = get_client(), endpoint_url()
    events: list[Any] = [*HANDLERS]  # the SDK types them as its own few hundred literals
    version: Any = stripe.api_version
    mine = [
        row for row in client.v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter() if row.url == url
    ]
    hint = "Run stripe_doctor --fix, or use `stripe listen` on a developer's machine."
    if not mine and fix:
        made = client.v1.webhook_endpoints.create(
            {"url": url, "enabled_events": events, "api_version": version}
        )
        yield Finding(True, f"Webhook endpoint {made.id} created at {url}")
        yield Finding(False, "The new endpoint has a new secret", f"Set STRIPE_WEBHOOK_SECRET={made.secret}")
        return
    if not mine:
        yield Finding(False, f"No webhook endpoint for {url}", hint)
        return
    if len(mine) > 1:
        yield Finding(False, f"{len(mine)} endpoints send to {url}", "Delete all but one in the Dashboard.")
    (row, *_more) = mine
    missing = set() if "*" in row.enabled_events else HANDLERS.keys() - set(row.enabled_events)
    if fix and (missing or row.status != "enabled"):
        row = client.v1.webhook_endpoints.update(row.id, {"enabled_events": events, "disabled": False})
        missing = set()
    yield Finding(row.status == "enabled", f"Webhook endpoint {row.id} is {row.status}", hint)
    heard = f"misses {', '.join(sorted(missing))}" if missing else "hears every event it needs"
    yield Finding(not missing, f"It {heard}", hint)
    yield Finding(
        row.api_version == version,
        f"Its API version is {row.api_version or 'not fixed'}",
        f"Make a new endpoint with {version} (the version of an endpoint can't be changed).",
    )


def _secret() -> Finding:
    secret = settings.STRIPE_WEBHOOK_SECRET
    known = secret.startswith("whsec_")
    state = "set" if known else "not a signing secret" if secret else "not set: the endpoint is off"
    todo = "Copy whsec_… from the endpoint's page, or from `stripe listen`."
    return Finding(known, f"STRIPE_WEBHOOK_SECRET is {state}", todo)


def _catalogue() -> Finding:
    report = sync_catalogue(dry_run=True)
    if report.not_saved:
        return Finding(
            False, f"Not fit for the store: {'; '.join(report.not_saved)}", "Correct them at Stripe."
        )
    drift = len(report.added) + len(report.changed) + len(report.archived)
    what = f"The catalogue differs in {drift} products and prices" if drift else "The catalogue is Stripe's"
    return Finding(not drift, what, "Run bootstrap_ecommerce.")
