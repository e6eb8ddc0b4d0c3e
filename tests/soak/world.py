"""The environment of a schedule: Stripe (the sandbox), the store, two buyers, a clock and faults.

`pass_time` advances the clock of Stripe, the store and e-mails. `Killed` simulates a killed process: it is raised
before or after the n-th writing SQL statement, request to Stripe or e-mail.

Nothing depends on real time, random ids or the timing of threads, so that a seed plays the same schedule each time. On
PostgreSQL, threads run freely: there they also wait for each other's locks.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import stripe
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import (
    Price,
    Product,
    ProductConfiguration,
    WebhookEvent,
)
from apps.users.models import User
from stripe_sandbox import bootstrap, scheduled_actions, storage
from stripe_sandbox.billing import engine
from stripe_sandbox.resources import checkout_sessions
from stripe_sandbox.transport import InProcessClient
from tests.factories import set_email_url

SECRET = "whsec_sandbox"
START = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
YEARS = 100 * 365 * 86400
NAMES = ("ada", "bob")
EVENTS_KEPT = 2
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}  # a page of the shop has sent the form
LINK = re.compile(r"https?://[^/\s]+(/purchases/link/\S+)")
INTERVALS: tuple[Any, ...] = ("day", "week", "month", "year")
COUPONS: tuple[Any, ...] = (
    {"percent_off": 50, "duration": "once"},
    {"percent_off": 100, "duration": "repeating", "duration_in_months": 2},
    {"percent_off": 20, "duration": "forever"},
    {"amount_off": 200, "currency": "usd", "duration": "forever"},
)
WRITES = ("INSERT", "UPDATE", "DELETE")
MARKS_SENT = re.compile(r'UPDATE "ecommerce_mail" SET .*"sent_at" = .*WHERE')  # marks an e-mail as sent

CATALOGUE_MODELS = (Product, Price, ProductConfiguration)

# name ▶ prices: (currency, minor units, recurring)
CATALOGUE: dict[str, list[tuple[str, int, dict[str, Any] | None]]] = {
    "Icons": [("usd", 1900, None), ("usd", 2900, None)],
    "Gift": [("usd", 0, None)],
    "Guide": [("eur", 2500, None)],
    "Club": [
        ("usd", 300, {"interval": "week"}),
        ("usd", 900, {"interval": "month"}),
        ("usd", 9000, {"interval": "year"}),
    ],
    "Course": [("usd", 1200, {"interval": "month", "trial_period_days": 7})],
    "Daily": [("usd", 150, {"interval": "day"})],
}


class Killed(KeyboardInterrupt):
    """Simulates SIGKILL. Neither `except Exception` nor the tasks framework catches it."""


class Turns:
    """Let threads run one at a time. `order` decides which one is next whenever one pauses or ends."""

    def __init__(self, count: int, order: random.Random) -> None:
        self.order, self.running = order, list(range(count))
        self.current, self.changed = order.choice(self.running), threading.Condition()

    def wait(self, thread: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.current == thread)

    def pause(self, thread: int) -> None:
        self._choose_next()
        self.wait(thread)

    def end(self, thread: int) -> None:
        self.running.remove(thread)
        self._choose_next()

    def _choose_next(self) -> None:
        with self.changed:
            self.current = self.order.choice(self.running or [-1])
            self.changed.notify_all()


class Plan(threading.local):
    """This thread's planned faults: when it is killed, and how many requests to Stripe fail."""

    kill_after: int | None = None
    failing_calls: int = 0
    answer_lost: bool = False
    broken = False  # whether a fault was raised in this act
    turns: Turns | None = None  # the turns of threads that run at the same time
    thread: int = 0


plan = Plan()


def pause() -> None:
    """Let another thread run, unless this one holds locks."""
    if plan.turns and not connection.in_atomic_block:
        plan.turns.pause(plan.thread)


def maybe_kill(effect: str) -> None:
    """Count this effect; raise Killed if it is the planned one."""
    if plan.kill_after is None:
        return
    plan.kill_after -= 1
    if plan.kill_after <= 0:
        plan.kill_after = None
        plan.broken = True
        raise Killed(effect)


class FlakyStripe(InProcessClient):
    """Stripe over a connection that can break before the request arrives or before the response returns."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        pause()
        maybe_kill("a request to Stripe")
        if plan.failing_calls > 0 and not plan.answer_lost:
            self._fail()
        answer = super().request(*args, **kwargs)
        pause()
        if plan.failing_calls > 0:
            self._fail()
        maybe_kill("a response from Stripe")
        return answer

    def _fail(self) -> None:
        plan.failing_calls -= 1
        plan.broken = True
        raise stripe.APIConnectionError("the connection closed", should_retry=True)


class Link(NamedTuple):
    """A link in an e-mail about an order, which verifies the address."""

    order: str
    to: str
    path: str
    sent_at: float


class MailServer(BaseEmailBackend):
    """Count e-mails per order, and keep their links; fail while `is_down`."""

    is_down = False
    sent: Counter[str] = Counter()
    links: list[Link] = []
    # e-mails that were sent before the process was killed, and not marked as sent
    unmarked: Counter[str] = Counter()
    current = threading.local()

    def send_messages(self, messages: Any) -> int:
        if MailServer.is_down:
            raise ConnectionRefusedError("the mail server is down")
        for message in messages:
            maybe_kill("an e-mail")
            order = message.extra_headers.get("X-Order", "")  # other e-mails are about an account
            if not order:
                continue
            MailServer.sent[order] += 1
            paths = dict.fromkeys(LINK.findall(message.body))
            MailServer.links += [Link(order, message.to[0], path, time.time()) for path in paths]
            MailServer.current.order = order
            _count_unmarked(order, lambda: maybe_kill("an e-mail that was sent"))
        return len(messages)


def _count_unmarked(order: str, do: Callable[[], None]) -> None:
    try:
        do()
    except Killed:
        MailServer.unmarked[order] += 1
        raise


def _execute_or_kill(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith((*WRITES, "BEGIN")):
        pause()
    if not sql.startswith(WRITES):
        return execute(sql, params, many, context)
    if MARKS_SENT.match(sql):
        _count_unmarked(MailServer.current.order, lambda: maybe_kill(sql))
    else:
        maybe_kill(sql)
    result = execute(sql, params, many, context)
    maybe_kill(f"after {sql}")
    return result


class Browser:
    """The browser of a buyer without an account. It is not signed in at first.

    A session that ends makes it another browser with the same cookies.
    """

    def __init__(self, cookies: SimpleCookie | None = None) -> None:
        self.cookies = SimpleCookie() if cookies is None else cookies

    @property
    def session(self) -> Any:
        """Return the session, which may be empty."""
        cookie = self.cookies.get(django_settings.SESSION_COOKIE_NAME)
        return import_module(django_settings.SESSION_ENGINE).SessionStore(cookie.value if cookie else None)

    @property
    def account_id(self) -> str:
        """Return the id of the account that has signed in, and may have been deleted since."""
        return str(self.session.get(SESSION_KEY, ""))


Visitor: TypeAlias = User | Browser


class World:
    """Created once for many schedules; `begin` resets it for the next one."""

    def __init__(self, folder: Path, settings: Any, patch: pytest.MonkeyPatch) -> None:
        self.settings, self.file, self.initial_file = (
            settings,
            folder / "stripe.sqlite3",
            folder / "initial.sqlite3",
        )
        self.offset, self.ticks, self.random = 0.0, itertools.count(), random.Random(0)
        patch.setattr(time, "time", lambda: START + self.offset + next(self.ticks) / 1e6)
        patch.setattr(secrets, "token_bytes", lambda count=32: self.random.randbytes(count))
        patch.setattr(os, "urandom", lambda count: self.random.randbytes(count))  # uuid4 uses it
        patch.setattr(timezone, "now", lambda: datetime.fromtimestamp(time.time(), UTC))
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)
        patch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.0)
        patch.setattr(logging.getLogger("apps"), "disabled", True)
        for name in ("apps.ecommerce", "stripe_sandbox", "django.request"):
            patch.setattr(logging.getLogger(name), "level", logging.CRITICAL + 1)
        settings.STRIPE_SANDBOX_DB, settings.STRIPE_SANDBOX_DELIVERY = self.file, "manual"
        settings.STRIPE_SANDBOX_DEMO, settings.RATE_LIMITS = False, {}
        settings.STRIPE_HTTP_CLIENT = "tests.soak.world.FlakyStripe"
        set_email_url(settings, "tests.soak.world.MailServer")
        settings.SESSION_COOKIE_AGE, settings.CHECKOUT_PROMOTION_CODES = YEARS, True
        settings.GUEST_CHECKOUT = True
        self.stripe = stripe.StripeClient("sk_test_sandbox", http_client=InProcessClient())
        self.users = [User.objects.create_user(f"{name}@example.com", name=name) for name in NAMES]
        self.olive = User.objects.create_superuser("olive@example.com", "olive-runs-this")
        self._create_catalogue()
        self.cookies = {user.pk: _signed_in(user).cookies for user in (*self.users, self.olive)}

    def _create_catalogue(self) -> None:
        bootstrap.prepare()
        for name, prices in CATALOGUE.items():
            product = self.stripe.v1.products.create({"name": name})
            for currency, amount, recurring in prices:
                params: Any = {"product": product.id, "currency": currency, "unit_amount": amount}
                self.stripe.v1.prices.create({**params, **({"recurring": recurring} if recurring else {})})
        sync_catalogue()
        extra = self.stripe.v1.products.create({"name": "Extra seats"})  # sold in Stripe's Dashboard only
        self.extras = {
            interval: self.stripe.v1.prices.create(
                {
                    "product": extra.id,
                    "currency": "usd",
                    "unit_amount": 200,
                    "recurring": {"interval": interval},
                }
            ).id
            for interval in INTERVALS
        }
        self.coupons = [self.stripe.v1.coupons.create(terms).id for terms in COUPONS]
        self.codes = [
            self.stripe.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}}).code
            for coupon in self.coupons
        ]
        rows = Price.objects.select_related("product__configuration").order_by("product__name", "unit_amount")
        self.prices = list(rows)
        storage.query("DELETE FROM deliveries")
        storage.query("DELETE FROM objects WHERE object = 'event'")
        storage.close_idle()
        shutil.copy(self.file, self.initial_file)

    def begin(self) -> None:
        """Delete everything but users and catalogue."""
        storage.close_idle()
        for rest in ("-wal", "-shm"):
            Path(f"{self.file}{rest}").unlink(missing_ok=True)
        shutil.copy(self.initial_file, self.file)
        with transaction.atomic():
            for model in apps.get_app_config("ecommerce").get_models(include_auto_created=True):
                if model not in CATALOGUE_MODELS:
                    model._default_manager.all()._raw_delete("default")  # type: ignore[attr-defined]
            Price.objects.update(active=True)
            ProductConfiguration.objects.update(status="on_sale")
            User.objects.exclude(pk__in=[user.pk for user in (*self.users, self.olive)]).delete()
            EmailAddress.objects.all().delete()
        cache.clear()
        self.offset, self.ticks, self.random = 0.0, itertools.count(), random.Random(1)
        MailServer.is_down = False
        MailServer.sent.clear()
        MailServer.links.clear()
        MailServer.unmarked.clear()
        self.settled: set[str] = set()  # events that were acknowledged or lost

    # --- actions and faults --------------------------------------------------------------------------------

    def act(self, do: Callable[[], Any], fault: tuple[str, int] | None = None) -> Any:
        """Run one act with a fault; return its result, or None when it was killed. See FAULTS."""
        kind, count = fault or ("", 0)
        plan.broken = False
        plan.kill_after = count if kind == "kill" else None
        plan.failing_calls = count if kind in ("lost request", "lost answer") else 0
        plan.answer_lost = kind == "lost answer"
        try:
            with connection.execute_wrapper(_execute_or_kill):
                return do()
        except Killed:
            connection.close()
            return None
        finally:
            plan.kill_after, plan.failing_calls = None, 0

    def at_once(
        self, jobs: list[tuple[Callable[[], Any], tuple[str, int] | None]], order: random.Random
    ) -> None:
        """Run each job in its own thread at the same time. Raise the first error of a job.

        Threads take turns at requests to Stripe and before each transaction, in this order. Other queries are not
        counted, because a cache of the process may answer them.
        """
        turns = Turns(len(jobs), order) if connection.vendor == "sqlite" else None
        errors: list[BaseException] = []

        def run(number: int, do: Callable[[], Any], fault: tuple[str, int] | None) -> None:
            plan.turns, plan.thread = turns, number
            try:
                if turns:
                    turns.wait(number)
                self.act(do, fault)
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()
                if turns:
                    turns.end(number)

        threads = [threading.Thread(target=run, args=(number, *job)) for number, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def sign_up(self, at: int) -> None:
        """Create an account in place of a deleted one."""
        self.users[at] = User.objects.create_user(f"{NAMES[at]}@example.com", name=NAMES[at])
        self.cookies[self.users[at].pk] = _signed_in(self.users[at]).cookies

    def browser(self, visitor: Visitor) -> Client:
        """Return a client signed in as this user, or with the cookies of this browser."""
        client = Client()
        if isinstance(visitor, Browser):
            client.cookies = visitor.cookies
            return client
        if visitor.pk not in self.cookies:
            self.cookies[visitor.pk] = _signed_in(visitor).cookies
        client.cookies = self.cookies[visitor.pk]
        return client

    # --- Stripe --------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Advance the clock, and let the sandbox do what is due, in order."""
        self.offset += seconds
        checkout_sessions.expire_due()
        scheduled_actions.run_due()
        engine.run_system_clock()

    def waiting_events(self) -> list[dict[str, Any]]:
        """Return undelivered events, oldest first."""
        events = storage.find("event", ("type", "IN", [*webhooks.HANDLERS]))
        return [event for event in events[::-1] if event["id"] not in self.settled]

    def forget_old_events(self) -> None:
        """Delete undelivered events of a subscription but the newest two of each type: all lead to the same sync.

        Stripe keeps events for 30 days. https://docs.stripe.com/api/events
        """
        kept: Counter[tuple[str, str]] = Counter()
        for event in self.waiting_events()[::-1]:
            about = event["data"]["object"]
            details = (about.get("parent") or {}).get("subscription_details") or {}
            key = event["type"], str(details.get("subscription") or about["id"])
            kept[key] += 1
            if kept[key] > EVENTS_KEPT:
                storage.delete(event["id"])

    def deliver(self, event: dict[str, Any]) -> None:
        """Try to deliver an event once, with Stripe's signature."""
        body = json.dumps(event)
        response = Client().post(
            "/webhooks/stripe/",
            body,
            content_type="application/json",
            headers={"stripe-signature": stripe.WebhookSignature.generate_signature_header(body, SECRET)},
        )
        assert response.status_code == 200 or plan.broken, WebhookEvent.objects.get(id=event["id"]).error
        if response.status_code == 200:
            self.lose(event)

    def lose(self, event: dict[str, Any]) -> None:
        """Mark an event as delivered, so that it is not sent again."""
        self.settled.add(event["id"])
        storage.update(event["id"], pending_webhooks=0)


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@contextmanager
def create_world(folder: Path, settings: Any) -> Iterator[World]:
    """Create a world for many schedules; restore the clock afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        yield World(folder, settings, patch)
    storage.close_idle()
