"""Access without payment, which operators grant, end and restore. It needs no request to Stripe."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Mail, Price, Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.emails.queue import queue_email
from apps.ecommerce.purchases.emails.texts import TEXTS, EmailDetails, EmailText
from apps.ecommerce.purchases.external_sales import find_verified_account
from apps.ecommerce.purchases.fulfilment import change_purchase
from apps.ecommerce.purchases.licences import issue_licence_key
from apps.ecommerce.purchases.signals import queue_access_signal
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.models import User


class AlreadyGiven(Exception):
    """The address has been given access at this price, in the current mode."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__(purchase.order_number)
        self.purchase = purchase


@transaction.atomic
def give_access(
    price: Price, email: str, *, until: datetime | None, language: str, public_id: UUID, cause: str
) -> Purchase:
    """Grant access to the account that has verified this address, or let the access wait for such an account.

    Safe to repeat with the same `public_id`. Raise AlreadyGiven.
    """
    Price.objects.select_for_update().get(pk=price.pk)  # another operator may be granting the same access
    if known := Purchase.objects.filter(public_id=public_id).first():
        return known
    given = Purchase.objects.filter(granted_at__isnull=False, email=email, price=price, status=Status.PAID)
    now = timezone.now()
    for other in given.filter(revoked_at=None, livemode=is_livemode()):
        if other.granted_until is None or other.granted_until > now:
            raise AlreadyGiven(other)
    purchase = Purchase.objects.create_for(
        None,
        price,
        cause,
        public_id=public_id,
        email=email,
        language=language,
        status=Status.PAID,
        is_recurring=False,
        amount_subtotal=0,
        amount_total=0,
        granted_at=now,
        granted_until=until,
    )
    user = find_verified_account(email)
    if user:
        _claim(purchase, user)
    else:
        queue_email(purchase, Mail.Kind.INVITED, "given")
    return purchase


def queue_claim(email_address: EmailAddress, **kwargs: Any) -> None:
    """Receive allauth's email_confirmed."""
    enqueue(claim_access_of, email_address.email)


def queue_claim_after_signup(user: User, **kwargs: Any) -> None:
    """Receive allauth's user_signed_up: another service may have verified the address before."""
    enqueue(claim_access_of, user.email)


@task()
def claim_access_of(email: str) -> None:
    _claim_all(Purchase.objects.waiting().filter(email__iexact=email))


def claim_all_waiting_access() -> None:
    """Repeat the tasks that failed."""
    _claim_all(Purchase.objects.waiting())


def end_given_access() -> None:
    """Set the status of purchases whose access has expired. The product is closed before that, too."""
    given = Purchase.objects.filter(status=Status.PAID, granted_until__lte=timezone.now())
    for pk in given.filter(livemode=is_livemode()).values_list("pk", flat=True):
        with transaction.atomic():
            purchase = Purchase.objects.select_for_update().get(pk=pk)
            if purchase.status == Status.PAID:
                change_purchase(purchase, {"status": Status.CANCELED}, "the access that was given has ended")


@transaction.atomic
def revoke_access(purchase: Purchase, cause: str, *, sends_email: bool) -> Purchase:
    """End the access of an order, also if more is paid for it. Nothing is refunded or canceled at Stripe."""
    return _set_revoked(purchase, timezone.now(), cause, Mail.Kind.REVOKED if sends_email else None)


@transaction.atomic
def restore_access(purchase: Purchase, cause: str, *, sends_email: bool) -> Purchase:
    """Undo revoke_access, so that access depends on the payments again."""
    return _set_revoked(purchase, None, cause, Mail.Kind.RESTORED if sends_email else None)


def _claim_all(waiting: PurchaseQuerySet) -> None:
    """Assign waiting access to the accounts that have verified its addresses since then."""
    for pk, email in waiting.filter(status=Status.PAID, revoked_at=None).values_list("pk", "email"):
        if not (user := find_verified_account(email)):
            continue
        with transaction.atomic():
            if purchase := Purchase.objects.waiting().select_for_update().filter(pk=pk).first():
                _claim(purchase, user)


def _claim(purchase: Purchase, user: User) -> None:
    """Call it in a transaction that has locked or created the purchase."""
    changes = {"user": user, "claimed_at": timezone.now(), "version": purchase.version + 1}
    for name, value in changes.items():
        setattr(purchase, name, value)
    purchase.save(update_fields=changes)
    if purchase.opens_product:
        issue_licence_key(purchase)
        queue_access_signal(purchase, had_access=False)
        queue_email(purchase, Mail.Kind.GRANTED, "claimed")


def _set_revoked(
    purchase: Purchase, revoked_at: datetime | None, cause: str, kind: Mail.Kind | None
) -> Purchase:
    locked = Purchase.objects.select_for_update().get(pk=purchase.pk)
    if bool(locked.revoked_at) == bool(revoked_at):
        return locked
    change_purchase(locked, {"revoked_at": revoked_at}, cause)
    if kind and (revoked_at or locked.opens_product):
        queue_email(locked, kind, f"v{locked.version}")
    if locked.is_waiting:
        enqueue(claim_access_of, locked.email)  # an account may have confirmed the address in the meantime
    return locked


def _granted_details(purchase: Purchase, about: str) -> EmailDetails | None:
    return None if about and not purchase.opens_product else EmailDetails()


def _invited_details(purchase: Purchase, about: str) -> EmailDetails | None:
    if about and not (purchase.is_waiting and purchase.opens_product):
        return None
    path = f"{reverse('account_signup')}?{urlencode({'next': reverse('purchases')})}"
    values = {"email": purchase.email}
    return EmailDetails(values=values, context={"order_url": f"{settings.SITE_URL}{path}"})


def _revoked_details(purchase: Purchase, about: str) -> EmailDetails | None:
    return None if about and not purchase.revoked_at else EmailDetails()


TEXTS[Mail.Kind.GRANTED] = EmailText(
    _("You have access to %(product)s"),
    _("You have complimentary access"),
    _("We have given you access to %(product)s.%(lasts)s There is nothing to pay."),
    _("View order"),
    details=_granted_details,
)
TEXTS[Mail.Kind.INVITED] = EmailText(
    _("Your access to %(product)s is waiting for you"),
    _("Your complimentary access is waiting"),
    _(
        "We have given you access to %(product)s.%(lasts)s There is nothing to pay. To open it, sign up or sign in "
        "with the e-mail address %(email)s, and confirm the address."
    ),
    _("Sign up"),
    details=_invited_details,
)
TEXTS[Mail.Kind.REVOKED] = EmailText(
    _("Your access to %(product)s has ended"),
    _("Your access has ended"),
    _(
        "We have ended your access to %(product)s, order %(order)s. "
        "If you have questions, please reply to this e-mail."
    ),
    _("View order"),
    details=_revoked_details,
)
