"""Every page in every state, for test_every_page.py and `make screenshots`.

A scene prepares the shop and returns the URL to open. Its purchases look as if they were just synced, so the store
sends no request to Stripe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page

from apps.devtools.purchase_samples import PAYMENT_STATES, SUBSCRIPTION_STATES, make_payment, state_values
from apps.ecommerce.content.unsubscribe import unsubscribe_path
from apps.ecommerce.models import (
    Category,
    FaqEntry,
    Payment,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    StatusChange,
    Tag,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.messages.status_texts import MESSAGES
from apps.users.email_changes import undo_url
from apps.users.models import AddressChange, User
from tests.factories import add_file, add_version

DAY = timedelta(days=1)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Safari/604.1"
)
LONG_NAME = "The unabridged and thoroughly illustrated handbook of patient, quiet and honest toolmaking"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
FIVE_LINES = "What the product contains, for whom it is, and why a very busy person would still read it. " * 5


@dataclass(frozen=True, slots=True)
class Scene:
    """`arrange` prepares the shop and returns a URL."""

    name: str
    arrange: Callable[[], str]


def page_at(name: str, path: str) -> Scene:
    return Scene(name, lambda: path)


def show(page: Page, scene: Scene) -> None:
    """Open the scene, after leaving the page of the previous one, which would poll for deleted objects."""
    page.goto("/robots.txt")  # about:blank would start a new process of the browser
    page.goto(scene.arrange())


# --- pages by user ------------------------------------------------------------------------------------------

FOR_VISITORS = [
    page_at("home", "/"),
    page_at("store", "/store/"),
    page_at("store-nothing-found", "/store/?q=nothing-like-this"),
    page_at("product-paid-once", "/store/tiny-tools/"),
    page_at("product-two-prices", "/store/workshop/"),
    page_at("product-trial", "/store/sunday-letter/"),
    page_at("terms", "/terms/"),
    page_at("privacy", "/privacy/"),
    page_at("refunds", "/refunds/"),
    page_at("sign-up", "/accounts/signup/"),
    page_at("sign-in-for-a-product", "/accounts/login/?next=/purchases/tiny-tools/"),
    page_at("sign-in", "/accounts/login/"),
    page_at("sign-in-code", "/accounts/login/code/"),
    page_at("password-reset", "/accounts/password/reset/"),
    page_at("password-reset-done", "/accounts/password/reset/done/"),
    page_at("not-found", "/no-such-page/"),
]
# These exist with DEBUG=true only.
FOR_DEVELOPERS = [
    page_at("mailbox", "/dev/mail/"),
    page_at("error-pages", "/dev/errors/"),
    page_at("sandbox-panel", "/stripe-sandbox/"),
]


def group_products() -> str:
    """Add categories, tags, features, specifications and questions to products."""
    rows = list(ProductConfiguration.objects.on_sale().select_related("product"))
    for number, name in enumerate(("Books", "Fonts", LONG_WORD)):
        category = Category.objects.create(name=name, slug=f"category-{number}", position=number)
        tag = Tag.objects.create(name=f"Tag {name}", slug=f"tag-{number}")
        for row in rows[number::3]:
            row.category, row.specifications = category, f"Format: PDF, EPUB\nSize: 12 MB\n{LONG_WORD}"
            row.product.features = ["All files, without copy protection", LONG_WORD]
            row.product.save()
            row.save()
            row.tags.add(tag)
            FaqEntry.objects.create(configuration=row, question=FIVE_LINES[:199], answer="Yes. *Really.*")
    return "/store/?category=category-1"


GROUP_SCENES = [
    Scene("store-category", group_products),
    page_at("store-tag", "/store/?tag=tag-2&category=category-2"),
    page_at("store-no-match", "/store/?category=category-0&tag=tag-1"),
    page_at("product-facts", "/store/tiny-tools/"),
]


def preview_scenes() -> list[Scene]:
    def make_draft() -> str:
        ProductConfiguration.objects.filter(slug="workshop").update(status="draft", listed=False)
        return "/store/workshop/"

    def preview_as_owner() -> str:
        row = ProductConfiguration.objects.get(slug="workshop")
        return f"/admin/ecommerce/productconfiguration/{row.pk}/owner-preview/"

    return [Scene("draft-preview", make_draft), Scene("owner-preview", preview_as_owner)]


def buyer_scenes(user: User) -> list[Scene]:
    """Return the pages of a buyer with a paid, a subscribed, a pending and a refunded product."""

    def fill_library() -> str:
        for state, slug in (
            ("paid", "tiny-tools"),
            ("active", "workshop"),
            ("refunded_running", "sunday-letter"),
            ("processing", "quiet-hours"),
            ("refunded", "fair-price"),
        ):
            create_purchase(state, user, slug)
        return "/purchases/"

    return [
        page_at("library-empty", "/purchases/"),
        Scene("library", fill_library),
        page_at("store-signed-in", "/store/"),
        page_at("product-owned", "/store/tiny-tools/"),
        page_at("product-subscribed", "/store/workshop/"),
        page_at("product-processing", "/store/quiet-hours/"),
        page_at("gated-page", "/purchases/tiny-tools/"),
        page_at("account", "/accounts/"),
        page_at("account-billing-details", "/accounts/billing-details/"),
        page_at("account-email", "/accounts/email/"),
        page_at("account-password", "/accounts/password/change/"),
        page_at("account-sign-out", "/accounts/logout/"),
        page_at("account-delete", "/accounts/delete/"),
    ]


def security_scenes(user: User) -> list[Scene]:
    """Return the pages about second factors, for a user with two sessions."""

    def verify_email() -> str:
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True})
        return "/accounts/reauthenticate/code/"

    def enable_two_factor() -> str:
        TOTP.activate(user, generate_totp_secret())
        RecoveryCodes.activate(user)
        return "/accounts/2fa/"

    def create_sessions() -> str:
        for session, browser in zip(Session.objects.all(), ("Chrome Windows", PHONE), strict=False):
            UserSession.objects.create(
                user=user, session_key=session.session_key, ip="198.51.100.7", user_agent=browser
            )
        return "/accounts/sessions/"

    def change_email() -> str:
        change = AddressChange.objects.create(user=user, old_email="old@example.com", new_email=user.email)
        return undo_url(change).removeprefix(settings.SITE_URL)

    return [
        Scene("account-undo-change", change_email),
        page_at("account-app", "/accounts/2fa/totp/activate/"),
        Scene("account-two-factor", enable_two_factor),
        page_at("account-codes", "/accounts/2fa/recovery-codes/"),
        Scene("account-sessions", create_sessions),
        page_at("account-passkey", "/accounts/2fa/webauthn/add/"),
        page_at("account-reauthenticate", "/accounts/reauthenticate/"),
        Scene("account-reauthenticate-by-code", verify_email),
    ]


def status_scenes(user: User) -> list[Scene]:
    """Return the page of one purchase in each state of status_messages.py."""

    def create_order(state: str) -> str:
        Purchase.objects.filter(user=user).delete()
        path = create_purchase(state, user, _SLUGS.get(state, "tiny-tools")).get_absolute_url()
        return f"{path}?canceled" if state == "canceled_by_buyer" else path

    return [
        Scene(f"order-{str(state).replace('_', '-')}", lambda state=state: create_order(state))
        for state in MESSAGES
    ]


def payment_scenes(user: User) -> list[Scene]:
    """Return the order page with payments in each state, and receipts."""

    def create_payments() -> str:
        Purchase.objects.filter(user=user).delete()
        purchase = create_purchase("active", user, "workshop")
        for months, state in enumerate([*PAYMENT_STATES, *["paid"] * 10], start=2):
            make_payment(purchase, state, months).save()
        return purchase.get_absolute_url()

    def create_receipt(state: str, payment_state: str) -> str:
        Purchase.objects.filter(user=user).delete()
        purchase = create_purchase(state, user, _SLUGS.get(state, "tiny-tools"))
        foreign = {"presentment_currency": "eur", "presentment_amount": 2640}
        payment = make_payment(purchase, payment_state, 30, amount_discount=500, **foreign)
        payment.save()
        return payment.get_absolute_url()

    def create_long_order() -> str:
        Purchase.objects.filter(user=user).delete()
        purchase = create_purchase("active", user, "workshop")
        purchase.product_name, purchase.price_name = LONG_NAME, LONG_WORD
        purchase.save()
        return purchase.get_absolute_url()

    def create_owned_files() -> str:
        Purchase.objects.filter(user=user).delete()
        configuration = create_purchase("active", user, "workshop").product.configuration
        create_files(configuration)
        return f"/purchases/{configuration.slug}/"

    def create_unsubscribe_link() -> str:
        return unsubscribe_path(Purchase.objects.filter(user=user).earliest("id"))

    def create_long_receipt() -> str:
        create_long_order()
        return Payment.objects.filter(status="paid").earliest("created_at").get_absolute_url()

    return [
        Scene("order-24-payments", create_payments),
        Scene("receipt", lambda: create_receipt("paid", "paid")),
        Scene("receipt-refunded-renewal", lambda: create_receipt("active", "partially_refunded")),
        Scene("extreme-order", create_long_order),
        Scene("extreme-receipt", create_long_receipt),
        Scene("extreme-owned-files", create_owned_files),
        Scene("extreme-unsubscribe", create_unsubscribe_link),
    ]


# --- difficult layouts -------------------------------------------------------------------------------------


def difficult_scenes() -> list[Scene]:
    def use_long_texts() -> str:
        product = Product.objects.get(configuration__slug="tiny-tools")
        product.name, product.description, product.images = LONG_NAME, FIVE_LINES, []
        product.save()
        Price.objects.filter(product=product).update(currency="jpy", unit_amount=1_000_000)
        ProductConfiguration.objects.filter(product=product).update(tagline=LONG_WORD)
        return "/store/tiny-tools/"

    def add_prices() -> str:
        product = Product.objects.get(configuration__slug="workshop")
        for number in range(10):
            _price(product, f"price_more_{number}", 4900 + 1000 * number, nickname=f"Team of {number + 2}")
        product.save()
        return "/store/workshop/"

    def add_currencies() -> str:
        product = Product.objects.get(configuration__slug="workshop")
        amounts = dict.fromkeys(
            ("eur", "gbp", "chf", "sek", "dkk", "pln", "cad", "aud", "huf", "jpy"), 1_000_000
        )
        product.prices.update(currency_options=amounts)
        product.save()
        return "/store/workshop/?currency=huf"

    def let_buyers_choose_the_amount() -> str:
        product = Product.objects.get(configuration__slug="tiny-tools")
        limits = {"custom_minimum": 500, "custom_maximum": 100_000, "custom_preset": 1500}
        product.prices.update(unit_amount=None, **limits)
        product.save()
        return "/store/tiny-tools/"

    def add_products() -> str:
        fill_store(200)
        return "/store/"

    def keep_one_product() -> str:
        ProductConfiguration.objects.exclude(slug="tiny-tools").update(status="hidden")
        ProductConfiguration.objects.get(slug="tiny-tools").save()
        return "/store/"

    def hide_all_products() -> str:
        ProductConfiguration.objects.update(status="hidden")
        ProductConfiguration.objects.get(slug="tiny-tools").save()
        return "/store/"

    def add_files() -> str:
        product = Product.objects.get(configuration__slug="workshop")
        product.features = ["240 icons", FIVE_LINES, LONG_WORD]
        product.save()
        create_files(product.configuration)
        return "/store/workshop/"

    return [
        Scene("extreme-product", use_long_texts),
        Scene("extreme-product-files", add_files),
        page_at("extreme-store", "/store/"),
        Scene("product-twelve-prices", add_prices),
        Scene("product-many-currencies", add_currencies),
        Scene("product-chosen-amount", let_buyers_choose_the_amount),
        Scene("store-200-products", add_products),
        page_at("store-page-3", "/store/?page=3"),
        Scene("store-1-product", keep_one_product),
        Scene("store-empty", hide_all_products),
        page_at("product-not-for-sale", "/store/workshop/"),
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

_SLUGS = dict.fromkeys(SUBSCRIPTION_STATES, "workshop")
# State of the purchase ▶ states of its payments (keys of PAYMENT_STATES), newest first.
_PAYMENTS: dict[str, Sequence[str]] = {
    **{state: [state] for state in ("processing", "paid", "failed", "partially_refunded")},
    **{state: [state] for state in ("refunded", "disputed", "dispute_lost")},
    **dict.fromkeys(["active", "collection_paused", "ending", "paused", "canceled"], ("paid", "free")),
    **dict.fromkeys(["past_due", "lapsed", "unpaid"], ("failed", "paid")),
    "collection_paused_lapsed": ["void", "paid"],
    "trialing": ["free"],
    "incomplete": ["open"],
    "refunded_running": ["refunded", "paid"],
    "dispute_lost_running": ["dispute_lost", "paid"],
}


def create_files(configuration: ProductConfiguration) -> None:
    """Add a file with versions, a sample, a file of another plan, and one with long texts."""
    file = add_file(configuration, "icons.zip", b"x" * 3_000_000, name="Everything as SVG")
    add_version(file, label="1.1")
    add_version(
        file, label="1.2", notes="## New\n\n- arrows\n- a table\n\n```\n" + "wide code " * 30 + "\n```"
    )
    add_file(configuration, "three.zip", name="Three of them", is_sample=True)
    add_file(configuration, "sources", name="Sources", plan="team")
    add_version(
        add_file(configuration, f"{LONG_WORD}.pdf", name=LONG_WORD), notes=FIVE_LINES, label=LONG_WORD[:50]
    )


def create_purchase(state: str, user: User, slug: str) -> Purchase:
    """Create a purchase in this state (a key of status_texts.MESSAGES), with its status changes."""
    configuration = ProductConfiguration.objects.with_catalogue().get(slug=slug)
    price = configuration.prices[0]
    purchase = Purchase.objects.create(
        user=user,
        email=user.email,
        product=configuration.product,
        product_name=configuration.product.name,
        price=price,
        version=2,
        livemode=False,
        # The order page does not refresh it: Stripe has no such subscription.
        synced_at=timezone.now() + DAY,
        currency=price.currency,
        **state_values(state, price) | ({"subscription_id": f"sub_{slug}"} if price.is_recurring else {}),
    )
    for months, payment in enumerate(_PAYMENTS.get(state, [])):
        make_payment(purchase, payment, months).save()
    status = purchase.status
    steps = [Status.OPEN] if status == Status.OPEN else [Status.OPEN, status]
    for version, (before, after) in enumerate(zip(["", *steps], steps, strict=False), start=1):
        StatusChange.objects.create(
            purchase=purchase,
            from_status=before,
            to_status=after,
            suspended_by=purchase.suspension,
            version=version,
            cause="a test scene",
        )
    return purchase
