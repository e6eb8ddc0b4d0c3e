"""What allauth asks the shop: how mails (verify, reset, …) are sent, and what passkeys are called.

Mails go the way of all work after a change: by the worker, when there is one.
"""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.core import context as current
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.client_ip import client_ip
from apps.core.site_urls import absolute_url
from apps.core.tasks import task
from apps.users import browsers, mail_limits
from apps.users.address_adapter import AddressAdapter
from apps.users.models import User

MOST_TRIES = 5
PROOFS = {
    "reauthenticate": gettext_lazy("Use your password"),
    "reauthenticate_by_code": gettext_lazy("Use a code by mail"),
    "mfa_reauthenticate": gettext_lazy("Use a code"),
    "mfa_reauthenticate:webauthn": gettext_lazy("Use a passkey"),
}


# E-mails that a visitor waits for. Naming them does not reveal who has an account.
AWAITED = {
    "account/email/account_already_exists",
    "account/email/email_confirmation",
    "account/email/email_confirmation_signup",
    "account/email/login_code",
    "account/email/password_reset_key",
    "account/email/unknown_account",
}


class AccountAdapter(AddressAdapter):
    def get_client_ip(self, request: HttpRequest) -> str:
        """allauth's limits and ours agree on who is who."""
        return client_ip(request)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away breaks nothing: a worker tries again; without one the person is told."""
        if mail_limits.is_reached(template_prefix, email):
            return
        request = current.request
        site = SimpleNamespace(name=settings.SITE_NAME, domain=urlsplit(settings.SITE_URL).netloc)
        about = {"request": request, "email": email, "current_site": site, **_with_links_to_us(context)}
        mail = self.render_mail(template_prefix, email, about)
        html = [str(content) for content, _kind in getattr(mail, "alternatives", [])]
        result = deliver.enqueue(str(mail.subject), str(mail.body), mail.from_email, mail.to, html)
        if template_prefix in AWAITED and request and not settings.SENDS_MAIL:
            messages.warning(request, _("This is a demo, it sends no mail. Please use your password."))
        elif result.status == "FAILED" and request:
            words = _("Our mail could not be sent just now. Please ask for it again in a few minutes.")
            messages.warning(request, words)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count wrong passwords by address alone; allauth adds the Host header, whose port a client can vary."""
        return str(credentials.get("email", "")).lower()

    def reauthenticate(self, user: User, password: str) -> bool:
        """Keep this browser signed in when an old hash is upgraded: sessions are bound to the hash."""
        old = user.password
        right: bool = super().reauthenticate(user, password)
        user.refresh_from_db(fields=["password"])
        if right and user.password != old:
            update_session_auth_hash(current.request, user)
            UserSession.objects.create_from_request(current.request)  # the session has a new key
        return right

    def get_reauthentication_methods(self, user: object) -> list[dict[str, Any]]:
        """Return the ways to prove one's identity again, in the shop's words where it has some.

        Operators with a second factor use that: a session from before it was set up could else replace it.
        """
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if getattr(user, "is_staff", False):
            methods = [method for method in methods if method["id"].startswith("mfa_")] or methods
        return [
            {**method, "description": PROOFS.get(method["id"], method.get("description", ""))}
            for method in methods
        ]


def _with_links_to_us(context: dict[str, Any]) -> dict[str, Any]:
    """Return what a mail is made of, with links to SITE_URL: allauth takes the host that the request named."""
    links = {
        name: absolute_url(urlsplit(value)._replace(scheme="", netloc="").geturl())
        for name, value in context.items()
        if name.endswith("_url") and isinstance(value, str)
    }
    return {**context, **links}


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def generate_authenticator_name(self, user: object, type: object) -> str:
        """A name that tells passkeys apart: the browser that makes it."""
        return browsers.describe(current.request.META.get("HTTP_USER_AGENT", ""))

    def _get_site_name(self) -> str:
        """The name that a device shows beside the passkey."""
        return str(settings.SITE_NAME)


@task()
def deliver(subject: str, body: str, sender: str, to: list[str], html: list[str], tries: int = 1) -> None:
    """Sends one mail, after one, four, nine and sixteen minutes again. Raises what the mail server says in the end."""
    mail = EmailMultiAlternatives(subject, body, sender, to)
    for content in html:
        mail.attach_alternative(content, "text/html")
    try:
        mail.send()
    except Exception:  # whatever a mail server may say
        if tries == MOST_TRIES or not deliver.get_backend().supports_defer:
            raise
        later = deliver.using(run_after=timezone.now() + timedelta(minutes=tries**2))
        later.enqueue(subject, body, sender, to, html, tries + 1)
