"""Every page in every state, for test_every_page and `make screenshots`.

A scene prepares the shop and returns the URL to open. Its purchases are rows without a Checkout Session, so the store
does not ask Stripe about them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page

from apps.devtools.style_samples import SUBSCRIPTION_STATES, state_fields
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.status_messages import MESSAGES
from apps.users.email_changes import undo_url
from apps.users.models import AddressChange, User

DAY = timedelta(days=1)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Safari/604.1"
)
LONG_NAME = "The unabridged and thoroughly illustrated handbook of patient, quiet and honest toolmaking"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
FIVE_LINES = "What it holds, for whom, and why somebody who has twice as much to do would still read it. " * 5


@dataclass(frozen=True, slots=True)
class Scene:
    """`arrange` prepares the shop and returns the URL."""

    name: str
    arrange: Callable[[], str]


def at(name: str, path: str) -> Scene:
    return Scene(name, lambda: path)


def show(page: Page, scene: Scene) -> None:
    """Leave the previous scene first: an open page would poll for objects that this scene deletes."""
    page.goto("about:blank")
    page.goto(scene.arrange())


# --- who sees what ------------------------------------------------------------------------------------------

FOR_VISITORS = [
    at("home", "/"),
    at("store", "/store/"),
    at("store-nothing-found", "/store/?q=nothing-like-this"),
    at("product-paid-once", "/store/tiny-tools/"),
    at("product-two-prices", "/store/workshop/"),
    at("product-trial", "/store/sunday-letter/"),
    at("terms", "/terms/"),
    at("privacy", "/privacy/"),
    at("refunds", "/refunds/"),
    at("sign-up", "/accounts/signup/"),
    at("sign-in", "/accounts/login/"),
    at("sign-in-code", "/accounts/login/code/"),
    at("password-reset", "/accounts/password/reset/"),
    at("password-reset-done", "/accounts/password/reset/done/"),
    at("not-found", "/no-such-page/"),
]
# These exist with DEBUG on.
FOR_DEVELOPERS = [
    at("mailbox", "/dev/mail/"),
    at("sandbox-panel", "/stripe-sandbox/"),
]


def buyer_scenes(user: User) -> list[Scene]:
    """Return the pages of a buyer with a paid, a subscribed, a pending and a refunded product."""

    def library() -> str:
        for state, slug in (
            ("paid", "tiny-tools"),
            ("active", "workshop"),
            ("processing", "quiet-hours"),
            ("refunded", "fair-price"),
        ):
            purchase_in(state, user, slug)
        return "/purchases/"

    return [
        at("library-empty", "/purchases/"),
        Scene("library", library),
        at("store-signed-in", "/store/"),
        at("product-owned", "/store/tiny-tools/"),
        at("product-subscribed", "/store/workshop/"),
        at("product-processing", "/store/quiet-hours/"),
        at("gated-page", "/purchases/tiny-tools/"),
        at("account", "/accounts/"),
        at("account-email", "/accounts/email/"),
        at("account-password", "/accounts/password/change/"),
        at("account-sign-out", "/accounts/logout/"),
        at("account-delete", "/accounts/delete/"),
    ]


def security_scenes(user: User) -> list[Scene]:
    """Return the pages about second factors, for a user with two sessions."""

    def verified() -> str:
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True})
        return "/accounts/reauthenticate/code/"

    def two_steps() -> str:
        TOTP.activate(user, generate_totp_secret())
        RecoveryCodes.activate(user)
        return "/accounts/2fa/"

    def sessions() -> str:
        for session, browser in zip(Session.objects.all(), ("Chrome Windows", PHONE), strict=False):
            UserSession.objects.create(
                user=user, session_key=session.session_key, ip="198.51.100.7", user_agent=browser
            )
        return "/accounts/sessions/"

    def undo() -> str:
        change = AddressChange.objects.create(user=user, old_email="old@example.com", new_email=user.email)
        return undo_url(change).removeprefix(settings.SITE_URL)

    return [
        Scene("account-undo-change", undo),
        at("account-app", "/accounts/2fa/totp/activate/"),
        Scene("account-two-steps", two_steps),
        at("account-codes", "/accounts/2fa/recovery-codes/"),
        Scene("account-sessions", sessions),
        at("account-passkey", "/accounts/2fa/webauthn/add/"),
        at("account-proof", "/accounts/reauthenticate/"),
        Scene("account-proof-by-mail", verified),
    ]


def status_scenes(user: User) -> list[Scene]:
    """Return the page of one purchase in each state of status_messages.py."""

    def order(state: str) -> str:
        Purchase.objects.filter(user=user).delete()
        path = purchase_in(state, user, _SOLD_AS.get(state, "tiny-tools")).get_absolute_url()
        return f"{path}?canceled" if state == "canceled_by_buyer" else path

    return [
        Scene(f"order-{str(state).replace('_', '-')}", lambda state=state: order(state)) for state in MESSAGES
    ]


# --- shops that are hard to lay out -------------------------------------------------------------------------


def difficult_scenes() -> list[Scene]:
    def hard_words() -> str:
        product = Product.objects.get(configuration__slug="tiny-tools")
        product.name, product.description, product.images = LONG_NAME, FIVE_LINES, []
        product.save()
        Price.objects.filter(product=product).update(currency="jpy", unit_amount=1_000_000)
        ProductConfiguration.objects.filter(product=product).update(tagline=LONG_WORD)
        return "/store/tiny-tools/"

    def twelve_prices() -> str:
        product = Product.objects.get(configuration__slug="workshop")
        for number in range(10):
            _price(product, f"price_more_{number}", 4900 + 1000 * number, nickname=f"Team of {number + 2}")
        product.save()
        return "/store/workshop/"

    def two_hundred() -> str:
        fill_store(200)
        return "/store/"

    def one() -> str:
        ProductConfiguration.objects.exclude(slug="tiny-tools").update(is_active=False)
        ProductConfiguration.objects.get(slug="tiny-tools").save()
        return "/store/"

    def none() -> str:
        ProductConfiguration.objects.update(is_active=False)
        ProductConfiguration.objects.get(slug="tiny-tools").save()
        return "/store/"

    return [
        Scene("extreme-product", hard_words),
        at("extreme-store", "/store/"),
        Scene("product-twelve-prices", twelve_prices),
        Scene("store-200-products", two_hundred),
        at("store-page-3", "/store/?page=3"),
        Scene("store-1-product", one),
        Scene("store-empty", none),
        at("product-not-for-sale", "/store/workshop/"),
    ]


def fill_store(count: int) -> None:
    """Add products; every second one is a subscription, none has an image."""
    for number in range(count):
        product = Product.objects.create(
            id=f"prod_more_{number}",
            name=f"Useful thing no. {number + 1}",
            description="Small, honest, and done.",
            default_price_id=f"price_{number}",
            synced_at=timezone.now(),
        )
        _price(product, f"price_{number}", 500 + 100 * number, "month" if number % 2 else "")
        ProductConfiguration.objects.create(
            product=product, slug=f"thing-{number}", position=100 + number, tagline="Does one thing well."
        )


def _price(product: Product, price_id: str, amount: int, interval: str = "", nickname: str = "") -> None:
    kind = Price.Type.RECURRING if interval else Price.Type.ONE_TIME
    Price.objects.create(
        id=price_id,
        product=product,
        type=kind,
        currency="usd",
        unit_amount=amount,
        interval=interval,
        interval_count=1,
        nickname=nickname,
        synced_at=timezone.now(),
    )


# --- purchases ----------------------------------------------------------------------------------------------

_SOLD_AS = dict.fromkeys(SUBSCRIPTION_STATES, "workshop")


def purchase_in(state: str, user: User, slug: str) -> Purchase:
    """Create a purchase that shows `state` (a key of status_messages.MESSAGES), with a timeline."""
    configuration = ProductConfiguration.objects.with_catalogue().get(slug=slug)
    price, now = configuration.prices[0], timezone.now()
    status, dates = state_fields(state)
    amount = 0 if state in ("free", "trialing") else price.unit_amount or 0
    more: dict[str, Any] = {
        "failed": {"failure_message": "insufficient_funds"},
        "partially_refunded": {"amount_refunded": amount // 3},
        "refunded": {"amount_refunded": amount},
        "refunded_running": {"amount_refunded": amount},
    }.get(state, {})
    more |= {field: now + offset for field, offset in dates.items()}
    period = {
        "current_period_start": now - DAY,
        "current_period_end": now + 30 * DAY,
        "subscription_id": "sub_1",
        "subscription_status": "canceled" if status == Status.CANCELED else "active",
    }
    purchase = Purchase.objects.create(
        user=user,
        email=user.email,
        product=configuration.product,
        price=price,
        status=status,
        version=2,
        livemode=False,
        currency=price.currency,
        amount_subtotal=amount,
        amount_total=amount,
        payment_method="" if status in (Status.OPEN, Status.EXPIRED) else "Visa •••• 4242",
        paid_at=None if status in (Status.OPEN, Status.EXPIRED, Status.FAILED) else now,
        **{**(period if price.is_recurring else {}), **more},
    )
    steps = [Status.OPEN] if status == Status.OPEN else [Status.OPEN, status]
    for version, (before, after) in enumerate(zip(["", *steps], steps, strict=False), start=1):
        StatusChange.objects.create(
            purchase=purchase, from_status=before, to_status=after, version=version, cause="a scene"
        )
    return purchase
