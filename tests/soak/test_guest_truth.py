"""Faults that could give a guest's order to another person: each is planted, and a rule of guest_rules.py must fail."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from django.db.models import Q

from apps.ecommerce.content import goods_in_emails
from apps.ecommerce.models import Purchase, PurchaseQuerySet
from apps.ecommerce.operations import reconcile
from apps.ecommerce.purchases import (
    checkout,
    checkout_sessions,
    guest_orders,
    order_links,
    stripe_state,
)
from apps.ecommerce.purchases.checkout_refusals import AlreadyOwned
from apps.ecommerce.purchases.emails import messages
from apps.ecommerce.views import guests as guest_views
from apps.users.guests import Guest
from apps.users.models import User

from .test_truth import CARD, DELIVER, LICENCE, MONTHLY, TRIAL, Act, Plant, run_schedule
from .world import World

GINA, TYPO, ADA = 0, 1, 2  # indexes of GUEST_ADDRESSES
ADAS_BROWSER = {"who": 0, "where": 0, "in_browser": False, "fault": None}
FIRST, SECOND = 0, 1  # indexes of the browsers
ON_PHONE = 1  # a link is opened in another browser


def begin(price: int = LICENCE, address: int = GINA) -> Act:
    values = {"ending": "deliver", "order": 0, "day": 0, "after_retries": "past_due", "cancels": ()}
    return "begin", {**values, "bought": [], "by_guests": [(FIRST, price, CARD, address)]}


def guest_buys_and_pays(price: int, browser: int = FIRST, address: int = GINA) -> Act:
    return "guest_buys_and_pays", {"where": browser, "what": price, "how": CARD, "typed": address}


def correct(address: int) -> Act:
    return "correct_address", {"which": 0, "typed": address, "fault": None}


def open_link(which: int = 0, how: int = ON_PHONE, fault: Any = None) -> Act:
    return "open_link", {"which": which, "where": FIRST, "how": how, "confirms": False, "fault": fault}


def ada_buys(price: int) -> Act:
    return "buy", {"who": 0, "what": price, "fault": None}


# --- faults ------------------------------------------------------------------------------------------------


def keep_the_token(patch: pytest.MonkeyPatch) -> None:
    claim = guest_orders.claim_orders

    def keep(orders: PurchaseQuerySet, user: User) -> list[Purchase]:
        tokens = dict(orders.values_list("pk", "guest_token"))
        claimed = claim(orders, user)
        for purchase in claimed:
            Purchase.objects.filter(pk=purchase.pk).update(guest_token=tokens[purchase.pk])
        return claimed

    patch.setattr(guest_orders, "claim_orders", keep)


def share_by_address(patch: pytest.MonkeyPatch) -> None:
    original = PurchaseQuerySet.owned_by

    def owned_by(rows: PurchaseQuerySet, user: Any) -> PurchaseQuerySet:
        if not isinstance(user, Guest):
            return original(rows, user)
        emails = Purchase.objects.filter(guest_token=user.guest_token, email__gt="").values("email")
        return rows.filter(
            Q(user=None, guest_token=user.guest_token)
            | Q(email__in=list(emails.values_list("email", flat=True)))
        )

    patch.setattr(PurchaseQuerySet, "owned_by", owned_by)


def overwrite_the_address(patch: pytest.MonkeyPatch) -> None:
    def entered(purchase: Purchase, session: Any) -> dict[str, Any]:
        email = (session["customer_details"] or {}).get("email")
        return {"email": email} if email and purchase.is_unclaimed else {}

    patch.setattr(stripe_state, "_guest_values", entered)


def open_former_links(patch: pytest.MonkeyPatch) -> None:
    def find(key: str) -> Purchase | None:
        public_id, _email = signing.loads(key, salt=order_links.SALT)
        return Purchase.objects.select_related("user", "product__configuration").get(public_id=public_id)

    patch.setattr(guest_views, "find_by_link", find)


def trust_unconfirmed_accounts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guest_views, "is_email_verified", lambda _user: True)


def join_by_typed_address(patch: pytest.MonkeyPatch) -> None:
    original = stripe_state._guest_values

    def join(purchase: Purchase, session: Any) -> dict[str, Any]:
        values = original(purchase, session)
        user = User.objects.filter(email=values.get("email")).first()
        return {**values, "user": user, "guest_token": ""} if user else values

    patch.setattr(stripe_state, "_guest_values", join)


def sell_twice(patch: pytest.MonkeyPatch) -> None:
    original = checkout.refuse_second_payment

    def refuse(user: Any, *more: Any) -> Purchase | None:
        return None if isinstance(user, Guest) else original(user, *more)

    patch.setattr(checkout, "refuse_second_payment", refuse)


def let_typed_addresses_block(patch: pytest.MonkeyPatch) -> None:
    original = checkout.refuse_second_payment

    def refuse(user: Any, configuration: Any, price: Any) -> Purchase | None:
        own = Purchase.objects.unclaimed().filter(
            email=getattr(user, "email", None), product=configuration.product
        )
        if own.exists():
            raise AlreadyOwned(configuration)
        return original(user, configuration, price)

    patch.setattr(checkout, "refuse_second_payment", refuse)


def send_no_link(patch: pytest.MonkeyPatch) -> None:
    for module in (messages, goods_in_emails):
        patch.setattr(module, "order_link", lambda purchase, to="": purchase.get_absolute_url())


def give_trials_to_guests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checkout, "AccountNeeded", type("Never", (Exception,), {}))
    patch.setattr(checkout, "Guest", type("Nobody", (), {}))
    patch.setattr(checkout_sessions, "trial_days", lambda _user, price: price.trial_period_days)


def copy_no_customer_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile, "copy_missing_customers", lambda: None)


# fault ▶ (plant, schedule, the rule that fails)
FAULTS: dict[str, tuple[Plant, list[Act], str]] = {
    "a claimed order stays open in the paying browser": (
        keep_the_token,
        [begin(), DELIVER, open_link()],
        "belongs to a browser and to an account",
    ),
    "a guest has what others bought with the address": (
        share_by_address,
        [begin(), guest_buys_and_pays(MONTHLY, SECOND), DELIVER, correct(GINA)],
        "the gate answers",
    ),
    "a sync brings the mistyped address back": (
        overwrite_the_address,
        [begin(address=TYPO), DELIVER, correct(GINA), ("refresh", {"which": 0, "fault": None})],
        "the address is gnia@example.com, not",
    ),
    "a link to a former address opens": (
        open_former_links,
        [begin(address=TYPO), DELIVER, correct(GINA), open_link()],
        "a link opens that is not valid",
    ),
    "an account with an unconfirmed address takes the order": (
        trust_unconfirmed_accounts,
        [begin(address=ADA), DELIVER, ("add_to_my_account", ADAS_BROWSER)],
        "without verification",
    ),
    "an order joins the account of the typed address": (
        join_by_typed_address,
        [begin(address=ADA), DELIVER],
        "without verification",
    ),
    "the same browser pays twice": (
        sell_twice,
        [begin(), DELIVER, guest_buys_and_pays(LICENCE)],
        "the same thing is paid twice",
    ),
    "a typed address blocks the purchase of its owner": (
        let_typed_addresses_block,
        [begin(address=ADA), DELIVER, ada_buys(LICENCE)],
        "a purchase is blocked",
    ),
    "the confirmation has no link": (
        send_no_link,
        [begin(), DELIVER],
        "no link to the order was sent",
    ),
    "a guest has a free trial": (
        give_trials_to_guests,
        [begin(TRIAL), DELIVER],
        "a guest has a free trial",
    ),
    "a failed request loses the customer": (
        copy_no_customer_again,
        [begin(MONTHLY), DELIVER, open_link(fault=("lost request", 6))],
        "an account has lost its customer",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.timeout(300)
def test_planted_fault_breaks_a_rule_of_guests(
    fault: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, schedule, rule = FAULTS[fault]
    with monkeypatch.context() as patch:
        plant(patch)
        with pytest.raises(AssertionError, match=rule):
            run_schedule(world, schedule)


@pytest.mark.timeout(600)
def test_schedules_of_the_faults_of_guests_pass_without_them(world: World) -> None:
    for _plant, schedule, _rule in FAULTS.values():
        run_schedule(world, schedule)
