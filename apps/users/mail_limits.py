"""Limits on e-mails to one address, for all clients together (setting RATE_LIMITS).

A page that sends e-mails answers 429 after too many requests for one address, known or not. Besides, no more than
RATE_LIMITS["mail"] are sent in all. That limit shows no message, because it would reveal who has an account.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from allauth.core import ratelimit
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.rate_limits import seconds_to_wait, too_many_requests

logger = logging.getLogger(__name__)

CONFIRMATION_PAUSE_SECONDS = 180  # as RATE_LIMITS["confirm_email"]
MAX_EMAIL_LENGTH = 320  # no valid address is longer
QUOTED = re.compile(r'"(.*)"')
ESCAPED = re.compile(r"\\(.)")


def is_reached(template_prefix: str, email: str) -> bool:
    """Count a mail of this kind; True if the address has had enough of them today."""
    reached = seconds_to_wait("mail", key=f"{template_prefix} {mailbox_of(email)}") > 0
    if reached:
        logger.warning("Mail %s was not sent: the address has had too many today", template_prefix)
    return reached


def mailbox_of(email: str) -> str:
    """Return one spelling for all addresses of the same mailbox: "ADA"@EXAMPLE.COM ▶ ada@example.com."""
    local, _at, domain = email.strip().lower().rpartition("@")
    if quoted := QUOTED.fullmatch(local):
        local = ESCAPED.sub(r"\1", quoted[1])
    with suppress(UnicodeError):  # such a domain gets no mail
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}"


def mailbox_in(request: HttpRequest) -> str:
    """Return the mailbox that a form asks to be written to; "" for a request without one."""
    email = request.POST.get("email", "") if request.method == "POST" else ""
    return mailbox_of(email[:MAX_EMAIL_LENGTH]) if email else ""


def confirmations_limited(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorate the page for changing the address: answer 429 where allauth would skip the e-mail silently."""

    @wraps(view)
    def inner(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        email = request.POST.get("email", "").strip().lower()
        asks = request.method == "POST" and {"action_send", "action_add"} & request.POST.keys()
        if email and asks and not _may_confirm(request, email):
            return too_many_requests(request, CONFIRMATION_PAUSE_SECONDS)
        return view(request, *args, **kwargs)

    return inner


def _may_confirm(request: HttpRequest, email: str) -> bool:
    return bool(ratelimit.consume(request, action="confirm_email", key=email, dry_run=True))
