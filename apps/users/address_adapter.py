"""What the shop changes in allauth about addresses: which of them open an account, and how they change."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.users import address_changes, address_proof
from apps.users.models import User


class AddressAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Offer a page with instructions to users without password, second factor and proven address."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if methods or not user.is_authenticated:
            return methods
        url = reverse("account_confirm_first")
        return [{"id": "confirm_first", "description": _("Confirm your address first"), "url": url}]

    def pre_login(
        self, request: HttpRequest, user: User, *, email: str | None, **login: Any
    ) -> HttpResponse | None:
        """A code that was sent before the address left the account opens nothing any more."""
        if email and not address_proof.belongs_to(user, email):
            request.session.flush()
            messages.error(request, _("This address does not belong to the account any more."))
            return redirect("account_login")
        response: HttpResponse | None = super().pre_login(request, user, email=email, **login)
        return response

    def logout(self, request: HttpRequest) -> None:
        """Keep the record that an unproven account was created in this browser."""
        kept = request.session.get(address_proof.SESSION_KEY)
        super().logout(request)
        if kept:
            request.session[address_proof.SESSION_KEY] = kept

    @transaction.atomic
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Refuse an address that another account has, and a change that the account's owner does not confirm."""
        user = email_address.user
        if User.objects.filter(email=email_address.email).exclude(pk=user.pk).exists():
            template = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, template, {"email": email_address.email})
            return False
        changes = email_address.email != user.email and address_proof.has_other_proven(email_address)
        if changes and request.user != user:
            messages.info(request, _("Please sign in to the account whose address changes, then confirm."))
            raise ImmediateHttpResponse(redirect_to_login(request.get_full_path()))
        return bool(super().confirm_email(request, email_address))

    def set_password(self, user: User, password: str) -> None:
        """Store the password only if no other request has changed or removed it since this one read it."""
        known = user.password
        user.set_password(password)
        if not User.objects.filter(pk=user.pk, password=known).update(password=user.password):
            raise ImmediateHttpResponse(redirect("account_login"))

    def validate_unique_email(self, email: str) -> str:
        if address_changes.is_reserved(email):
            raise self.validation_error("email_taken")
        return str(super().validate_unique_email(email))

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Send the notice of a change to the old address if it was proven. An unproven one may be a stranger's."""
        if template_prefix == "account/email/email_changed":
            change = address_changes.undoable().filter(user=user, new_email=user.email).last()
            if not change:
                return
            email = change.old_email
            context = {
                "from_email": change.old_email,
                "to_email": change.new_email,
                "undo_url": address_changes.undo_url(change),
            }
        super().send_notification_mail(template_prefix, user, context, email)
