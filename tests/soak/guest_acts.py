"""Acts of buyers without an account. Rules about them are in guest_rules.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.test import Client
from django.urls import reverse
from hypothesis import strategies as st

from apps.ecommerce.models import Purchase
from apps.users.models import User

from .acts import Job, act, fault, number
from .guest_rules import BROWSERS, UNPAID, GuestRules, is_confirmed
from .world import NAMES, OWN_PAGE, Browser, Link, MailServer, Visitor, plan

GUEST_ADDRESSES = ("gina@example.com", "gnia@example.com", *(f"{name}@example.com" for name in NAMES))
GUEST_JOBS = ("guest buys", "link", "claim", "correct")  # acts that can run in threads
STEPS = ("buy", "buy", "news", "news", "correct", "link", "link", "claim", "confirm", "sign in or out")

some_steps = st.lists(st.tuples(st.sampled_from(STEPS), number, number, fault), min_size=2, max_size=4)
which_browser = st.integers(0, BROWSERS - 1)
which_address = st.integers(0, len(GUEST_ADDRESSES) - 1)


class GuestActs(GuestRules):
    """The acts of guests. `Shop` adds buyers with an account, Stripe and the operator."""

    # --- acts ----------------------------------------------------------------------------------------------

    @act(where=which_browser, what=number, fault=fault)
    def guest_buys(self, where: int, what: int, fault: Any) -> None:
        self.world.act(self._buy(self.guests[where], what), fault)

    @act(where=which_browser, what=number, how=number, typed=which_address)
    def guest_buys_and_pays(self, where: int, what: int, how: int, typed: int) -> None:
        if self.world.act(self._buy(self.guests[where], what)):
            self._pay(-1, how, True, typed)()

    @act(where=which_browser, typed=which_address, fault=fault)
    def take_free_product(self, where: int, typed: int, fault: Any) -> None:
        """Enter an address on the page of a free product. A browser that is not signed in gets nothing."""
        if isinstance(self._buyer(self.guests[where]), User):
            return
        price = next(price for price in self.world.prices if price.product.name == "Gift")
        form = {"price": price.id, "email": GUEST_ADDRESSES[typed]}
        address = f"/store/{price.product.configuration.slug}/buy/"
        client = self.world.browser(self.guests[where])
        self.world.act(lambda: client.post(address, form, headers=OWN_PAGE), fault)
        self._assert_gate(self.guests[where], price.product)

    @act(lambda self: self._guest_rows(), which=number, typed=which_address, fault=fault)
    def correct_address(self, which: int, typed: int, fault: Any) -> None:
        """Only the browser that has paid can correct the address, until an account claims the order."""
        row, address = self._pick(self._guest_rows(), which), GUEST_ADDRESSES[typed]
        is_own, before = isinstance(self._find_buyer(row), Browser), row.email
        self.world.act(self._correct(row, address), fault)
        row.refresh_from_db()
        if is_own and row.status not in UNPAID:
            assert row.email == address or plan.broken, "the paying browser can't correct the address"
        else:
            assert row.email == before, "the address of an order was changed that can't be corrected"
        self._assert_gates()

    @act(
        lambda self: MailServer.links,
        which=number,
        where=which_browser,
        how=number,
        confirms=st.booleans(),
        fault=fault,
    )
    def open_link(self, which: int, where: int, how: int, confirms: bool, fault: Any) -> None:
        """Open an e-mailed link in a guest's browser, on another device, or where an account is signed in."""
        link = self._pick(MailServer.links, which)
        users = self.world.users
        browser = [self.guests[where], Browser(), users[how % len(users)]][how % 3]
        account = browser if isinstance(browser, User) else self._account(browser)
        opens = self._is_valid(link)
        with self._watch_sessions():
            response = self.world.act(self._open_link(link, browser), fault)
            is_asked = opens and account is not None and account.email != link.to
            if is_asked and confirms and isinstance(browser, Browser):
                client = self.world.browser(browser)
                response, is_asked = self.world.act(lambda: client.post(link.path), fault), False
        if response is not None and not plan.broken:
            self._assert_opened(link, browser, account, opens and not is_asked, response)
        self._assert_gates()

    @act(who=number, where=which_browser, in_browser=st.booleans(), fault=fault)
    def add_to_my_account(self, who: int, where: int, in_browser: bool, fault: Any) -> None:
        """Press "Add to my account". It needs a confirmed address."""
        visitor = self.guests[where] if in_browser else self._pick(self.world.users, who)
        self.world.act(self._claim(visitor), fault)
        buyer = self._buyer(visitor)
        if isinstance(buyer, User) and is_confirmed(buyer) and not plan.broken:
            left = [row for row in self._unclaimed() if self._may_add(row, buyer, visitor)]
            assert not left, "an order was not added to the account"
        self._assert_gates()

    @act(who=number, fault=fault)
    def confirm_address(self, who: int, fault: Any) -> None:
        user = self._pick(self.world.users, who)
        email, _created = EmailAddress.objects.get_or_create(
            user=user, email=user.email, defaults={"primary": True}
        )
        if email.verified:
            return
        self.permits.append(lambda row, owner: row.email == user.email == owner.email)
        address = reverse("account_confirm_email", args=[EmailConfirmationHMAC(email).key])
        client = self.world.browser(user)
        self.world.act(lambda: client.post(address), fault)
        email.refresh_from_db()
        if email.verified and not plan.broken:
            assert not [row for row in self._unclaimed() if row.email == user.email], (
                "an order was not claimed"
            )

    @act(where=which_browser, who=number)
    def sign_in_or_out(self, where: int, who: int) -> None:
        """Sign in where a guest has bought, or sign out. Signing out ends the session."""
        browser = self.guests[where]
        client = self.world.browser(browser)
        with self._watch_sessions():
            if self._account(browser):
                client.post(reverse("account_logout"))
            else:
                client.force_login(self._pick(self.world.users, who))
        self._assert_gates()

    @act(typed=which_address, fault=fault)
    def find_orders(self, typed: int, fault: Any) -> None:
        form = {"email": GUEST_ADDRESSES[typed]}
        response = self.world.act(lambda: Client().post(reverse("find_orders"), form), fault)
        assert response is None or response.status_code == 200

    @act(steps=some_steps)
    def play_guest(self, steps: list[tuple[str, int, int, Any]]) -> None:
        """Buy and claim in a few steps, which single acts would rarely do in this order."""
        for kind, one, two, planned in steps:
            where, typed = one % BROWSERS, two % len(GUEST_ADDRESSES)
            if kind == "buy":
                self.guest_buys_and_pays(where=where, what=two, how=one, typed=typed)
            elif kind == "news":
                self.deliver_everything()
            elif kind == "correct":
                self.correct_address(which=one, typed=typed, fault=planned)
            elif kind == "link":
                self.open_link(which=one, where=where, how=two, confirms=bool(two % 2), fault=planned)
            elif kind == "claim":
                self.add_to_my_account(who=one, where=where, in_browser=bool(two % 2), fault=planned)
            elif kind == "confirm":
                self.confirm_address(who=one, fault=planned)
            else:
                self.sign_in_or_out(where=where, who=two)
            self.check_store()

    # --- jobs ----------------------------------------------------------------------------------------------

    def _guest_job(self, kind: str, one: int, two: int) -> Job | None:
        browser = self._pick(self.guests, one)
        if kind == "guest buys":  # two first requests of a browser would begin two sessions
            return self._buy(browser, two) if browser.session.session_key else None
        if kind == "link":
            visitor = browser if two % 2 else Browser()
            return self._open_link(self._pick(MailServer.links, one), visitor) if MailServer.links else None
        if kind == "claim":
            return self._claim(browser if two % 2 else self._pick(self.world.users, two))
        rows = self._guest_rows()
        return self._correct(self._pick(rows, one), self._pick(GUEST_ADDRESSES, two)) if rows else None

    def _correct(self, row: Purchase, address: str) -> Job:
        client = self.world.browser(self._paying_browser(row) or self.guests[0])
        url = reverse("correct_address", args=[row.public_id])

        def job() -> None:
            try:
                client.post(url, {"email": address})
            finally:
                row.refresh_from_db()
                if row.is_unclaimed and row.email == address:
                    self.addresses[row.pk] = address

        return job

    def _open_link(self, link: Link, browser: Visitor) -> Job:
        client = self.world.browser(browser)

        def job() -> Any:
            if self.is_concurrent or self._is_valid(link):
                self.permits.append(lambda row, user: row.email == link.to == user.email)
            return client.post(link.path)

        return job

    def _claim(self, visitor: Visitor) -> Job:
        client = self.world.browser(visitor)

        def job() -> None:
            buyer = self._buyer(visitor)
            if isinstance(buyer, User):
                self.permits.append(
                    lambda row, user: (
                        user == buyer and is_confirmed(user) and self._may_add(row, user, visitor)
                    )
                )
            client.post(reverse("claim_orders"))

        return job

    @contextmanager
    def _concurrently(self) -> Iterator[None]:
        self.is_concurrent = True
        with self._watch_sessions():
            yield
        self.is_concurrent = False

    @contextmanager
    def _watch_sessions(self) -> Iterator[None]:
        """Replace a browser in which another account has signed in or out: its session has ended."""
        before = [browser.account_id for browser in self.guests]
        yield
        for at, browser in enumerate(self.guests):
            if before[at] and browser.account_id != before[at]:
                self.guests[at] = Browser(browser.cookies)
