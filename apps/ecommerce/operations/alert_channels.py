"""The channels of alerts: e-mail to ADMINS, and a POST request to ALERT_WEBHOOK_URL.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import requests
from django.conf import settings
from django.core.mail import mail_admins

TIMEOUT_SECONDS = 10
MAX_CHARACTERS = 1900  # Discord refuses more than 2000
# Mattermost and Discord notify all members of a channel. Only an e-mail address or a name can contain it.
MENTION = re.compile(r"@(?=(?:all|channel|everyone|here)\b)")


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    body: str
    summary: str = ""  # for the webhook, instead of the body


@dataclass(frozen=True, slots=True)
class Channel:
    name: str
    is_on: Callable[[], bool]
    send: Callable[[Message], None]  # raises an exception if the message was not sent
    started: str  # these two are names of columns of Alert
    sent: str


class WebhookRefused(Exception):
    pass


def send_email(message: Message) -> None:
    mail_admins(message.subject, message.body)


def post(message: Message) -> None:
    """Send the message to ALERT_WEBHOOK_URL. No error contains the URL, because anyone who knows it can post."""
    try:
        response = requests.post(
            settings.ALERT_WEBHOOK_URL,
            json={"text": format_text(message)},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,  # the response's body is not needed
        )
    except (requests.RequestException, ValueError) as error:
        raise WebhookRefused(f"no response ({type(error).__name__})") from None
    response.close()
    if not 200 <= response.status_code < 300:
        raise WebhookRefused(f"status {response.status_code}")


def format_text(message: Message) -> str:
    """Return the text with Slack's three control characters escaped, cut at the end of a line.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    text = f"{message.subject}\n{message.summary or message.body}".strip()
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    text = MENTION.sub("@\u200b", text)
    if len(text) <= MAX_CHARACTERS:
        return text
    more = f"\n… {settings.SITE_URL}/admin/"
    shown = text[: MAX_CHARACTERS - len(more)]
    whole_lines = shown.rpartition("\n")[0]
    cut = whole_lines if len(whole_lines) > MAX_CHARACTERS // 2 else re.sub(r"&\w*$", "", shown)
    return f"{cut}{more}"


EMAIL = Channel("e-mail", lambda: bool(settings.ADMINS), send_email, "mailing_at", "mailed_at")
WEBHOOK = Channel("webhook", lambda: bool(settings.ALERT_WEBHOOK_URL), post, "posting_at", "posted_at")
CHANNELS = (EMAIL, WEBHOOK)
