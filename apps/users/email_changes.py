"""Let users undo a change of their verified e-mail address, by a link that is sent to the old address."""

from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.adapter import get_adapter as get_sessions_adapter
from allauth.usersessions.models import UserSession
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from apps.core.site_urls import absolute_url
from apps.users.models import AddressChange, User

UNDO_PERIOD = timedelta(days=7)
SALT = "apps.users.address_changes"  # if you change it, links in sent e-mails stop working


class EmailTaken(Exception):
    pass


def record_change(user: User, old_email: str) -> None:
    AddressChange.objects.filter(created_at__lt=timezone.now() - UNDO_PERIOD).delete()
    AddressChange.objects.create(user=user, old_email=old_email, new_email=user.email)


def undoable() -> QuerySet[AddressChange]:
    return AddressChange.objects.filter(created_at__gte=timezone.now() - UNDO_PERIOD)


def is_reserved(email: str) -> bool:
    """Return whether an undo could restore this address, so that it is not free for sign-ups."""
    return undoable().filter(old_email=email.lower()).exists()


def undo_url(change: AddressChange) -> str:
    return absolute_url(reverse("account_undo_email_change", args=[signing.dumps(change.pk, salt=SALT)]))


def find_change(token: str) -> AddressChange | None:
    try:
        pk = signing.loads(token, salt=SALT, max_age=UNDO_PERIOD)
    except signing.BadSignature:
        return None
    return undoable().filter(pk=pk).select_related("user").first()


@transaction.atomic
def undo(change: AddressChange) -> None:
    """Restore the old address. Remove all credentials except second factors that are older than the change.

    Raise EmailTaken if another account has the old address.
    """
    user = User.objects.select_for_update().get(pk=change.user_id)
    emails = EmailAddress.objects.filter(email=change.old_email, verified=True).exclude(user=user)
    if emails.exists() or User.objects.filter(email=change.old_email).exclude(pk=user.pk).exists():
        raise EmailTaken
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=change.old_email, verified=True, primary=True)
    user.email = change.old_email
    user.set_unusable_password()  # ends all sessions of the user
    user.save(update_fields=["email", "password"])
    Authenticator.objects.filter(user=user, created_at__gte=change.created_at).delete()
    SocialAccount.objects.filter(user=user).delete()
    AddressChange.objects.filter(user=user, pk__gte=change.pk).delete()  # this change and later ones
    get_sessions_adapter().end_sessions(UserSession.objects.filter(user=user))
