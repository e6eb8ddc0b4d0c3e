"""Rules about who owns an order that was bought without an account: see docs/guests.md.

`Browser` is the browser of a guest. An order belongs to the browser in which it was bought, or to one account.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from hypothesis.stateful import RuleBasedStateMachine

from apps.ecommerce.models import Mail, Price, Product, Purchase, StripeCustomer
from apps.ecommerce.purchases.entitlements import has_access
from apps.users.models import User
from stripe_sandbox import storage

from . import checks
from .truth import DAY, ENDED, Stripe, plan_item
from .world import Browser, Link, MailServer, Visitor, World

BROWSERS = 2
LINK_AGE, CLAIMED_LINK_AGE = 30 * DAY, 2 * DAY
UNPAID = ("open", "expired")
Permit = Callable[[Purchase, User], bool]


class GuestRules(RuleBasedStateMachine):
    """The rules about guests. `GuestActs` adds their acts."""

    world: ClassVar[World]
    seen: list[tuple[Visitor, str]]

    def begin_guests(self) -> None:
        self.guests = [Browser() for _ in range(BROWSERS)]
        # Purchase ▶ its account and token after the last act.
        self.owners: dict[int, tuple[int | None, str]] = {}
        self.addresses: dict[int, str] = {}  # purchase ▶ the address to which its buyer has corrected it
        self.permits: list[Permit] = []  # orders that accounts may get in the current act
        self.is_concurrent = False

    # --- rules ---------------------------------------------------------------------------------------------

    def _assert_owners(self, rows: list[Purchase]) -> None:
        """Assert that each order has one owner, and that accounts got it by an act of its buyer only."""
        users = {user.pk: user for user in User.objects.all()}
        sessions = {session_id: visitor for visitor, session_id in self.seen}
        for row in rows:
            now = (row.user_id, row.guest_token)
            assert not all(now), "an order belongs to a browser and to an account"
            is_of_guest = isinstance(sessions.get(row.session_id), Browser)
            before = self.owners.get(row.pk, (None, "new") if is_of_guest and row.user_id else now)
            self.owners[row.pk] = now
            if before[1] and row.user_id:
                is_permitted = any(permit(row, users[row.user_id]) for permit in self.permits)
                assert is_permitted, f"{users[row.user_id]} got the order of {row.email} without verification"
            elif before[1]:
                assert now == before, "an order has lost its owner"
            elif before != now:
                assert before[0] not in users, "an account has lost its order"
                assert now == (None, ""), "an order has changed its owner twice"
            self._assert_address(row)
        self.permits.clear()
        free = [
            (row.email, row.product_id)
            for row in rows
            if row.is_unclaimed and not row.session_id and row.paid_at
        ]
        assert len(free) == len(set(free)), "an address has a free product twice"

    def _assert_address(self, row: Purchase) -> None:
        """Assert that an unclaimed order has the address that its buyer has entered at Stripe, or corrected."""
        if row.is_unclaimed and row.session_id:
            session = storage.get(row.session_id) or {}
            entered = (session["customer_details"] or {}).get("email") or ""
            expected = {self.addresses.get(row.pk, entered)} | ({""} if row.status in UNPAID else set())
            assert row.email in expected, f"the address is {row.email}, not {expected}"

    def _assert_opened(
        self, link: Link, browser: Visitor, before: User | None, opens: bool, response: Any
    ) -> None:
        """Assert that a valid link signs in, and claims all orders of the address; and that another does nothing."""
        after = browser if isinstance(browser, User) else self._account(browser)
        if not opens:
            assert response.status_code in (200, 404), "a link opens that is not valid"
            assert after == before, "a link signs in to another account without a press"
            return
        assert response.status_code == 302, "a valid link does not open"
        assert after is not None, "a valid link does not sign in"
        assert after.email == link.to, "a link signs in to another account than that of its address"
        assert not [row for row in self._unclaimed() if row.email == link.to], "an order was not claimed"

    def _assert_gates(self) -> None:
        """Open all gated pages in the guests' browsers."""
        for product in dict.fromkeys(price.product for price in self.world.prices):
            for browser in self.guests:
                self._assert_gate(browser, product)

    def _assert_gate(self, visitor: Visitor, product: Product) -> None:
        """Assert that the page opens for the signed-in account's, or this browser's unclaimed purchase only."""
        buyer = self._buyer(visitor)
        opens = any(has_access(row) for row in self._purchases(buyer) if row.product_id == product.pk)
        client = self.world.browser(visitor)
        status = client.get(reverse("purchased_product", args=[product.configuration.slug])).status_code
        assert (status == 200) == opens, f"the gate answers {status} to {buyer}, whose access is {opens}"

    def _assert_asks_for_address(self, buyer: Visitor, price: Price, response: Any) -> None:
        if self.is_concurrent and response.status_code == 400:  # the session has changed since then
            return
        is_free_for_guest = price.product.name == "Gift" and isinstance(buyer, Browser)
        assert response.status_code == 200, response.status_code
        assert is_free_for_guest, "an address is asked for before the payment"

    def _check_guests(self) -> None:
        """At the end, each guest has one confirmation, and gets the order with a link to the current address."""
        self._assert_gates()
        self._assert_customers_are_known()
        for visitor, session_id in self.seen:
            subscription = storage.get(str((storage.get(session_id) or {})["subscription"])) or {}
            is_guest = isinstance(visitor, Browser)
            assert not (is_guest and subscription.get("trial_start")), "a guest has a free trial"
        for row in self._unclaimed():
            row.refresh_from_db()
            if not row.is_unclaimed:  # claimed with another order of the address
                continue
            if not row.session_id:
                assert row.mails.filter(kind=Mail.Kind.CONFIRMED).count() == 1, (
                    "a free order needs one confirmation"
                )
            self._check_link(row)

    def _assert_customers_are_known(self) -> None:
        """Assert that an account that has claimed an order has a customer at Stripe: with name, address and cards."""
        for row in Purchase.objects.exclude(user=None).exclude(session_id=None).select_related("user"):
            if self._paying_browser(row) and row.status not in UNPAID:
                customer = StripeCustomer.objects.filter(user=row.user).first()
                assert customer is not None, "an account has lost its customer"
                email = (storage.get(customer.id) or {})["email"]
                assert email == row.user.email, f"Stripe sends receipts to {email}, not {row.user.email}"

    def _check_link(self, row: Purchase) -> None:
        """Open the newest link to the order's address on another device, and cancel what is billed."""
        links = [link for link in MailServer.links if (link.order, link.to) == (row.order_number, row.email)]
        assert links, f"no link to the order was sent to {row.email}, its current address"
        if not self._is_valid(links[-1]):  # the newest link is too old
            Client().post(reverse("find_orders"), {"email": row.email})
            links = MailServer.links
        phone = Browser()
        response = self.world.browser(phone).post(links[-1].path)
        assert response.status_code == 302, "the link to the current address does not open"
        row = Purchase.objects.select_related("user", "product__configuration", "price").get(pk=row.pk)
        assert row.user is not None, "the link does not add the order to the account"
        assert row.user == self._account(phone), "the link signs in to another account"
        self._assert_gate(phone, row.product)
        self._assert_gates()
        if row.session_id:
            truth = Stripe.read().truths(self.upgrades)[row.session_id]  # type: ignore[attr-defined]
            checks.check_can_cancel(row, truth, self.world.browser(phone))

    # --- whose it is ---------------------------------------------------------------------------------------

    def _account(self, browser: Browser) -> User | None:
        return User.objects.filter(pk=browser.account_id or None).first()

    def _buyer(self, visitor: Visitor) -> Visitor:
        """Return the account that is signed in, else the browser."""
        return visitor if isinstance(visitor, User) else self._account(visitor) or visitor

    def _purchases(self, buyer: Visitor) -> list[Purchase]:
        rows = Purchase.objects.order_by("pk")
        if isinstance(buyer, User):
            return list(rows.filter(user=buyer))
        return [
            row for row in rows.filter(user=None) if row.is_unclaimed and self._paying_browser(row) is buyer
        ]

    def _paying_browser(self, row: Purchase) -> Browser | None:
        """Return the browser in which a guest has opened the order's payment page."""
        found = [visitor for visitor, session_id in self.seen if session_id == row.session_id]
        return found[0] if found and isinstance(found[0], Browser) else None

    def _find_buyer(self, row: Purchase) -> Visitor | None:
        """Return the account of a purchase, or the browser of a guest if it still owns the purchase."""
        browser = self._paying_browser(row)
        if row.user or browser not in self.guests or not row.is_unclaimed:
            return row.user
        return browser if browser and self._buyer(browser) is browser else None

    def _guest_rows(self) -> list[Purchase]:
        return [row for row in Purchase.objects.order_by("pk") if self._paying_browser(row)]

    def _unclaimed(self) -> list[Purchase]:
        """Return the paid orders that belong to no account yet, as far as the store knows."""
        rows = Purchase.objects.filter(user=None).exclude(status__in=UNPAID).order_by("pk")
        return [row for row in rows if row.is_unclaimed]

    def _may_add(self, row: Purchase, user: User, visitor: Visitor) -> bool:
        """Return whether "Add to my account" in this browser is about the order."""
        return row.email == user.email or (
            isinstance(visitor, Browser) and self._paying_browser(row) is visitor
        )

    def _is_valid(self, link: Link) -> bool:
        """Return whether the link is to the current address of its order, and not too old."""
        row = Purchase.objects.select_related("user").get(order_number=link.order)
        max_age = CLAIMED_LINK_AGE if row.user else LINK_AGE
        address = row.user.email if row.user else row.email
        is_owned = bool(row.user) or row.is_unclaimed
        return is_owned and address == link.to and time.time() - link.sent_at < max_age

    def _customers(self) -> dict[str, object]:
        """Return the customers of accounts and of guest orders, each with its buyer's address."""
        owners: dict[str, object] = dict(StripeCustomer.objects.values_list("id", "user__email"))
        for row in Purchase.objects.exclude(session_id=None).select_related("user"):
            customer = (storage.get(str(row.session_id)) or {})["customer"]
            is_owned = row.user or row.is_unclaimed
            owners |= {customer: row.current_email} if customer and is_owned else {}
        return owners

    def _owner_of_session(self, session_id: str, buyer: Visitor) -> Visitor:
        """Return the buyer who has opened a payment page. In threads, an account may have signed in since then."""
        row = Purchase.objects.select_related("user").filter(session_id=session_id).first()
        if self.is_concurrent and row and row.user:
            return row.user
        assert row is None or row.user == (buyer if isinstance(buyer, User) else None), (
            "sold to somebody else"
        )
        return buyer

    def _sessions_of_same_buyer(self, session_id: str) -> set[str]:
        buyer = next(visitor for visitor, known in self.seen[::-1] if known == session_id)
        own = {known for visitor, known in self.seen if visitor == buyer}
        return own | {str(row.session_id) for row in self._purchases(buyer)}

    def _bought(self, buyer: Visitor, price: Price) -> set[str]:
        """Return the buyer's running subscriptions to the product, and Sessions that have paid the same price."""
        rows = {str(row.session_id): row for row in self._purchases(buyer) if row.session_id}
        found: set[str] = set()
        for session_id, row in rows.items():
            session = storage.get(session_id) or {}
            subscription = storage.get(session["subscription"] or "")
            if (
                subscription
                and subscription["status"] not in ENDED
                and _plan_product(subscription) == price.product_id
            ):
                found.add(subscription["id"])
            if row.price_id == price.id and not row.revoked_at and _is_paid_and_not_reversed(session):
                found.add(session_id)
        if isinstance(buyer, User):
            customers = set(StripeCustomer.objects.filter(user=buyer).values_list("id", flat=True))
            for row in self._open_subscriptions():
                if (
                    row["customer"] in customers
                    and row["items"]["data"][0]["price"]["product"] == price.product_id
                ):
                    found.add(row["id"])
        return found

    def _may_buy(self, buyer: Visitor, price: Price) -> bool:
        """Return whether no purchase of the buyer prevents it. Those of guests with the same address do not count."""
        if price.product.name == "Gift" or (price.product.name == "Course" and isinstance(buyer, Browser)):
            return False
        if any(row.product_id == price.product_id for row in self._purchases(buyer)):
            return False
        if isinstance(buyer, Browser) and any(
            row.user and row.product_id == price.product_id and self._paying_browser(row) is buyer
            for row in Purchase.objects.select_related("user")
        ):
            return False  # claimed by an account: the browser is asked to sign in
        if isinstance(buyer, User) and StripeCustomer.objects.filter(user=buyer).exists():
            customer = StripeCustomer.objects.filter(user=buyer).values_list("id", flat=True)
            if any(row["customer"] in customer for row in self._open_subscriptions()):
                return False
        row = Price.objects.select_related("product__configuration").get(pk=price.pk)
        is_sold = row.product.configuration.status == "on_sale"
        return is_sold and row.active and bool((storage.get(price.id) or {})["active"])


def is_confirmed(user: User) -> bool:
    return EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()


def _plan_product(subscription: dict[str, Any]) -> str:
    return str(plan_item(subscription)["price"]["product"])


def _is_paid_and_not_reversed(session: dict[str, Any]) -> bool:
    """Return whether a one-time payment has succeeded, and was neither refunded nor disputed."""
    if session["mode"] != "payment" or session["status"] != "complete":
        return False
    truth = Stripe.read().session_truth(session)
    return truth.status == "paid" and not any(row.refunds or row.disputes for row in truth.payments)
