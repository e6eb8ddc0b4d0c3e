"""The page that adds a passkey to an account."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.http import HttpRequest
from django.urls import reverse


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]
    """allauth's page, for passkeys alone: found by the device itself, opened with a finger, a face or a PIN."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        options = context["js_data"]["creation_options"]["publicKey"]
        options["authenticatorSelection"].update(residentKey="required", requireResidentKey=True)
        return context

    def get_success_url(self) -> str:
        """The first one comes with recovery codes, and those have a button that leads on."""
        wanted = _wanted(self.request)
        if not self.did_generate_recovery_codes:
            return wanted or reverse("mfa_list_webauthn")
        return reverse("mfa_view_recovery_codes") + (f"?{urlencode({'next': wanted})}" if wanted else "")


add = AddPasskey.as_view()


def _wanted(request: HttpRequest) -> str:
    """`next`, if it stays on this site."""
    return get_next_redirect_url(request) or ""
