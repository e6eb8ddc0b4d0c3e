"""What allauth asks the shop: how mails (verify, reset, …) are sent, and what passkeys are called.

Mails go the way of all work after a change: by the worker, when there is one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.core import context as current
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.queue import task
from apps.users import browsers
from apps.users.address_adapter import AddressAdapter
from apps.web.client_address import client_address

MOST_TRIES = 5
PROOFS = {
    "reauthenticate": gettext_lazy("Use your password"),
    "reauthenticate_by_code": gettext_lazy("Use a code by mail"),
    "mfa_reauthenticate": gettext_lazy("Use a code"),
    "mfa_reauthenticate:webauthn": gettext_lazy("Use a passkey"),
}


class AccountAdapter(AddressAdapter):
    def get_client_ip(self, request: HttpRequest) -> str:
        """allauth's limits and ours agree on who is who."""
        return client_address(request)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away breaks nothing: a worker tries again; without one the person is told."""
        request = current.request
        about = {"request": request, "email": email, "current_site": get_current_site(request), **context}
        mail = self.render_mail(template_prefix, email, about)
        html = [str(content) for content, _kind in getattr(mail, "alternatives", [])]
        result = deliver.enqueue(str(mail.subject), str(mail.body), mail.from_email, mail.to, html)
        if result.status == "FAILED" and request:
            words = _("Our mail could not be sent just now. Please ask for it again in a few minutes.")
            messages.warning(request, words)

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
