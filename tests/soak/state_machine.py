"""A Hypothesis state machine: random actions of buyers, Stripe and the operator, lost events and killed processes.

Each rule is one act. Invariants are checked after each act.
`teardown` reconciles once and compares the store with the founder's rules (truth.py).

An act draws plain values only, never a `random.Random` of Hypothesis: those draw when they are used, so the number of
draws would depend on what happened before.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import uuid4

import stripe
from allauth.account.models import EmailAddress
from django.urls import reverse
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from apps.ecommerce.models import Mail, Payment, Purchase, ReceiverCall, StripeCustomer, WebhookEvent
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.anomalies import billed_twice
from apps.ecommerce.purchases.entitlements import has_access, owned, purchases_with_access
from apps.ecommerce.purchases.manual_access import AlreadyGiven, give_access, restore_access, revoke_access
from apps.users.models import User
from apps.users.personal_data import delete_account
from stripe_sandbox import errors, scheduled_actions, storage, switches
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.hosted import payment
from stripe_sandbox.hosted.payment_form import PaymentForm
from stripe_sandbox.resources import coupons, disputes, refunds, session_amounts

from . import checks
from .acts import Job, act, fault, maybe_number, number
from .guest_acts import GUEST_ADDRESSES, GUEST_JOBS, GuestActs, some_steps, which_address, which_browser
from .truth import DAY, ENDED, HOUR, Stripe, Truth
from .world import OWN_PAGE, MailServer, Visitor, World, plan

PAYING_SECONDS = 5  # for a buyer to fill in the form
MAX_INVOICES = 30  # in a schedule; renewals stop after that
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
# Kinds of jobs.
KINDS = (
    "event",
    "back",
    "poll",
    "buy",
    "refresh",
    "guest buys",
    "link",
    "link",
    "claim",
    "correct",
)
PRORATIONS = ("create_prorations", "always_invoice", "none")
TOKENS = ("pm_card_visa", "pm_card_chargeCustomerFail")


class Shop(GuestActs):
    """One schedule. The runner sets `world` and `played`."""

    world: ClassVar[World]
    played: ClassVar[list[list[tuple[str, str]]]]  # acts of each schedule

    def __init__(self) -> None:
        super().__init__()
        self.world.begin()
        self.began = timezone.now()
        self.seen: list[tuple[Visitor, str]] = []  # checkout pages opened by a buyer: (buyer, session id)
        self.history: dict[str, list[Truth]] = {}  # session or subscription id ▶ its states, oldest first
        # Session or subscription id ▶ index of the state that the store has reached.
        self.reached: dict[str, int] = {}
        self.upgrades: dict[str, str] = {}  # session ▶ session of the licence that it upgrades
        self.acts: list[tuple[str, str]] = []  # (act, result)
        self.played.append(self.acts)
        self.ending, self.order = "deliver", random.Random(0)
        self.begin_guests()

    @initialize(
        ending=st.sampled_from(["deliver", "lose", "leave"]),
        order=number,
        day=st.integers(0, 365),
        after_retries=st.sampled_from(["canceled", "unpaid", "past_due"]),
        cancels=st.sampled_from([(), ("LOST_DISPUTE",), ("LOST_DISPUTE", "REFUND")]),
        bought=st.lists(st.tuples(number, number, number), min_size=1, max_size=2),
        by_guests=st.lists(st.tuples(which_browser, number, number, which_address), max_size=2),
        steps=some_steps,
    )
    def begin(
        self,
        ending: str,
        order: int,
        day: int,
        after_retries: str,
        cancels: tuple[str, ...],
        bought: list[tuple[int, int, int]],
        by_guests: Sequence[tuple[int, int, int, int]] = (),
        steps: Sequence[tuple[str, int, int, Any]] = (),
    ) -> None:
        """Make the first purchases, and let guests claim some.

        `ending` decides what happens to undelivered events at the end. The store cancels subscriptions
        whose current payment was reversed as `cancels` says.
        """
        for reason in ("LOST_DISPUTE", "REFUND"):
            setattr(self.world.settings, f"CANCEL_AFTER_{reason}", reason in cancels)
        self.ending, self.order = ending, random.Random(order)
        self.world.pass_time(day * DAY)
        self.began = timezone.now() - timedelta(hours=1)
        switches.change(after_retries=after_retries)
        for who, what, how in bought:
            self.buy_and_pay(who=who, what=what, how=how)
        for where, what, how, typed in by_guests:
            self.guest_buys_and_pays(where=where, what=what, how=how, typed=typed)
        self.play_guest(steps=steps)

    # --- the buyer -----------------------------------------------------------------------------------------

    @act(who=number, what=number, fault=fault)
    def buy(self, who: int, what: int, fault: Any) -> None:
        self.world.act(self._buy(self._pick(self.world.users, who), what), fault)

    @act(
        lambda self: self.seen,
        which=number,
        how=number,
        passes=st.booleans(),
        code=maybe_number,
        typed=number,
    )
    def pay(self, which: int, how: int, passes: bool, code: int | None, typed: int) -> None:
        session_id = self._pick(self.seen, which)[1]
        session = storage.get(session_id) or {}
        if code is not None and session["status"] == "open" and session["allow_promotion_codes"]:
            with suppress(coupons.Refused):  # the code may be for another currency or order
                session_amounts.apply_code(session_id, self._pick(self.world.codes, code))
        self._pay(which, how, passes, typed)()

    @act(who=number, what=number, how=number)
    def buy_and_pay(self, who: int, what: int, how: int) -> None:
        if self.world.act(self._buy(self._pick(self.world.users, who), what)):
            self._pay(-1, how, True)()

    @act(lambda self: self.seen, which=number, fault=fault)
    def open_return_page(self, which: int, fault: Any) -> None:
        self.world.act(self._open_return_page(which), fault)

    @act(lambda self: self._rows(), which=number, fault=fault)
    def poll(self, which: int, fault: Any) -> None:
        self.world.act(self._poll(which), fault)

    @act(
        lambda self: self._rows(),
        which=number,
        how=st.sampled_from(["", "?canceled=1", "?from=portal"]),
        fault=fault,
    )
    def open_order_page(self, which: int, how: str, fault: Any) -> None:
        row = self._row(which)
        browser = self.world.browser(self._visitor(row))
        self.world.act(lambda: browser.get(row.get_absolute_url() + how), fault)

    @act(who=number, what=number)
    def open_gated_page(self, who: int, what: int) -> None:
        """Assert that only a purchase with access opens the gated page."""
        self._assert_gate(self._pick(self.world.users, who), self._pick(self.world.prices, what).product)

    @act(who=number, fault=fault)
    def delete_account(self, who: int, fault: Any) -> None:
        """Delete the account, unless that is refused; the person signs up again with the same e-mail address."""
        at = who % len(self.world.users)
        user = self.world.users[at]
        self.world.act(lambda: delete_account(user), fault)
        if not User.objects.filter(pk=user.pk).exists():
            self.world.sign_up(at)

    # --- the buyer in Stripe's portal ----------------------------------------------------------------------

    @act(
        lambda self: self._open_subscriptions(),
        which=number,
        act=st.sampled_from(
            [
                *("stop", "stop later", "stay", "cancel", "pause", "resume", "plan", "card", "pay"),
                *("quantity", "quantity", "add-on", "add-on", "coupon", "coupon", "no coupon"),
                *("keep_as_draft", "mark_uncollectible", "void", "collect"),
            ]
        ),
        token=st.sampled_from(TOKENS),
        days=st.integers(1, 60),
    )
    def manage(self, which: int, act: str, token: str, days: int) -> None:
        subscription = self._pick(self._open_subscriptions(), which)
        with suppress(stripe.InvalidRequestError, stripe.CardError):  # invalid in the subscription's state
            self._manage(subscription, act, token, days)
        self._record_history()

    @act(lambda self: self._rows(), which=number, what=number, fault=fault)
    def switch_plan(self, which: int, what: int, fault: Any) -> None:
        """Choose another plan on the order page, and confirm it in Stripe's portal."""
        row = self._row(which)
        browser, prices = (
            self.world.browser(self._visitor(row)),
            [*row.product.prices.order_by("unit_amount")],
        )
        form = {"price": self._pick(prices, what).id}
        address = reverse("purchase_switch", args=[row.public_id])
        response = self.world.act(lambda: browser.post(address, form), fault)
        # The browser of a guest's order may be signed in to another account by now.
        if response and "/stripe-sandbox/" in response.headers.get("Location", ""):
            page = browser.get(response["Location"], follow=True)
            browser.post(page.redirect_chain[-1][0] if page.redirect_chain else response["Location"])
        self._record_history()

    # --- Stripe --------------------------------------------------------------------------------------------

    @act(seconds=st.sampled_from([3, 3, 700, 2 * HOUR, 25 * HOUR, 5 * DAY, 8 * DAY, 31 * DAY]))
    def pass_time(self, seconds: int) -> None:
        if len(storage.find("invoice")) >= MAX_INVOICES:
            seconds = min(seconds, DAY)  # a daily plan has many
        self.world.pass_time(seconds)
        self._record_history()

    @act(
        lambda self: self._open_subscriptions(),
        which=number,
        periods=st.one_of(st.just(1), st.integers(1, 3), st.integers(1, 24)),
        fails=st.sampled_from(["", "last", "all"]),
        news=st.sampled_from(["", "invoice.paid", "invoice."]),
    )
    def renew(self, which: int, periods: int, fails: str, news: str) -> None:
        """Renew several times. Deliver events of these types after each renewal."""
        key = self._pick(self._open_subscriptions(), which)["id"]
        for period in range(periods):
            subscription = storage.get(key) or {}
            if subscription["status"] in ENDED or len(storage.find("invoice")) >= MAX_INVOICES:
                return
            if fails == "all" or (fails == "last" and period == periods - 1):
                panel_actions.fail_next_renewal(key)
            ends = subscription["items"]["data"][0]["current_period_end"]
            if ends - time.time() > 45 * DAY and self._has_daily_plan():
                return  # its hundreds of renewals would take ten minutes
            self.world.pass_time(max(ends - time.time(), 0) + 2 * HOUR)
            self._record_history()
            for event in self.world.waiting_events() if news else []:
                if event["type"].startswith(news) and event["data"]["object"]["period_end"] >= ends:
                    self.world.act(lambda event=event: self.world.deliver(event))

    @act(
        lambda self: self._charges(),
        which=number,
        parts=st.lists(st.sampled_from([1.0, 0.5, 0.3]), min_size=1, max_size=3),
        course=st.sampled_from(["", "", "refund_pending", "refund_fails"]),
    )
    def refund(self, which: int, parts: list[float], course: str) -> None:
        """Refund parts of what is left, one after another."""
        charge_id = self._pick(self._charges(), which)["id"]
        for part in parts:
            charge = storage.get(charge_id) or {}
            amount = max(int((charge["amount"] - charge["amount_refunded"]) * part), 1)
            self._change_stripe(partial(refunds.create_refund, charge, amount, course))

    @act(
        lambda self: self._charges(),
        which=number,
        kind=st.sampled_from(sorted(disputes.KINDS)),
        ends=st.sampled_from([(), ("won",), ("lost",), ("escalate", "won")]),
    )
    def dispute(self, which: int, kind: str, ends: tuple[str, ...]) -> None:
        """Open a dispute, and perhaps settle it."""
        charge = self._pick(self._charges(), which)
        known = len(storage.find("dispute"))
        self._change_stripe(lambda: disputes.open_dispute(charge, kind))
        for end in ends if len(storage.find("dispute")) > known else ():
            self._advance_dispute(0, end)

    @act(lambda self: storage.find("dispute"), which=number, end=st.sampled_from(["won", "lost"]))
    def end_dispute(self, which: int, end: str) -> None:
        self._advance_dispute(which, end)

    @act(lambda self: storage.find("checkout.session"), which=number)
    def expire_session_or_complete_debit(self, which: int) -> None:
        session = self._pick(storage.find("checkout.session"), which)
        if session["status"] == "open":
            self.world.stripe.v1.checkout.sessions.expire(session["id"])
        scheduled_actions.run_for(session["id"])
        self._record_history()

    # --- the operator in Stripe's Dashboard ------------------------------------------------------------------

    @act(which=number, how=st.sampled_from(["refund", "refund a part", "dispute", "dispute lost"]))
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

    @act(after=st.sampled_from(["canceled", "unpaid", "past_due"]))
    def set_after_retries(self, after: str) -> None:
        """Change what Stripe does with a subscription after the last failed attempt."""
        switches.change(after_retries=after)

    @act(which=number, what=number)
    def create_dashboard_subscription(self, which: int, what: int) -> None:
        if not (customers := list(StripeCustomer.objects.order_by("user"))):
            return
        customer = self._pick(customers, which).id
        price = self._pick([price for price in self.world.prices if price.is_recurring], what)
        method = self.world.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        with suppress(stripe.InvalidRequestError):  # the price may be archived
            self.world.stripe.v1.subscriptions.create(
                {"customer": customer, "items": [{"price": price.id}], "default_payment_method": method.id}
            )
        self._record_history()

    # --- webhooks ------------------------------------------------------------------------------------------

    @act(lambda self: self.seen, which=number, times=st.integers(1, 2), fault=fault)
    def deliver_event(self, which: int, times: int, fault: Any) -> None:
        events = self.world.waiting_events()
        for event in [self._pick(events, which)] * times if events else []:
            self.world.act(lambda event=event: self.world.deliver(event), fault)

    @act(lambda self: self.seen, order=number, most=st.integers(1, 8))
    def deliver_many_events(self, order: int, most: int) -> None:
        """Deliver in any order, some twice."""
        events = self.world.waiting_events()
        for event in random.Random(order).choices(events, k=min(most, len(events))) if events else []:
            self.world.act(lambda event=event: self.world.deliver(event))

    @act()
    def deliver_everything(self) -> None:
        for event in self.world.waiting_events():
            self.world.deliver(event)

    @act(lambda self: self.seen, order=number)
    def lose_events(self, order: int) -> None:
        chance = random.Random(order)
        for event in self.world.waiting_events():
            if chance.random() < 0.5:
                self.world.lose(event)

    # --- the operator --------------------------------------------------------------------------------------

    @act(lambda self: self._rows(), which=number, fault=fault)
    def refresh(self, which: int, fault: Any) -> None:
        self.world.act(self._admin("purchase", "refresh", self._row(which).pk), fault)

    @act(lambda self: WebhookEvent.objects.exists(), which=number, fault=fault)
    def process_again(self, which: int, fault: Any) -> None:
        event = self._pick(list(WebhookEvent.objects.order_by("received_at", "id")), which)
        self.world.act(self._admin("webhookevent", "process_again", event.pk), fault)

    @act(which=number)
    def toggle_price(self, which: int) -> None:
        price = self._pick(self.world.prices, which)
        active = storage.get(price.id)["active"]  # type: ignore[index]
        self.world.stripe.v1.prices.update(price.id, {"active": not active})

    @act(fault=fault)
    def run_reconcile(self, fault: Any) -> None:
        def run() -> None:
            with suppress(*([stripe.StripeError] if fault else [])):
                reconcile(self.began)

        self.world.forget_old_events()
        self.world.act(run, fault)

    @act(lambda self: self._rows(), which=number, fault=fault)
    def revoke_or_restore_access(self, which: int, fault: Any) -> None:
        row = self._row(which)
        change = restore_access if row.revoked_at else revoke_access
        self.world.act(lambda: change(row, "the operator", sends_email=False), fault)
        row.refresh_from_db()
        assert not (row.revoked_at and has_access(row))

    @act(who=number, what=number, days=st.sampled_from([None, 1, 40]), fault=fault)
    def give_access(self, who: int, what: int, days: int | None, fault: Any) -> None:
        user, price = self._pick(self.world.users, who), self._pick(self.world.prices, what)
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True})
        until = timezone.now() + timedelta(days=days) if days else None
        values = {"until": until, "language": "en", "public_id": uuid4(), "cause": "the operator"}

        def give() -> None:
            with suppress(AlreadyGiven):
                give_access(price, user.email, **values)

        self.world.act(give, fault)

    @act(is_down=st.booleans())
    def set_mail_server(self, is_down: bool) -> None:
        MailServer.is_down = is_down

    # --- concurrent actions --------------------------------------------------------------------------------

    @act(
        jobs=st.lists(
            st.tuples(st.sampled_from(KINDS), number, number, fault),
            min_size=2,
            max_size=4,
        ),
        pays=st.booleans(),
        order=number,
    )
    def at_once(self, jobs: list[tuple[str, int, int, Any]], pays: bool, order: int) -> None:
        made: list[tuple[Job, Any]] = [
            (job, fault) for kind, one, two, fault in jobs if (job := self._job(kind, one, two))
        ]
        if pays and self.seen:
            made.append((self._pay(-1, 0, True), None))
        if len(made) > 1:
            with self._concurrently():
                self.world.at_once(made, random.Random(order))
        self._record_history()

    # --- invariants ----------------------------------------------------------------------------------------

    @invariant()
    def check_store(self) -> None:
        rows = list(Purchase.objects.order_by("pk"))
        self._assert_no_duplicates(rows)
        self._record_history()
        assert not Stripe.read().sold_twice(), "the store sold a second subscription"
        self._assert_owners(rows)
        self._assert_store_follows_stripe(rows)
        self._assert_no_duplicate_email()
        self.acts.append(("state", self._describe_state(rows)))

    def _assert_no_duplicates(self, rows: list[Purchase]) -> None:
        opened = [(row.user_id, row.guest_token, row.product_id, row.price_id) for row in rows if row.is_open]
        assert len(opened) == len(set(opened)), "two open purchases"
        known = [row.session_id for row in rows if row.session_id]
        assert len(known) == len(set(known)), "two purchases for a session"
        open_pages = Counter(
            (buyer, storage.find("item", parent=session_id)[0]["price"]["id"])
            for buyer, session_id in set(self.seen)
            if (storage.get(session_id) or {})["status"] == "open"
        )
        assert not open_pages or max(open_pages.values()) == 1, "two open sessions of one buyer and price"

    def _assert_store_follows_stripe(self, rows: list[Purchase]) -> None:
        """Assert that the store shows states that Stripe had, in Stripe's order, and access only when paid."""
        opened = set(purchases_with_access().values_list("pk", flat=True))
        assert opened == {row.pk for row in rows if has_access(row)}, (
            "queryset and predicate of access differ"
        )
        for row in (row for row in rows if row.session_id or row.subscription_id):
            key = str(row.session_id or row.subscription_id)
            past, at = self.history[key], self.reached.get(key, 0)
            found = next((n for n in range(at, len(past)) if checks.shows(row, past[n])), None)
            assert found is not None, (
                f"{row.status} {row.suspended_by} in the store, but at Stripe {past[at:]}"
            )
            self.reached[key] = found
            # The row may be of a later period with the same status and end, in which Stripe charges no more.
            same = [moment for moment in past[found:] if checks.shows(row, moment)]
            checks.check_billing(row, next((moment for moment in same if not moment.is_billing), past[found]))
            checks.check_access(row, past[found:])

    @staticmethod
    def _describe_state(rows: list[Purchase]) -> str:
        """Return a line that differs if another run of the same acts had another result."""
        states = [f"{row.status} {row.suspended_by} v{row.version}" for row in rows]
        return (
            f"{states} {len(storage.find('event'))} events, {Mail.objects.count()} e-mails, {time.time():.0f}"
        )

    def _assert_no_duplicate_email(self) -> None:
        stored_count = Counter(Mail.objects.values_list("purchase__order_number", flat=True))
        for order, sent_count in MailServer.sent.items():
            assert sent_count <= stored_count[order] + MailServer.unmarked[order], "an e-mail was sent twice"

    def teardown(self) -> None:
        """Deliver or lose the remaining events, reconcile once, and compare everything with Stripe."""
        MailServer.is_down = False
        self.world.pass_time(15 * 60)  # more than SENDING_TIMEOUT, so that another worker sends the e-mail
        self.world.forget_old_events()
        events = self.world.waiting_events()
        self.order.shuffle(events)
        for event in events if self.ending != "leave" else []:
            (self.world.deliver if self.ending == "deliver" else self.world.lose)(event)
        reconcile(self.began)
        reconcile(self.began)  # the first run may cancel subscriptions
        self._record_history()
        self._check_final_state()
        self._assert_no_duplicate_email()
        for row in Purchase.objects.with_running_subscription():  # a second one must be refused
            if visitor := self._find_buyer(row):
                self._buy(visitor, self.world.prices.index(row.price))()
        self._assert_upgrades_cost_the_difference()
        again = reconcile(self.began)
        assert (again.repaired, again.found, again.events) == ([], [], 0), (
            f"reconcile had work left: {again.repaired} {again.found}, {again.events} events"
        )
        self._assert_payments_are_rebuilt()
        self._check_guests()
        self._assert_next_payment_is_as_shown()
        self._cancel_everything()

    def _check_final_state(self) -> None:
        bought = [row for row in self._all_rows() if not row.granted_at]
        rows = {str(row.session_id or row.subscription_id): row for row in bought}
        known_customers = set(StripeCustomer.objects.values_list("id", flat=True))
        for key, history in self.history.items():
            row, truth = rows.get(key), history[-1]
            if row is None:
                customer = (storage.get(truth.subscription) or {}).get("customer")
                is_lost = truth.status not in (*ENDED, "expired") and (
                    not truth.subscription or customer in known_customers
                )
                assert not is_lost, f"a purchase that is {truth.status} at Stripe is missing"
                continue
            assert checks.shows(row, truth), f"{row.status} {row.suspended_by} differs from Stripe's {truth}"
            checks.check_access(row, [truth])
            checks.check_billing(row, truth)
            checks.check_owner(row, truth)
            checks.check_reversals(truth, self.world.settings)
            checks.check_payments(row, truth)
            checks.check_emails(row, history, imported=row.session_id is None)
            checks.check_timeline(row)
            if row.user:
                checks.check_can_cancel(row, truth, self.world.browser(row.user))
            self._assert_emails_are_sent(row)
        checks.check_balance(rows, Stripe.read())
        several = Stripe.read().billed_twice(self._customers())
        assert len(billed_twice()) == several, "buyers who are charged twice are not reported"
        every = self._all_rows()
        for row in every:
            assert not (row.granted_at and (row.payments.all() or row.has_running_subscription))
        for user, product in {(row.user, row.product) for row in every if row.user}:
            entitled = [row for row in every if (row.user, row.product) == (user, product)]
            assert bool(owned(user, product)) == any(has_access(row) for row in entitled)

    @staticmethod
    def _all_rows() -> list[Purchase]:
        related = Purchase.objects.select_related("user", "product__configuration", "price")
        return list(related.prefetch_related("payments", "mails", "changes").order_by("pk"))

    def _assert_emails_are_sent(self, row: Purchase) -> None:
        sent_count, stored_count = MailServer.sent[row.order_number], row.mails.count()
        assert not row.mails.filter(sent_at=None).exists(), "an e-mail was never sent"
        assert stored_count <= sent_count <= stored_count + MailServer.unmarked[row.order_number], (
            "an e-mail was sent twice, or never"
        )

    def _assert_payments_are_rebuilt(self) -> None:
        before, emails = checks.describe_payments(), Mail.objects.count()
        ReceiverCall.objects.all().delete()
        Payment.objects.all().delete()
        reconcile(self.began)
        assert checks.describe_payments() == before, "other payments are stored after they were deleted"
        assert Mail.objects.count() == emails, "an e-mail about a known payment was created again"

    def _assert_upgrades_cost_the_difference(self) -> None:
        """Let owners of a cheaper licence press "buy" for the higher one."""
        dearest = max(self.world.prices, key=lambda price: (price.product.name == "Icons", price.unit_amount))
        for row in purchases_with_access().bought().filter(product=dearest.product):
            visitor = self._find_buyer(row)
            if visitor and row.session_id and self._buy(visitor, self.world.prices.index(dearest))():
                licence = Stripe.read().truths(self.upgrades)[str(row.session_id)]
                left = sum(payment.charged - payment.refunded for payment in licence.paid)
                assert not left or self.seen[-1][1] in self.upgrades, "an owner pays the full price"

    def _assert_next_payment_is_as_shown(self) -> None:
        """Let the first renewal happen, and compare its invoice with what the order page said before."""
        rows = [row for row in self._all_rows() if row.next_payment_at]
        if not rows:
            return
        row = min(rows, key=lambda row: (row.next_payment_at, row.pk))
        customer = storage.get((storage.get(row.subscription_id) or {})["customer"]) or {}
        shares_balance = (
            customer["balance"] and len(storage.find("subscription", ("customer", "=", customer["id"]))) > 1
        )
        known = {invoice["id"] for invoice in storage.find("invoice")}
        self.world.pass_time(max(row.next_payment_at.timestamp() - time.time(), 0) + 60)
        invoices = [
            invoice
            for invoice in Stripe.read().invoices[row.subscription_id]
            if invoice["id"] not in known and invoice["billing_reason"] == "subscription_cycle"
        ]
        is_over = (storage.get(row.subscription_id) or {})["status"] in ENDED
        assert invoices or is_over, "a renewal was told, but did not happen"
        if invoices and not shares_balance:
            assert invoices[0]["amount_due"] == row.next_amount, (
                "the next invoice has another amount than told"
            )

    def _cancel_everything(self) -> None:
        """Assert that each buyer who is billed can cancel, and is no longer billed."""
        for row in self._all_rows():
            if row.user and row.will_be_charged_again:
                self.world.browser(row.user).post(reverse("purchase_cancel", args=[row.public_id]))
                truth = Stripe.read().subscription_truth(row.subscription_id)
                assert not truth.is_billing, f"{truth.status} is still billed after canceling"

    # --- actions that can run in threads -------------------------------------------------------------------

    def _job(self, kind: str, one: int, two: int) -> Job | None:
        if kind == "buy":
            return self._buy(self._pick(self.world.users, one), two)
        if kind in GUEST_JOBS:
            return self._guest_job(kind, one, two)
        if kind == "back":
            return self._open_return_page(one) if self.seen else None
        if kind == "event":
            events = self.world.waiting_events()
            event = self._pick(events, one) if events else None
            return (lambda: self.world.deliver(event)) if event else None
        if not self._rows():
            return None
        return self._poll(one) if kind == "poll" else self._admin("purchase", "refresh", self._row(one).pk)

    def _buy(self, visitor: Visitor, what: int) -> Job:
        """Press "buy" in a browser. The job returns whether it leads to Stripe's page."""
        price = self._pick(self.world.prices, what)

        def job() -> bool:
            client, buyer = self.world.browser(visitor), self._buyer(visitor)
            bought, may_buy = self._bought(buyer, price), self._may_buy(buyer, price)
            form = {"price": price.id}
            address = f"/store/{price.product.configuration.slug}/buy/"
            response = client.post(address, form, headers=OWN_PAGE)
            if response.status_code != 303:
                self._assert_asks_for_address(buyer, price, response)
                return False
            to_stripe = "/stripe-sandbox/checkout/" in response["Location"]
            # The press itself may end a subscription, whose payment was lost to a dispute.
            still = bought & self._bought(buyer, price)
            assert not (to_stripe and still), "a second subscription is sold, or the same thing is paid twice"
            assert to_stripe or not may_buy or plan.broken or self.is_concurrent, "a purchase is blocked"
            if to_stripe:
                session_id = response["Location"].rsplit("/", 1)[1]
                self.seen.append((self._owner_of_session(session_id, buyer), session_id))
                self._record_upgrade(session_id)
            return to_stripe

        return job

    def _record_upgrade(self, session_id: str) -> None:
        """Check what the session counts for a licence that the buyer has paid for."""
        found = Stripe.read()
        if found.counts_licence(session_id):
            truths = found.truths(self.upgrades)
            licences = {
                key: truths[key].credit
                for key in found.licences(session_id, self._sessions_of_same_buyer(session_id))
            }
            credit = found.credit(session_id)
            counted = [key for key, (least, most) in licences.items() if least <= credit <= most]
            assert counted, f"a credit of {credit} for licences worth {licences}"
            self.upgrades[session_id] = counted[0]

    def _pay(self, which: int, how: int, passes: bool, typed: int = 0) -> Job:
        buyer, session_id = self.seen[-1] if which < 0 else self._pick(self.seen, which)
        email = buyer.email if isinstance(buyer, User) else self._pick(GUEST_ADDRESSES, typed)

        def job() -> None:
            self.world.offset += PAYING_SECONDS
            session = storage.get(session_id) or {}
            entry = PaymentForm(email, self._pick(CARDS, how), "12 / 70", "123", "A Buyer", "GB", "SW1A 1AA")
            if "sepa_debit" in session["payment_method_types"] and how % 2:
                entry = PaymentForm(
                    email, billingName="A Buyer", billingCountry="AT", paymentMethod="sepa_debit"
                )
                entry.iban = self._pick(ACCOUNTS, how)
            if payment.pay(session_id, entry).state == "challenge":
                payment.authenticate(session_id, passed=passes)
            self._record_history()

        return job

    def _open_return_page(self, which: int) -> Job:
        buyer, session_id = self._pick(self.seen, which)
        address = f"{reverse('checkout_return')}?session_id={session_id}"
        return lambda: self._assert_ok(self.world.browser(buyer).get(address))

    def _poll(self, which: int) -> Job:
        row = self._row(which)
        visitor = self._visitor(row)
        browser = self.world.browser(visitor)

        def job() -> None:
            response = browser.get(reverse("purchase_status", args=[row.public_id]))
            if isinstance(visitor, User) or response.status_code != 404:  # another account may be signed in
                self._assert_ok(response)

        return job

    def _admin(self, model: str, action: str, pk: object) -> Job:
        address = reverse(f"admin:ecommerce_{model}_changelist")
        form = {"action": action, "_selected_action": [pk], "token": str(uuid4())}
        return lambda: self._assert_ok(self.world.browser(self.world.olive).post(address, form))

    def _has_daily_plan(self) -> bool:
        items = [item for row in self._open_subscriptions() for item in row["items"]["data"]]
        return any(item["price"]["recurring"]["interval"] == "day" for item in items)

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
        elif act == "collect":
            v1.subscriptions.update(pk, {"pause_collection": ""})
        elif act in ("keep_as_draft", "mark_uncollectible", "void"):
            v1.subscriptions.update(pk, {"pause_collection": {"behavior": act}})
        elif act == "no coupon":
            v1.subscriptions.update(pk, {"discounts": ""})
        elif act == "coupon":
            v1.subscriptions.update(pk, {"discounts": [{"coupon": self._pick(self.world.coupons, days)}]})
        elif act == "card":
            method = v1.payment_methods.attach(token, {"customer": subscription["customer"]})
            v1.subscriptions.update(pk, {"default_payment_method": method.id})
        else:
            items = self._changed_items(subscription, act, days)
            proration: Any = {"proration_behavior": self._pick(PRORATIONS, days)}
            v1.subscriptions.update(pk, {"items": items, **proration})

    def _changed_items(self, subscription: dict[str, Any], act: str, number: int) -> list[Any]:
        *extras, plan = subscription["items"]["data"]
        removed = [{"id": item["id"], "deleted": True} for item in extras]
        if act == "plan":
            plans = [price for price in self.world.prices if price.product.name in ("Club", "Daily")]
            return [{"id": plan["id"], "price": self._pick(plans, number).id}, *removed]
        if act == "quantity":
            return [{"id": plan["id"], "quantity": number % 5 + 1}]
        return removed or [{"price": self.world.extras[plan["price"]["recurring"]["interval"]]}]

    def _change_stripe(self, do: Job) -> None:
        with suppress(errors.ApiError), storage.transaction():  # invalid in the object's state
            do()
        self._record_history()

    # --- objects -------------------------------------------------------------------------------------------

    def _record_history(self) -> None:
        """Append the current state of each session and subscription, if it changed."""
        for key, truth in Stripe.read().truths(self.upgrades).items():
            past = self.history.setdefault(key, [Truth("open" if key.startswith("cs_") else "incomplete")])
            if past[-1] != truth:
                past.append(truth)

    @staticmethod
    def _pick(items: Any, which: int) -> Any:
        return items[which % len(items)]

    @staticmethod
    def _assert_ok(response: Any) -> None:
        assert response.status_code in (200, 302), response.status_code

    def _rows(self) -> list[int]:
        """Return purchases of people who still have an account, and of guests."""
        rows = Purchase.objects.order_by("pk").select_related("user")
        return [row.pk for row in rows if row.user or self._paying_browser(row)]

    def _row(self, which: int) -> Purchase:
        return Purchase.objects.get(pk=self._pick(self._rows(), which))

    def _visitor(self, row: Purchase) -> Visitor:
        return row.user or self._paying_browser(row)

    def _open_subscriptions(self) -> list[dict[str, Any]]:
        rows = storage.find("subscription")
        return [row for row in rows if row["status"] not in ENDED]

    def _subscription_charges(self) -> list[dict[str, Any]]:
        of_invoices = {row["payment"]["payment_intent"] for row in storage.find("invoice_payment")}
        return [row for row in self._charges() if row["payment_intent"] in of_invoices]

    def _charges(self) -> list[dict[str, Any]]:
        rows = storage.find("charge", ("status", "=", "succeeded"))
        return [row for row in rows if not row["refunded"]]
