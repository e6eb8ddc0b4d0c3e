"""Announce a new version of a file to owners: one e-mail for each owner, once for each version."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_tasks_db import DatabaseBackend

from apps.core.tasks import enqueue
from apps.ecommerce.content.files import is_included
from apps.ecommerce.content.unsubscribe import unsubscribe_headers, unsubscribe_path
from apps.ecommerce.models import FileVersion, Mail, ProductFile, Purchase
from apps.ecommerce.purchases.emails.queue import send_emails
from apps.ecommerce.purchases.emails.texts import TEXTS, EmailDetails, EmailText
from apps.ecommerce.purchases.entitlements import purchases_with_access

BATCH_SIZE = 100  # e-mails in one task
MAX_SENT_IN_REQUEST = 20  # without a task queue; reconcile_purchases sends the rest
ABOUT = "file version "


def recipients(version: FileVersion) -> list[Purchase]:
    """Return one purchase, the newest, of each owner who can open the file and has not unsubscribed."""
    product = version.file.configuration.product_id
    rows = purchases_with_access().filter(product=product, user__is_active=True)
    by_user: dict[Any, list[Purchase]] = defaultdict(list)
    for purchase in rows.only("user_id", "plan", "unsubscribed_at"):
        by_user[purchase.user_id].append(purchase)
    return [purchases[0] for purchases in by_user.values() if _is_wanted(version, purchases)]


def _is_wanted(version: FileVersion, purchases: Iterable[Purchase]) -> bool:
    """Return whether an owner with these purchases can open the file, and gets e-mails about it."""
    is_unsubscribed = any(purchase.unsubscribed_at for purchase in purchases)
    return not is_unsubscribed and is_included(version.file, {purchase.plan for purchase in purchases})


@transaction.atomic
def announce(version: FileVersion) -> int | None:
    """Queue an e-mail to each recipient. Return how many, or None if it was announced before."""
    unannounced = FileVersion.objects.filter(pk=version.pk, announced_at=None)
    if not unannounced.update(announced_at=timezone.now()):
        return None
    about = f"{ABOUT}{version.pk}"
    rows = [Mail(purchase=purchase, kind=Mail.Kind.UPDATED, about=about) for purchase in recipients(version)]
    keys = [mail.pk for mail in Mail.objects.bulk_create(rows, batch_size=BATCH_SIZE)]
    if not isinstance(send_emails.get_backend(), DatabaseBackend):
        keys = keys[:MAX_SENT_IN_REQUEST]
    for start in range(0, len(keys), BATCH_SIZE):
        enqueue(send_emails, keys[start : start + BATCH_SIZE])
    return len(rows)


def update_details(purchase: Purchase, about: str) -> EmailDetails | None:
    """Return the details of the e-mail. None if the version was deleted, or if the owner should no longer get it."""
    if not about:
        return describe_update(purchase, _preview_version(purchase))
    versions = FileVersion.objects.select_related("file__lesson", "file__configuration")
    version = versions.filter(pk=about.removeprefix(ABOUT)).first()
    if version is None or purchase.user is None or not purchase.user.is_active:
        return None
    product = version.file.configuration.product_id
    owned = list(purchases_with_access().filter(user=purchase.user, product=product))
    return describe_update(purchase, version) if owned and _is_wanted(version, owned) else None


def describe_update(purchase: Purchase, version: FileVersion) -> EmailDetails:
    file = version.file
    is_first = not file.pk or not file.versions.exclude(pk=version.pk).exists()
    news = _("New file: %(file)s") if is_first else _("New version: %(file)s")
    name = " ".join(f"{file.name} {version.label}".split())
    path = reverse("purchased_product", args=[file.configuration.slug])
    return EmailDetails(
        values={"news": news % {"file": name}, "file": name},
        context={
            "notes": version.notes,
            "order_url": f"{settings.SITE_URL}{path}",
            "unsubscribe_url": f"{settings.SITE_URL}{unsubscribe_path(purchase)}",
        },
        headers=unsubscribe_headers(purchase),
    )


def _preview_version(purchase: Purchase) -> FileVersion:
    configuration = purchase.product.configuration
    return FileVersion(file=ProductFile(name=_("Sample file"), configuration=configuration), label="1.2")


TEXTS[Mail.Kind.UPDATED] = EmailText(
    "%(product)s: %(news)s",
    "%(news)s",
    gettext_lazy("You can download %(file)s now. It belongs to your purchase of %(product)s."),
    gettext_lazy("Open your files"),
    template="ecommerce/mail/file_update",
    details=update_details,
)
