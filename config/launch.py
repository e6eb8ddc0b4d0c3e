"""What must be right before strangers are let in: `faults()` is empty, or the server does not start.

A site is a shop's when SITE_URL is an address that the world can reach; on this machine and in the office everything
may be tried. `python -m config.serve`, the WSGI entry point and `check --deploy` ask here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

SECRET_LETTERS, DIFFERENT_LETTERS = 50, 5  # as Django's security.W009
TEST_KEYS, LIVE_KEYS = ("sk_test_", "rk_test_"), ("sk_live_", "rk_live_")
PRINTING_BACKENDS = ("backends.console.EmailBackend", "mailbox.EmailBackend")
AT_HOME = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")

Settings = LazySettings


def refuse_to_start() -> None:
    """Raises SystemExit with one line that names the variable, when something is wrong."""
    try:
        from django.conf import settings

        problem = next(faults(settings), "")
    except ImproperlyConfigured as error:  # settings.py itself found something
        problem = " ".join(str(error).split())
    if problem:
        raise SystemExit(f"The shop does not start. {problem}")


def faults(settings: Settings) -> Iterator[str]:
    """What is wrong, one sentence or two each, the variable's name first."""
    for is_wrong, words in [*ANYWHERE, *(FOR_A_SHOP if is_public(settings.SITE_URL) else [])]:
        if is_wrong(settings):
            yield words


def is_public(site_url: str) -> bool:
    """Whether the host is one that the world can reach: no name or number of this machine or its own network."""
    host = urlsplit(site_url).hostname or ""
    try:
        return not ip_address(host).is_private
    except ValueError:
        return "." in host and not host.endswith(AT_HOME)


def _lets_strangers_in() -> bool:
    host = os.environ.get("HOST", "")
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return False  # a name, or none


def _weak(settings: Settings) -> bool:
    key = settings.SECRET_KEY
    return (
        len(key) < SECRET_LETTERS or len(set(key)) < DIFFERENT_LETTERS or key.startswith("django-insecure-")
    )


def _live(settings: Settings) -> bool:
    return bool(settings.STRIPE_SECRET_KEY.startswith(LIVE_KEYS))


def _sells(settings: Settings) -> bool:
    return not getattr(settings, "STRIPE_SANDBOX", False)  # a shop may have dropped it


Rules = list[tuple[Callable[[Settings], bool], str]]

# Is it wrong? ▶ what the founder reads. The first that is wrong is said.
ANYWHERE: Rules = [
    (
        lambda settings: not _sells(settings) and _live(settings),
        "STRIPE_SECRET_KEY is a live key, but STRIPE_SANDBOX is true. Unset STRIPE_SANDBOX to sell.",
    ),
    (
        lambda settings: settings.DEBUG and _lets_strangers_in(),
        "DEBUG is true, but HOST lets others in: error pages would tell them everything. Set DEBUG=false.",
    ),
    (
        lambda settings: not settings.DEBUG and not os.environ.get("SITE_URL"),
        "SITE_URL is not set. It is the address that shoppers use, for example https://shop.example.com.",
    ),
    (
        lambda settings: not settings.DEBUG and os.environ.get("EMAIL_URL", "").endswith(PRINTING_BACKENDS),
        "EMAIL_URL prints mails into the log, where sign-in codes and reset links can be read. Name a mail server, or "
        "leave it empty in a demo.",
    ),
    (
        lambda settings: not settings.SENDS_MAIL and settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory",
        "ACCOUNT_EMAIL_VERIFICATION is mandatory, but EMAIL_URL is not set: nobody could sign up.",
    ),
]
FOR_A_SHOP: Rules = [
    (
        lambda settings: settings.DEBUG,
        "DEBUG is true, but SITE_URL is public: error pages would tell everybody everything. Set DEBUG=false.",
    ),
    (
        lambda settings: not settings.SITE_URL.startswith("https://"),
        "SITE_URL begins with http://: passwords could be read on their way. Use https://.",
    ),
    (
        _weak,
        f"SECRET_KEY is weak. It needs {SECRET_LETTERS} random letters: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
    ),
    (
        lambda settings: "*" in settings.ALLOWED_HOSTS,
        "ALLOWED_HOSTS is *: links in mails could be made to lead elsewhere. Name the host of the shop.",
    ),
    (
        lambda settings: _sells(settings) and not settings.STRIPE_SECRET_KEY,
        "STRIPE_SECRET_KEY is not set. For a demo site where nothing is real set STRIPE_SANDBOX=true.",
    ),
    (
        lambda settings: (
            _sells(settings) and not settings.STRIPE_SECRET_KEY.startswith(LIVE_KEYS + TEST_KEYS)
        ),
        "STRIPE_SECRET_KEY is not a secret key of Stripe's; a live one begins with sk_live_ or rk_live_.",
    ),
    (
        lambda settings: _sells(settings) and not _live(settings) and not settings.ALLOW_TEST_KEYS,
        "STRIPE_SECRET_KEY is a test key: anybody would buy with 4242 4242 4242 4242. Use the live one, or set "
        "ALLOW_TEST_KEYS=true while you rehearse.",
    ),
    (
        lambda settings: _sells(settings) and not settings.STRIPE_WEBHOOK_SECRET.startswith("whsec_"),
        "STRIPE_WEBHOOK_SECRET is not a signing secret (whsec_…); python manage.py stripe_doctor --fix prints yours.",
    ),
    (
        lambda settings: _sells(settings) and not os.environ.get("EMAIL_URL"),
        "EMAIL_URL is not set: buyers would get no mail. For example smtp+tls://user:password@mail.example.com:587.",
    ),
]
