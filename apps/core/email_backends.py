import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from apps.core.log_filters import redact

logger = logging.getLogger(__name__)


class UnsentEmailBackend(BaseEmailBackend):
    """Log the masked recipients of e-mails, but not the texts: these contain codes and links."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            recipients = redact(", ".join(message.recipients()))
            logger.info("An e-mail to %s was not sent: EMAIL_URL is not set.", recipients)
        return len(email_messages)
