import logging
from contextlib import suppress
from datetime import timedelta

from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.utils import timezone

from apps.core.rate_limits import consume
from apps.core.tasks import task

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
MAX_EMAIL_LENGTH = 320


@task()
def deliver(subject: str, body: str, sender: str, to: list[str], html: list[str], attempt: int = 1) -> None:
    """Send an e-mail. A worker retries after 1, 4, 9 and 16 minutes, then raises the mail server's error."""
    mail = EmailMultiAlternatives(subject, body, sender, to)
    for content in html:
        mail.attach_alternative(content, "text/html")
    try:
        mail.send()
    except Exception:  # backends raise errors of different libraries
        if attempt == MAX_ATTEMPTS or not deliver.get_backend().supports_defer:
            raise
        retry = deliver.using(run_after=timezone.now() + timedelta(minutes=attempt**2))
        retry.enqueue(subject, body, sender, to, html, attempt + 1)


def is_daily_limit_reached(template_prefix: str, email: str) -> bool:
    """Count an e-mail in RATE_LIMITS["mail"]. Pages must not show the result: it reveals who has an account."""
    is_reached = consume("mail", key=f"{template_prefix} {normalize_mailbox(email)}") > 0
    if is_reached:
        logger.warning("E-mail %s was not sent: its recipient exceeds RATE_LIMITS['mail']", template_prefix)
    return is_reached


def posted_mailbox(request: HttpRequest) -> str:
    email = request.POST.get("email", "") if request.method == "POST" else ""
    return normalize_mailbox(email[:MAX_EMAIL_LENGTH]) if email else ""


def normalize_mailbox(email: str) -> str:
    """Return one spelling for each mailbox: ada@example.com for "ADA"@EXAMPLE.COM."""
    local, _at, domain = email.strip().lower().rpartition("@")
    local = local.replace('"', "").replace("\\", "")
    with suppress(UnicodeError):  # the domain is not valid
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}"
