from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.utils import passthrough_next_redirect_url
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.client_ip import client_ip
from apps.core.site_urls import absolute_url
from apps.users import email_changes, email_verification, emails, sign_in
from apps.users.models import User

REAUTHENTICATION_LABELS = {
    "reauthenticate": gettext_lazy("Use your password"),
    "reauthenticate_by_code": gettext_lazy("Use an emailed code"),
    "mfa_reauthenticate": gettext_lazy("Use an authenticator or recovery code"),
    "mfa_reauthenticate:webauthn": gettext_lazy("Use a passkey"),
}
# E-mails that visitors request. Whether they are sent does not depend on whether an account exists.
REQUESTED_EMAILS = {
    "account/email/account_already_exists",
    "account/email/email_confirmation",
    "account/email/email_confirmation_signup",
    "account/email/login_code",
    "account/email/password_reset_key",
    "account/email/unknown_account",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip(request)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Enqueue the e-mail. Add a message for the visitor if that failed, or if this shop sends no e-mails."""
        if emails.is_daily_limit_reached(template_prefix, email):
            return
        request = current.request
        site = SimpleNamespace(name=settings.SITE_NAME, domain=urlsplit(settings.SITE_URL).netloc)
        links = {name: _with_site_url(url) for name, url in context.items() if name.endswith("_url")}
        context = {"request": request, "email": email, "current_site": site, **context, **links}
        mail = self.render_mail(template_prefix, email, context)
        html = [str(content) for content, _type in getattr(mail, "alternatives", [])]
        result = emails.deliver.enqueue(str(mail.subject), str(mail.body), mail.from_email, mail.to, html)
        if template_prefix in REQUESTED_EMAILS and request and not settings.SENDS_MAIL:
            messages.warning(request, _("This demo store doesn't send e-mails. Please use your password."))
        elif result.status == "FAILED" and request:
            text = _("We couldn't send the e-mail. Please request it again in a few minutes.")
            messages.warning(request, text)

    def send_account_already_exists_mail(self, email: str) -> None:
        """Send a link that signs in and continues where the visitor signed up, also in another browser."""
        url = passthrough_next_redirect_url(current.request, reverse("account_login"), REDIRECT_FIELD_NAME)
        context = {"login_url": url, "password_reset_url": reverse("account_reset_password")}
        self.send_mail("account/email/account_already_exists", email, context)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Send the notice of a changed address to the old address, with a link that undoes the change."""
        if template_prefix == "account/email/email_changed":
            change = email_changes.undoable().filter(user=user, new_email=user.email).last()
            if not change:
                return
            email = change.old_email
            context = {
                "from_email": change.old_email,
                "to_email": change.new_email,
                "undo_url": email_changes.undo_url(change),
            }
        super().send_notification_mail(template_prefix, user, context, email)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if user.is_authenticated and not methods:
            url = reverse("account_confirm_first")
            description = _("Confirm your e-mail address first")
            return [{"id": "confirm_first", "description": description, "url": url}]
        if getattr(user, "is_staff", False):
            # The password alone must not be enough to replace the second factor.
            methods = [method for method in methods if method["id"].startswith("mfa_")] or methods
        for method in methods:
            default = method.get("description", "")
            method["description"] = REAUTHENTICATION_LABELS.get(method["id"], default)
        return methods

    def reauthenticate(self, user: User, password: str) -> bool:
        """Keep the session if the check replaces an outdated password hash."""
        old_hash = user.password
        is_correct: bool = super().reauthenticate(user, password)
        user.refresh_from_db(fields=["password"])
        if is_correct and user.password != old_hash:
            update_session_auth_hash(current.request, user)
            UserSession.objects.create_from_request(current.request)  # the session key is new
        return is_correct

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return a key without the Host header: allauth uses it, but a client can change it."""
        return str(credentials.get("email", "")).lower()

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return sign_in.destination(request) or str(super().get_signup_redirect_url(request))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the page after signing in without `next`: what the visitor wanted, or the admin for operators."""
        if path := sign_in.destination(request):
            return path
        user = request.user
        if user.is_staff and user.get_all_permissions():
            return reverse("admin:index")
        return str(super().get_login_redirect_url(request))

    def pre_login(
        self, request: HttpRequest, user: User, *, email: str | None, **kwargs: Any
    ) -> HttpResponse | None:
        """Refuse a code that was sent to an address that the account no longer has."""
        if email and not email_verification.has_email(user, email):
            request.session.flush()
            text = _(
                "This e-mail address no longer belongs to the account. "
                "Sign in with the account's current address."
            )
            messages.error(request, text)
            return redirect("account_login")
        response: HttpResponse | None = super().pre_login(request, user, email=email, **kwargs)
        return response

    def logout(self, request: HttpRequest) -> None:
        # Signing out flushes the session.
        credentials = request.session.get(email_verification.SESSION_KEY)
        super().logout(request)
        if credentials:
            request.session[email_verification.SESSION_KEY] = credentials

    @transaction.atomic
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Refuse an address that another account has. To confirm a changed address, its user must be signed in."""
        user = email_address.user
        if User.objects.filter(email=email_address.email).exclude(pk=user.pk).exists():
            template = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, template, {"email": email_address.email})
            return False
        is_change = email_address.email != user.email and email_verification.has_other_verified_email(
            email_address
        )
        if is_change and request.user != user:
            text = _(
                "Sign in to the account whose e-mail address you are changing, then confirm the new address."
            )
            messages.info(request, text)
            raise ImmediateHttpResponse(redirect_to_login(request.get_full_path()))
        return bool(super().confirm_email(request, email_address))

    def set_password(self, user: User, password: str) -> None:
        """Do nothing if another request has changed the password in the meantime."""
        old_hash = user.password
        user.set_password(password)
        if not User.objects.filter(pk=user.pk, password=old_hash).update(password=user.password):
            raise ImmediateHttpResponse(redirect("account_login"))

    def validate_unique_email(self, email: str) -> str:
        if email_changes.is_reserved(email):
            raise self.validation_error("email_taken")
        return str(super().validate_unique_email(email))


def _with_site_url(url: str) -> str:
    """Replace the host of the request, which allauth uses, by that of SITE_URL."""
    return absolute_url(urlsplit(url)._replace(scheme="", netloc="").geturl())
