"""Prepare and inspect the kill drill's site from outside its server.

python -m tests.soak.drill_site setup 200     fills VAR_DIR; prints each buyer's session cookie (JSON)
python -m tests.soak.drill_site purchases     prints every purchase with its timeline (JSON)
python -m tests.soak.drill_site iterate       reads all users with .iterator() during an open transaction (JSON)
python -m tests.soak.drill_site check         reconciles once, then prints what is lost or duplicated (JSON)
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import django

PRODUCT = "Icon set"


def setup(buyers: int) -> dict[str, Any]:
    """Create one product and this many signed-in buyers."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    from apps.ecommerce.catalogue.sync import sync_catalogue
    from apps.ecommerce.models import ProductConfiguration
    from apps.ecommerce.stripe_api.client import get_client
    from apps.users.models import User

    call_command("migrate", verbosity=0)
    price: Any = {"currency": "usd", "unit_amount": 1900}
    product = get_client().v1.products.create({"name": PRODUCT, "default_price_data": price})
    sync_catalogue()
    configuration = ProductConfiguration.objects.get(product_id=product.id)
    cookies = []
    for number in range(buyers):
        user = User.objects.create_user(f"buyer{number}@example.com")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        cookies.append(session.session_key)
    return {"cookies": cookies, "slug": configuration.slug, "price": product.default_price}


def sell_file(slug: str, size: int) -> dict[str, Any]:
    """Add a file of `size` bytes to the product, and a paid purchase for each user."""
    from django.utils import timezone

    from apps.ecommerce.models import ProductConfiguration, Purchase
    from apps.users.models import User
    from tests.factories import add_file

    configuration = ProductConfiguration.objects.get(slug=slug)
    price = configuration.product.prices.get()
    file = add_file(configuration, "file.zip", b"P" * size)
    for user in User.objects.all():
        Purchase.objects.create(
            user=user,
            product=configuration.product,
            price=price,
            currency="usd",
            livemode=False,
            status="paid",
            email=user.email,
            paid_at=timezone.now(),
        )
    return {"name": file.versions.get().upload.name}


def purchases() -> list[Any]:
    """Return each purchase with its timeline and e-mails, oldest first."""
    from apps.ecommerce.models import Purchase

    columns = (
        "public_id",
        "status",
        "version",
        "email",
        "amount_total",
        "session_id",
        "paid_at",
        "product_id",
    )
    rows = Purchase.objects.order_by("id")
    timelines = [list(row.changes.values_list("to_status", "cause")) for row in rows]
    mails = [list(row.mails.values_list("kind", "about", "attempts")) for row in rows]
    facts = [[str(value) for value in row] for row in rows.values_list(*columns)]
    return [list(row) for row in zip(facts, timelines, mails, strict=True)]


def iterate() -> list[str]:
    """Read users one by one, while another connection has the server connection of the first one."""
    from django.db import transaction

    from apps.users.models import User

    def read_in_transaction() -> None:
        with transaction.atomic():
            User.objects.first()
            has_begun.set()
            is_finished.wait(30)

    has_begun, is_finished = threading.Event(), threading.Event()
    other = threading.Thread(target=read_in_transaction)
    users = User.objects.order_by("id").iterator(chunk_size=1)
    emails = [next(users).email]
    other.start()
    try:
        assert has_begun.wait(30)
        return emails + [user.email for user in users]
    finally:
        is_finished.set()
        other.join()


def check() -> dict[str, Any]:
    """Reconcile once; return paid purchases and every inconsistency."""
    from django.utils import timezone

    from apps.ecommerce.models import Mail, Purchase, WebhookEvent
    from apps.ecommerce.operations.reconcile import reconcile
    from stripe_sandbox import storage

    events = [WebhookEvent.objects.count(), WebhookEvent.objects.filter(processed_at=None).count()]
    # The processes that were sending these e-mails were killed.
    Mail.objects.exclude(sending_at=None).update(sending_at=timezone.now() - timedelta(hours=1))
    report = reconcile()
    faults, sessions = [], storage.find("checkout.session")
    complete = [session for session in sessions if session["status"] == "complete"]
    rows = {row.session_id: row for row in Purchase.objects.all()}
    for session in sessions:
        row = rows.get(session["id"])
        if session not in complete:
            if row and row.status not in ("open", "expired"):
                faults.append(f"{session['id']} is {session['status']}, but {row.status} in the store")
        elif row is None or row.status != "paid":
            faults.append(f"{session['id']} is paid, but not in the store")
        elif row.changes.filter(to_status="paid").count() != 1:
            faults.append(f"{session['id']} was paid more than once")
        elif row.mails.count() != _expected_emails(row) or row.mails.filter(sent_at=None).exists():
            faults.append(f"{session['id']} has {row.mails.count()} e-mails, or unsent ones")
    paid = Purchase.objects.filter(status="paid")
    if paid.count() != len(complete):
        faults.append(f"{paid.count()} are paid in the store, {len(complete)} at Stripe")
    charged = [charge for charge in storage.find("charge") if charge["status"] == "succeeded"]
    if len(charged) != len(complete):
        faults.append(f"{len(charged)} charges for {len(complete)} purchases")
    faults += [f"{user} paid {n} times" for user, n in Counter(row.user_id for row in paid).items() if n > 1]
    emails = sorted(paid.values_list("email", flat=True))
    repaired, unknown = len(report.repaired), len(report.found)
    return {"paid": emails, "faults": faults, "repaired": repaired, "found": unknown, "events": events}


def _expected_emails(purchase: Any) -> int:
    """Return 0 for a purchase that a restored backup had lost: its buyer got the e-mail before."""
    return 0 if purchase.changes.first().cause == "reconcile" else 1


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    match sys.argv[1:]:
        case ["setup", buyers]:
            answer: Any = setup(int(buyers))
        case ["sell_file", slug, size]:
            answer = sell_file(slug, int(size))
        case ["purchases"]:
            answer = purchases()
        case ["iterate"]:
            answer = iterate()
        case _:
            answer = check()
    print(f"\n{json.dumps(answer)}")  # the last line, after e-mails printed by the console backend


if __name__ == "__main__":
    main()
