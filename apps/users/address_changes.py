"""Changes of a proven address. For a week the owner of the old one can undo them: the change may be a thief's."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.adapter import get_adapter as get_sessions_adapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from apps.users.models import AddressChange, User

UNDO_PERIOD = timedelta(days=7)
SALT = "apps.users.address_changes"


class AddressTaken(Exception):
    """Another account has the old address by now."""


def record(user: User, old_email: str) -> None:
    AddressChange.objects.filter(created_at__lt=timezone.now() - UNDO_PERIOD).delete()
    AddressChange.objects.create(user=user, old_email=old_email, new_email=user.email)


def undoable() -> QuerySet[AddressChange]:
    return AddressChange.objects.filter(created_at__gte=timezone.now() - UNDO_PERIOD)


def is_reserved(email: str) -> bool:
    """Whether an account may still get this address back. A thief could else sign up with it to prevent that."""
    return undoable().filter(old_email=email.lower()).exists()


def undo_url(change: AddressChange) -> str:
    token = signing.dumps(change.pk, salt=SALT)
    return f"{settings.SITE_URL}{reverse('account_undo_address_change', args=[token])}"


def find(token: str) -> AddressChange | None:
    """Return the change that a link belongs to. None for a link that is forged, used or too old."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=UNDO_PERIOD)
    except signing.BadSignature:
        return None
    return undoable().filter(pk=pk).select_related("user").first()


@transaction.atomic
def undo(change: AddressChange) -> None:
    """Restore the account's old address and remove every other way to sign in. Raise AddressTaken.

    Second factors older than the change stay: allauth allows no change of address with one, so they are the owner's.
    """
    user = User.objects.select_for_update().get(pk=change.user_id)
    others = User.objects.exclude(pk=user.pk)
    if others.filter(email=change.old_email).exists() or (
        EmailAddress.objects.exclude(user=user).filter(email=change.old_email, verified=True).exists()
    ):
        raise AddressTaken
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=change.old_email, verified=True, primary=True)
    user.email = change.old_email
    user.set_unusable_password()  # its hash is in every session: all of them end
    user.save(update_fields=["email", "password"])
    Authenticator.objects.filter(user=user, created_at__gte=change.created_at).delete()
    SocialAccount.objects.filter(user=user).delete()
    AddressChange.objects.filter(user=user, pk__gte=change.pk).delete()  # the thief's own links with it
    get_sessions_adapter().end_sessions(UserSession.objects.filter(user=user))
