"""A Hypothesis state machine: random actions of buyers, Stripe and the operator, lost events and killed processes.

Each rule is one act. Invariants are checked after each act.
`teardown` reconciles once and compares the store with Stripe.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from itertools import pairwise
from typing import Any, ClassVar

import stripe
from django.urls import reverse
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from apps.ecommerce.models import Mail, Purchase, StripeCustomer, WebhookEvent
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import has_access, owned, purchases_with_access
from apps.ecommerce.purchases.external_subscriptions import billed_twice
from apps.ecommerce.purchases.personal_data import deletion_blocker
from apps.ecommerce.purchases.status_messages import status_message
from apps.users.models import User
from stripe_sandbox import errors, scheduled_actions, storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.hosted import payment
from stripe_sandbox.hosted.payment_form import PaymentForm
from stripe_sandbox.resources import disputes, refunds

from .expected_state import (
    ExpectedState,
    expected_emails,
    expected_for_session,
    expected_for_subscription,
    is_charged_again,
    running_subscriptions,
)
from .world import MailServer, World

HOUR, DAY = 3600, 86400
CARDS = (
    "4242424242424242",
    "4242424242424242",
    "4000000000000002",  # declined
    "4000002760003184",  # requires 3D Secure
    "4000000000000341",  # first payment succeeds, renewals fail
    "4000000000000259",  # disputed
    "4000000000001976",  # an inquiry
    "4000000000007726",  # refund stays pending for a while
    "4000000000005126",  # refund fails later
)
ACCOUNTS = ("AT611904300234573201", "AT861904300235473202", "AT321904300235473204")
TOKENS = ("pm_card_visa", "pm_card_chargeCustomerFail")

number = st.integers(0, 1000)  # an index into the existing objects
small = st.integers(1, 30)
fault = st.one_of(
    st.none(),
    st.none(),
    st.tuples(st.just("kill"), small),
    st.tuples(st.sampled_from(["lost request", "lost answer"]), st.integers(1, 6)),
)
Job = Callable[[], Any]


def needs(found: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Skip an act without objects to act on. A rule's precondition would make the draws depend on thread timing."""

    def wrap(act: Callable[..., None]) -> Callable[..., None]:
        @wraps(act)
        def inner(self: Any, **drawn: Any) -> None:
            if found(self):
                act(self, **drawn)

        return inner

    return wrap


class Shop(RuleBasedStateMachine):
    """One schedule. The runner sets `world`."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.world.begin()
        self.began = timezone.now() - timedelta(hours=1)
        self.seen: list[tuple[User, str]] = []  # checkout pages opened by a buyer: (buyer, session id)
        self.history: dict[str, list[ExpectedState]] = {}  # session id ▶ its states at Stripe, oldest first
        self.reached: dict[str, int] = {}  # session id ▶ index of the state that the store has reached
        self.ending, self.order = "deliver", random.Random(0)

    @initialize(
        ending=st.sampled_from(["deliver", "lose", "leave"]),
        order=st.randoms(use_true_random=False),
        bought=st.lists(st.tuples(number, number, number), min_size=1, max_size=2),
    )
    def begin(self, ending: str, order: random.Random, bought: list[tuple[int, int, int]]) -> None:
        """Make the first purchases. `ending` decides what happens to undelivered events at the end."""
        self.ending, self.order = ending, order
        for who, what, how in bought:
            self.buy_and_pay(who, what, how)

    # --- the buyer -----------------------------------------------------------------------------------------

    @rule(who=number, what=number, fault=fault)
    def buy(self, who: int, what: int, fault: Any) -> None:
        self.world.act(self._buy(who, what), fault)

    @rule(which=number, how=number, passes=st.booleans())
    @needs(lambda self: self.seen)
    def pay(self, which: int, how: int, passes: bool) -> None:
        self._pay(which, how, passes)()

    @rule(who=number, what=number, how=number)
    def buy_and_pay(self, who: int, what: int, how: int) -> None:
        if self.world.act(self._buy(who, what)):
            self._pay(-1, how, True)()

    @rule(which=number, fault=fault)
    @needs(lambda self: self.seen)
    def open_return_page(self, which: int, fault: Any) -> None:
        self.world.act(self._open_return_page(which), fault)

    @rule(which=number, fault=fault)
    @needs(lambda self: self.seen)
    def poll(self, which: int, fault: Any) -> None:
        self.world.act(self._poll(which), fault)

    @rule(which=number, how=st.sampled_from(["", "?canceled=1", "?from=portal"]), fault=fault)
    @needs(lambda self: self.seen)
    def open_order_page(self, which: int, how: str, fault: Any) -> None:
        row = self._row(which)
        browser = self.world.browser(self._user(row))
        self.world.act(lambda: browser.get(row.get_absolute_url() + how), fault)

    @rule(who=number, what=number)
    def open_gated_page(self, who: int, what: int) -> None:
        """Assert that only a purchase with access opens the gated page."""
        user, price = self._pick(self.world.users, who), self._pick(self.world.prices, what)
        slug = price.product.configuration.slug
        status = self.world.browser(user).get(f"/purchases/{slug}/").status_code
        assert (status == 200) == any(
            has_access(row) for row in Purchase.objects.filter(user=user, product=price.product)
        )

    # --- the buyer in Stripe's portal ----------------------------------------------------------------------

    @rule(
        which=number,
        act=st.sampled_from(
            ["stop", "stop later", "stay", "cancel", "pause", "resume", "plan", "card", "pay"]
        ),
        token=st.sampled_from(TOKENS),
        days=st.integers(1, 60),
    )
    @needs(lambda self: self._open_subscriptions())
    def manage(self, which: int, act: str, token: str, days: int) -> None:
        subscription = self._pick(self._open_subscriptions(), which)
        with suppress(stripe.InvalidRequestError, stripe.CardError):  # invalid in the subscription's state
            self._manage(subscription, act, token, days)
        self._record_history()

    # --- Stripe --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([3, 3, 700, 2 * HOUR, 25 * HOUR, 5 * DAY, 8 * DAY, 31 * DAY]))
    def pass_time(self, seconds: int) -> None:
        self.world.pass_time(seconds)
        self._record_history()

    @rule(which=number, fails=st.booleans())
    @needs(lambda self: self._open_subscriptions())
    def renew(self, which: int, fails: bool) -> None:
        subscription = self._pick(self._open_subscriptions(), which)
        if fails:
            panel_actions.fail_next_renewal(subscription["id"])
        ends = subscription["items"]["data"][0]["current_period_end"]
        self.world.pass_time(max(ends - time.time(), 0) + 2 * HOUR)
        self._record_history()

    @rule(
        which=number,
        part=st.sampled_from([1.0, 0.3]),
        course=st.sampled_from(["", "refund_pending", "refund_fails"]),
    )
    @needs(lambda self: self._charges())
    def refund(self, which: int, part: float, course: str) -> None:
        charge = self._pick(self._charges(), which)
        left = charge["amount"] - charge["amount_refunded"]
        self._change_stripe(lambda: refunds.create_refund(charge, max(int(left * part), 1), course))

    @rule(
        which=number,
        kind=st.sampled_from(sorted(disputes.KINDS)),
        ends=st.sampled_from([(), ("won",), ("lost",), ("escalate", "won")]),
    )
    @needs(lambda self: self._charges())
    def dispute(self, which: int, kind: str, ends: tuple[str, ...]) -> None:
        """Open a dispute, and perhaps settle one."""
        charge = self._pick(self._charges(), which)
        self._change_stripe(lambda: disputes.open_dispute(charge, kind))
        for end in ends:
            self._advance_dispute(which, end)

    @rule(which=number, end=st.sampled_from(["won", "lost"]))
    @needs(lambda self: storage.find("dispute"))
    def end_dispute(self, which: int, end: str) -> None:
        self._advance_dispute(which, end)

    @rule(which=number)
    @needs(lambda self: storage.find("checkout.session"))
    def expire_session_or_complete_debit(self, which: int) -> None:
        session = self._pick(storage.find("checkout.session"), which)
        if session["status"] == "open":
            self.world.stripe.v1.checkout.sessions.expire(session["id"])
        scheduled_actions.run_for(session["id"])
        self._record_history()

    # --- the operator in Stripe's Dashboard ------------------------------------------------------------------

    @rule(which=number, how=st.sampled_from(["refund", "refund a part", "dispute", "dispute lost"]))
    def take_back_subscription_payment(self, which: int, how: str) -> None:
        if not (charges := self._subscription_charges()):
            return
        charge = self._pick(charges, which)
        if how.startswith("refund"):
            left = charge["amount"] - charge["amount_refunded"]
            amount = left if how == "refund" else max(left // 3, 1)
            self._change_stripe(lambda: refunds.create_refund(charge, amount, ""))
            return
        self._change_stripe(lambda: disputes.open_dispute(charge, "dispute_fraudulent"))
        if how == "dispute lost":
            self._advance_dispute(0, "lost")

    @rule(which=number, what=number)
    def create_dashboard_subscription(self, which: int, what: int) -> None:
        if not (customers := list(StripeCustomer.objects.order_by("user"))):
            return
        customer = self._pick(customers, which).id
        price = self._pick([price for price in self.world.prices if price.is_recurring], what)
        method = self.world.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        with suppress(stripe.InvalidRequestError):  # an archived price
            self.world.stripe.v1.subscriptions.create(
                {"customer": customer, "items": [{"price": price.id}], "default_payment_method": method.id}
            )
        self._record_history()

    # --- webhooks ------------------------------------------------------------------------------------------

    @rule(which=number, times=st.integers(1, 2), fault=fault)
    @needs(lambda self: self.seen)
    def deliver_event(self, which: int, times: int, fault: Any) -> None:
        events = self.world.waiting_events()
        for event in [self._pick(events, which)] * times if events else []:
            self.world.act(lambda event=event: self.world.deliver(event), fault)

    @rule(order=st.randoms(use_true_random=False), most=st.integers(1, 8))
    @needs(lambda self: self.seen)
    def deliver_many_events(self, order: random.Random, most: int) -> None:
        """Deliver in any order, some twice."""
        events = self.world.waiting_events()
        for event in order.choices(events, k=min(most, len(events))) if events else []:
            self.world.act(lambda event=event: self.world.deliver(event))

    @rule(order=st.randoms(use_true_random=False))
    @needs(lambda self: self.seen)
    def lose_events(self, order: random.Random) -> None:
        for event in self.world.waiting_events():
            if order.random() < 0.5:
                self.world.lose(event)

    # --- the operator --------------------------------------------------------------------------------------

    @rule(which=number, fault=fault)
    @needs(lambda self: self.seen)
    def refresh(self, which: int, fault: Any) -> None:
        self.world.act(self._admin("purchase", "refresh", self._row(which).pk), fault)

    @rule(which=number, fault=fault)
    @needs(lambda self: WebhookEvent.objects.exists())
    def process_again(self, which: int, fault: Any) -> None:
        event = self._pick(list(WebhookEvent.objects.order_by("received_at", "id")), which)
        self.world.act(self._admin("webhookevent", "process_again", event.pk), fault)

    @rule(which=number)
    def toggle_price(self, which: int) -> None:
        price = self._pick(self.world.prices, which)
        active = storage.get(price.id)["active"]  # type: ignore[index]
        self.world.stripe.v1.prices.update(price.id, {"active": not active})

    @rule(fault=fault)
    def run_reconcile(self, fault: Any) -> None:
        def run() -> None:
            with suppress(*([stripe.StripeError] if fault else [])):
                reconcile(self.began)

        self.world.act(run, fault)

    @rule(is_down=st.booleans())
    def set_mail_server(self, is_down: bool) -> None:
        MailServer.is_down = is_down

    # --- concurrent actions --------------------------------------------------------------------------------

    @rule(
        jobs=st.lists(
            st.tuples(st.sampled_from(["event", "back", "poll", "buy", "refresh"]), number, number, fault),
            min_size=2,
            max_size=4,
        ),
        pays=st.booleans(),
    )
    def at_once(self, jobs: list[tuple[str, int, int, Any]], pays: bool) -> None:
        made: list[tuple[Job, Any]] = [
            (job, fault) for kind, one, two, fault in jobs if (job := self._job(kind, one, two))
        ]
        if pays and self.seen:
            made.append((self._pay(-1, 0, True), None))
        if len(made) > 1:
            self.world.at_once(made)
        self._record_history()

    # --- invariants ----------------------------------------------------------------------------------------

    @invariant()
    def check_store(self) -> None:
        rows = list(Purchase.objects.order_by())
        self._assert_no_duplicates(rows)
        self._assert_no_second_subscription()
        self._assert_store_follows_stripe(rows)
        self._assert_no_duplicate_email()

    def _assert_no_duplicates(self, rows: list[Purchase]) -> None:
        opened = [(row.user_id, row.product_id, row.price_id) for row in rows if row.is_open]
        assert len(opened) == len(set(opened)), "two open purchases"
        known = [row.session_id for row in rows if row.session_id]
        assert len(known) == len(set(known)), "two purchases for a session"
        open_pages = Counter(
            (user.pk, storage.find("item", parent=session_id)[0]["price"]["id"])
            for user, session_id in set(self.seen)
            if (storage.get(session_id) or {})["status"] == "open"
        )
        assert not open_pages or max(open_pages.values()) == 1, "two open sessions of one buyer and price"

    def _assert_no_second_subscription(self) -> None:
        """Assert that no buyer has two running subscriptions that the store sold for one product.

        The Checkout Session says what was sold, because a subscription may change to another product's plan later.
        """
        running = {row["id"]: row["customer"] for row in running_subscriptions()}
        sold = Counter(
            (running[session["subscription"]], item["price"]["product"])
            for session in storage.find("checkout.session")
            if session["subscription"] in running
            for item in storage.find("item", parent=session["id"])
        )
        assert not sold or max(sold.values()) == 1, "the store sold a second subscription"

    def _assert_billing_can_be_cancelled(self, row: Purchase, moment: ExpectedState) -> None:
        is_not_synced = bool(row.subscription_id) and not row.subscription_status  # killed during adoption
        assert row.has_running_subscription == (moment.is_running or is_not_synced), (
            "a running subscription can't be managed"
        )
        if moment.is_running:
            assert status_message(row).action != "retry", "a second subscription is offered"
        if moment.is_billing:
            assert deletion_blocker(self._user(row)), "an account could be deleted that is charged again"

    def _assert_store_follows_stripe(self, rows: list[Purchase]) -> None:
        """Assert that the store shows states that Stripe had, in Stripe's order, and access only when paid."""
        self._record_history()
        now = time.time()
        opened = set(purchases_with_access().values_list("pk", flat=True))
        assert opened == {row.pk for row in rows if has_access(row)}, (
            "queryset and predicate of access differ"
        )
        for row in (row for row in rows if row.session_id or row.subscription_id):
            key = str(row.session_id or row.subscription_id)
            past, at = self.history[key], self.reached.get(key, 0)
            known = (row.status, row.subscription_status, row.cancel_at and row.cancel_at.timestamp())
            found = next(
                (
                    n
                    for n in range(at, len(past))
                    if (past[n].status, past[n].subscription, past[n].ends) == known
                ),
                None,
            )
            assert found is not None, (
                f"{row.status} in the store, but {[moment.status for moment in past[at:]]} at Stripe"
            )
            self.reached[key] = found
            self._assert_billing_can_be_cancelled(row, past[found])
            assert not has_access(row) or any(moment.grants_access(now) for moment in past[at:]), (
                "access without payment"
            )

    def _assert_no_duplicate_email(self) -> None:
        stored_count = Counter(map(str, Mail.objects.values_list("purchase__public_id", flat=True)))
        for order, sent_count in MailServer.sent.items():
            assert sent_count <= stored_count[order] + MailServer.unmarked[order], "an e-mail was sent twice"

    def teardown(self) -> None:
        """Deliver or lose the remaining events, reconcile once, and compare everything with Stripe."""
        MailServer.is_down = False
        self.world.pass_time(15 * 60)  # more than SENDING_TIMEOUT, so that another worker sends the e-mail
        events = self.world.waiting_events()
        self.order.shuffle(events)
        for event in events if self.ending != "leave" else []:
            (self.world.deliver if self.ending == "deliver" else self.world.lose)(event)
        reconcile(self.began)
        self._record_history()
        self._check_final_state()
        self._assert_no_duplicate_email()
        for row in Purchase.objects.with_running_subscription():  # a second subscription must be refused
            self._buy(self.world.users.index(row.user), self.world.prices.index(row.price))()
        again = reconcile(self.began)
        assert (again.repaired, again.found, again.events) == ([], [], 0), "reconcile did not finish its work"

    def _check_final_state(self) -> None:
        now, rows = time.time(), list(Purchase.objects.select_related("user", "product"))
        by_session = {row.session_id: row for row in rows if row.session_id}
        for session in storage.find("checkout.session"):
            row, expected = by_session.get(session["id"]), expected_for_session(session)
            assert row or expected.status == "expired", f"a session that is {expected.status} has no purchase"
            if row:
                assert row.status == expected.status, "the status differs from Stripe's"
                assert has_access(row) == expected.grants_access(now), "access differs from the policy"
                self._assert_billing_can_be_cancelled(row, expected)
                assert str(row.public_id) == session["metadata"]["purchase"]
        adopted = {row.subscription_id: row for row in rows if not row.session_id}
        for subscription in self._dashboard_subscriptions():
            row, expected = adopted.get(subscription["id"]), expected_for_subscription(subscription)
            assert row or not expected.is_running, "a running subscription has no purchase"
            if row:
                assert row.status == expected.status, "the status differs from Stripe's"
                self._assert_billing_can_be_cancelled(row, expected)
                assert has_access(row) == expected.grants_access(now), "access differs from the policy"
        charged = Counter(
            (row["customer"], row["items"]["data"][0]["price"]["product"])
            for row in running_subscriptions()
            if is_charged_again(row)
        )
        several = sum(1 for count in charged.values() if count > 1)
        assert len(billed_twice()) == several, "buyers who are charged twice are not reported"
        for row in rows:
            changes = list(row.changes.order_by("version"))
            assert changes[-1].to_status == row.status, "the last status change differs from the status"
            assert all(a.to_status == b.from_status for a, b in pairwise(changes))
            mails = list(row.mails.exclude(kind=Mail.Kind.TRIAL_ENDING))
            assert {(mail.kind, mail.about) for mail in mails} == expected_emails(changes)
            sent_count, stored_count = MailServer.sent[str(row.public_id)], row.mails.count()
            assert not row.mails.filter(sent_at=None).exists(), "an e-mail was never sent"
            assert stored_count <= sent_count <= stored_count + MailServer.unmarked[str(row.public_id)], (
                "an e-mail was sent twice, or never"
            )
        for user, product in {(row.user, row.product) for row in rows}:
            entitled = [row for row in rows if (row.user, row.product) == (user, product)]
            assert bool(owned(user, product)) == any(has_access(row) for row in entitled)

    # --- actions that can run in threads -------------------------------------------------------------------

    def _job(self, kind: str, one: int, two: int) -> Job | None:
        if kind == "buy":
            return self._buy(one, two)
        if kind == "back":
            return self._open_return_page(one) if self.seen else None
        if kind == "event":
            events = self.world.waiting_events()
            event = self._pick(events, one) if events else None
            return (lambda: self.world.deliver(event)) if event else None
        if not self._rows():
            return None
        return self._poll(one) if kind == "poll" else self._admin("purchase", "refresh", self._row(one).pk)

    def _buy(self, who: int, what: int) -> Job:
        user, price = self._pick(self.world.users, who), self._pick(self.world.prices, what)

        def job() -> bool:
            browser = self.world.browser(user)
            customer = StripeCustomer.objects.filter(user=user).values_list("id", flat=True).first()
            subscribed = any(
                row["customer"] == customer
                and row["items"]["data"][0]["price"]["product"] == price.product_id
                for row in running_subscriptions()
            )
            response = browser.post(f"/store/{price.product.configuration.slug}/buy/", {"price": price.id})
            assert response.status_code == 303
            to_stripe = "/stripe-sandbox/checkout/" in response["Location"]
            assert not (to_stripe and subscribed), "a second subscription is sold"
            if to_stripe:
                self.seen.append((user, response["Location"].rsplit("/", 1)[1]))
            return to_stripe

        return job

    def _pay(self, which: int, how: int, passes: bool) -> Job:
        user, session_id = self.seen[-1] if which < 0 else self._pick(self.seen, which)

        def job() -> None:
            session = storage.get(session_id) or {}
            entry = PaymentForm(
                user.email, self._pick(CARDS, how), "12 / 70", "123", "A Buyer", "GB", "SW1A 1AA"
            )
            if "sepa_debit" in session["payment_method_types"] and how % 2:
                entry = PaymentForm(
                    user.email, billingName="A Buyer", billingCountry="AT", paymentMethod="sepa_debit"
                )
                entry.iban = self._pick(ACCOUNTS, how)
            if payment.pay(session_id, entry).state == "challenge":
                payment.authenticate(session_id, passed=passes)
            self._record_history()

        return job

    def _open_return_page(self, which: int) -> Job:
        user, session_id = self._pick(self.seen, which)
        address = f"{reverse('checkout_return')}?session_id={session_id}"
        return lambda: self._assert_ok(self.world.browser(user).get(address))

    def _poll(self, which: int) -> Job:
        row = self._row(which)
        browser = self.world.browser(self._user(row))
        return lambda: self._assert_ok(browser.get(reverse("purchase_status", args=[row.public_id])))

    def _admin(self, model: str, action: str, pk: object) -> Job:
        address = reverse(f"admin:ecommerce_{model}_changelist")
        form = {"action": action, "_selected_action": [pk]}
        return lambda: self._assert_ok(self.world.browser(self.world.olive).post(address, form))

    def _advance_dispute(self, which: int, end: str) -> None:
        found = storage.find("dispute")
        dispute = self._pick(found, which) if found else {"status": ""}
        if dispute["status"] not in disputes.OPEN:
            return
        if end != "escalate":
            self._change_stripe(lambda: disputes.settle(dispute, end))
        elif dispute["status"].startswith("warning_"):
            self._change_stripe(lambda: disputes.escalate(dispute))

    def _manage(self, subscription: dict[str, Any], act: str, token: str, days: int) -> None:
        v1, pk = self.world.stripe.v1, subscription["id"]
        if act in ("stop", "stay"):
            v1.subscriptions.update(pk, {"cancel_at_period_end": act == "stop"})
        elif act == "stop later":
            v1.subscriptions.update(pk, {"cancel_at": int(time.time()) + days * DAY})
        elif act == "cancel":
            v1.subscriptions.cancel(pk)
        elif act == "pause":
            v1.subscriptions.pause(pk)
        elif act == "resume":
            v1.subscriptions.resume(pk)
        elif act == "pay":
            v1.invoices.pay(subscription["latest_invoice"])
        elif act == "card":
            method = v1.payment_methods.attach(token, {"customer": subscription["customer"]})
            v1.subscriptions.update(pk, {"default_payment_method": method.id})
        else:
            plans = [price for price in self.world.prices if price.product.name == "Club"]
            item = subscription["items"]["data"][0]["id"]
            v1.subscriptions.update(pk, {"items": [{"id": item, "price": self._pick(plans, days).id}]})

    def _change_stripe(self, do: Job) -> None:
        with suppress(errors.ApiError), storage.transaction():  # invalid in the object's state
            do()
        self._record_history()

    # --- objects -------------------------------------------------------------------------------------------

    def _record_history(self) -> None:
        """Append the current state of each session and subscription, if it changed."""
        for session in storage.find("checkout.session"):
            past, now = (
                self.history.setdefault(session["id"], [ExpectedState("open")]),
                expected_for_session(session),
            )
            if past[-1] != now:
                past.append(now)
        for subscription in self._dashboard_subscriptions():
            past = self.history.setdefault(subscription["id"], [ExpectedState("incomplete")])
            if past[-1] != (now := expected_for_subscription(subscription)):
                past.append(now)

    @staticmethod
    def _dashboard_subscriptions() -> list[dict[str, Any]]:
        return [row for row in storage.find("subscription") if not row["metadata"].get("purchase")]

    @staticmethod
    def _pick(items: Any, which: int) -> Any:
        return items[which % len(items)]

    @staticmethod
    def _assert_ok(response: Any) -> None:
        assert response.status_code in (200, 302), response.status_code

    def _rows(self) -> list[int]:
        return list(Purchase.objects.order_by("pk").values_list("pk", flat=True))

    def _row(self, which: int) -> Purchase:
        return Purchase.objects.get(pk=self._pick(self._rows(), which))

    def _user(self, row: Purchase) -> User:
        return next(user for user in self.world.users if user.pk == row.user_id)

    def _open_subscriptions(self) -> list[dict[str, Any]]:
        rows = storage.find("subscription")
        return [row for row in rows if row["status"] not in ("canceled", "incomplete_expired")]

    def _subscription_charges(self) -> list[dict[str, Any]]:
        of_invoices = {row["payment"]["payment_intent"] for row in storage.find("invoice_payment")}
        return [row for row in self._charges() if row["payment_intent"] in of_invoices]

    def _charges(self) -> list[dict[str, Any]]:
        rows = storage.find("charge", ("status", "=", "succeeded"))
        return [row for row in rows if not row["refunded"]]
