"""The environment of a schedule: Stripe (the sandbox), the store, two buyers, a clock and faults.

`pass_time` advances the clock of Stripe, the store and e-mails. `Killed` simulates a killed process: it is raised
before or after the n-th writing SQL statement, request to Stripe or e-mail.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import (
    Mail,
    Price,
    ProductConfiguration,
    Purchase,
    StatusChange,
    StripeCustomer,
    WebhookEvent,
)
from apps.users.models import User
from stripe_sandbox import bootstrap, scheduled_actions, storage
from stripe_sandbox.billing import engine
from stripe_sandbox.resources import checkout_sessions
from stripe_sandbox.transport import InProcessClient
from tests.factories import set_email_url

SECRET = "whsec_sandbox"
YEARS = 20 * 365 * 86400
WRITES = ("INSERT", "UPDATE", "DELETE")
MARKS_SENT = re.compile(r'UPDATE "ecommerce_mail" SET .*"sent_at" = .*WHERE')  # marks an e-mail as sent

# name ▶ prices: (currency, minor units, recurring)
CATALOGUE: dict[str, list[tuple[str, int, dict[str, Any] | None]]] = {
    "Icons": [("usd", 1900, None), ("usd", 2900, None)],
    "Gift": [("usd", 0, None)],
    "Guide": [("eur", 2500, None)],
    "Club": [("usd", 900, {"interval": "month"}), ("usd", 9000, {"interval": "year"})],
    "Course": [("usd", 1200, {"interval": "month", "trial_period_days": 7})],
}


class Killed(KeyboardInterrupt):
    """Simulates SIGKILL. Neither `except Exception` nor the tasks framework catches it."""


class Plan(threading.local):
    """This thread's planned faults: when it is killed, and how many requests to Stripe fail."""

    kill_after: int | None = None
    failing_calls: int = 0
    answer_lost: bool = False
    broken = False  # whether a fault was raised in this act


plan = Plan()


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
        maybe_kill("a request to Stripe")
        if plan.failing_calls > 0 and not plan.answer_lost:
            self._fail()
        answer = super().request(*args, **kwargs)
        if plan.failing_calls > 0:
            self._fail()
        maybe_kill("a response from Stripe")
        return answer

    def _fail(self) -> None:
        plan.failing_calls -= 1
        plan.broken = True
        raise stripe.APIConnectionError("the connection closed", should_retry=True)


class MailServer(BaseEmailBackend):
    """Count e-mails per order; fail while `is_down`."""

    is_down = False
    sent: Counter[str] = Counter()
    # e-mails that were sent before the process was killed, and not marked as sent
    unmarked: Counter[str] = Counter()
    current = threading.local()

    def send_messages(self, messages: Any) -> int:
        if MailServer.is_down:
            raise ConnectionRefusedError("the mail server is down")
        for message in messages:
            maybe_kill("an e-mail")
            order = message.extra_headers["X-Order"]
            MailServer.sent[order] += 1
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
    if not sql.startswith(WRITES):
        return execute(sql, params, many, context)
    if MARKS_SENT.match(sql):
        _count_unmarked(MailServer.current.order, lambda: maybe_kill(sql))
    else:
        maybe_kill(sql)
    result = execute(sql, params, many, context)
    maybe_kill(f"after {sql}")
    return result


class World:
    """Created once for many schedules; `begin` resets it for the next one."""

    def __init__(self, folder: Path, settings: Any, patch: pytest.MonkeyPatch) -> None:
        self.settings, self.file, self.initial_file = (
            settings,
            folder / "stripe.sqlite3",
            folder / "initial.sqlite3",
        )
        self.offset = 0.0
        real = time.time
        patch.setattr(time, "time", lambda: real() + self.offset)
        patch.setattr(timezone, "now", lambda: datetime.fromtimestamp(time.time(), UTC))
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)
        patch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.0)
        patch.setattr(logging.getLogger("apps"), "disabled", True)
        for name in ("apps.ecommerce", "stripe_sandbox", "django.request"):
            patch.setattr(logging.getLogger(name), "level", logging.CRITICAL + 1)
        settings.STRIPE_SANDBOX_DB, settings.STRIPE_SANDBOX_DELIVERY = self.file, "manual"
        settings.STRIPE_SANDBOX_DEMO = False
        settings.STRIPE_HTTP_CLIENT = "tests.soak.world.FlakyStripe"
        set_email_url(settings, "tests.soak.world.MailServer")
        settings.SESSION_COOKIE_AGE = YEARS
        self.stripe = stripe.StripeClient("sk_test_sandbox", http_client=InProcessClient())
        self.users = [User.objects.create_user(f"{name}@example.com", name=name) for name in ("ada", "bob")]
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
            for model in (Mail, StatusChange, Purchase, WebhookEvent, StripeCustomer):
                model.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
            Price.objects.update(active=True)
            ProductConfiguration.objects.update(is_active=True)
        self.offset = 0.0
        MailServer.is_down = False
        MailServer.sent.clear()
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

    def at_once(self, jobs: list[tuple[Callable[[], Any], tuple[str, int] | None]]) -> None:
        """Run each job in its own thread at the same time. Raise the first error of a job."""
        start, errors = threading.Barrier(len(jobs)), []

        def run(do: Callable[[], Any], fault: tuple[str, int] | None) -> None:
            try:
                start.wait()
                self.act(do, fault)
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def browser(self, user: User) -> Client:
        """Return a client signed in as this user."""
        client = Client()
        client.cookies = self.cookies[user.pk]
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
