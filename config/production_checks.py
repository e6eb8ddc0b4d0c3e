"""What must be right before strangers are let in: `faults()` is empty, or the server does not start.

A site is a shop's when SITE_URL is an address that the world can reach, or ALLOWED_HOSTS names one; on this machine
and in the office everything may be tried. `python -m config.server`, `manage.py runserver`, the WSGI and ASGI entry
points and `check --deploy` ask here. What each variable may look like is checked before, in config/settings.py.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection
from django.http.request import split_domain_port, validate_host

from config.env import refuse

SECRET_LETTERS, DIFFERENT_LETTERS = 50, 5  # as Django's security.W009
LIVE_KEYS = ("sk_live_", "rk_live_")
PRINTING_BACKENDS = ("backends.console.EmailBackend", "mailbox.EmailBackend")
AT_HOME = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")

Settings = LazySettings


def refuse_to_start() -> None:
    """Raise SystemExit with a line for each variable that is wrong, the variable's name first."""
    from django.conf import settings

    try:
        problems = list(faults(settings))
    except ImproperlyConfigured as error:  # Django found something while it loaded the settings
        problems = [" ".join(str(error).split())]
    if problems:
        refuse(problems)


def faults(settings: Settings) -> Iterator[str]:
    """What is wrong, one sentence or two for each variable, whose name is the first word."""
    told = set()
    # Through a tunnel a developer shows their own machine, and knows it.
    tunnel = settings.DEBUG and settings.SITE_URL == settings.TUNNEL_URL
    for is_wrong, words in [*ANYWHERE, *(FOR_A_SHOP if is_shop(settings) and not tunnel else [])]:
        variable = words.split()[0]
        if variable not in told and is_wrong(settings):
            told.add(variable)
            yield words


def is_shop(settings: Settings) -> bool:
    """Whether the world can reach the site by its own address, or by another host that it answers."""
    hosts = [] if settings.DEBUG else settings.ALLOWED_HOSTS
    return is_public(settings.SITE_URL) or any(is_public(f"https://{host.lstrip('.')}") for host in hosts)


def is_public(site_url: str) -> bool:
    """Whether the host is one that the world can reach: no name or number of this machine or its own network."""
    host = urlsplit(site_url).hostname or ""
    try:
        return not ip_address(host).is_private
    except ValueError:
        return "." in host and not host.endswith(AT_HOME)


def _lets_strangers_in(settings: Settings) -> bool:
    return not ip_address(settings.WEB_HOST).is_loopback


def _lacks_the_host_of_site_url(settings: Settings) -> bool:
    host, _port = split_domain_port(urlsplit(settings.SITE_URL).netloc)
    return bool(os.environ.get("SITE_URL")) and not validate_host(host, settings.ALLOWED_HOSTS)


def _lacks_a_mail_option(settings: Settings) -> bool:
    """Whether the provider's backend misses an option, its token for one."""
    url = os.environ.get("EMAIL_URL", "")
    if "://" not in url or url.startswith("smtp"):
        return False
    try:
        with warnings.catch_warnings(action="ignore"):  # Anymail repeats them when it sends
            get_connection()
    except (ImproperlyConfigured, ImportError):
        return True
    return False


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

# (is it wrong?, the message). Only the first message of each variable is shown.
ANYWHERE: Rules = [
    (
        lambda settings: not _sells(settings) and _live(settings),
        "STRIPE_SECRET_KEY is a live key, but STRIPE_SANDBOX is true. Unset STRIPE_SANDBOX to sell.",
    ),
    (
        lambda settings: settings.DEBUG and _live(settings),
        "DEBUG is true, but STRIPE_SECRET_KEY is a live key: whoever tries something out would pay real money. "
        "Use a test key (sk_test_…), or set DEBUG=false.",
    ),
    (
        lambda settings: settings.DEBUG and _lets_strangers_in(settings),
        "DEBUG is true, but HOST lets others in: error pages would tell them everything. Set DEBUG=false.",
    ),
    (
        lambda settings: not settings.DEBUG and not os.environ.get("SITE_URL"),
        "SITE_URL is not set. It is the address that shoppers use, for example https://shop.example.com.",
    ),
    (
        lambda settings: not settings.DEBUG and _lacks_the_host_of_site_url(settings),
        "ALLOWED_HOSTS lacks the host of SITE_URL: whoever follows a link out of a mail gets an error. Add it.",
    ),
    (
        _lacks_a_mail_option,
        "EMAIL_URL lacks an option that the provider needs: https://anymail.dev/en/stable/esps/ names them.",
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
        lambda settings: (
            not settings.DEBUG and settings.SITE_URL.startswith("https://") and not settings.BEHIND_TLS_PROXY
        ),
        "BEHIND_TLS_PROXY is not true, but SITE_URL begins with https://: the web server speaks plain HTTP and would "
        "redirect every page to itself. Put a proxy in front that ends TLS and buffers request bodies, as "
        "deploy/Caddyfile and deploy/nginx.conf do: a body that a client sends slowly holds a thread of the server.",
    ),
    (
        lambda settings: settings.DOWNLOADS_SERVED_BY == "nginx" and not settings.BEHIND_TLS_PROXY,
        "DOWNLOADS_SERVED_BY is nginx, but BEHIND_TLS_PROXY is not true: without a proxy buyers would get an empty "
        "file. Set it to django.",
    ),
    (
        _weak,
        f"SECRET_KEY is weak. It needs {SECRET_LETTERS} random letters: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'",
    ),
    (
        lambda settings: not settings.DEBUG and "*" in settings.ALLOWED_HOSTS,
        "ALLOWED_HOSTS is *: links in mails could be made to lead elsewhere. Name the host of the shop.",
    ),
    (
        lambda settings: _sells(settings) and not settings.STRIPE_SECRET_KEY,
        "STRIPE_SECRET_KEY is not set. For a demo site where nothing is real set STRIPE_SANDBOX=true.",
    ),
    (
        lambda settings: _sells(settings) and not _live(settings) and not settings.ALLOW_TEST_KEYS,
        "STRIPE_SECRET_KEY is a test key: anybody would buy with 4242 4242 4242 4242. Use the live one, or set "
        "ALLOW_TEST_KEYS=true while you rehearse.",
    ),
    (
        lambda settings: _sells(settings) and not settings.STRIPE_WEBHOOK_SECRET,
        "STRIPE_WEBHOOK_SECRET is not set; python manage.py stripe_doctor --fix prints yours.",
    ),
    (
        lambda settings: _sells(settings) and not (os.environ.get("EMAIL_URL") and settings.SENDS_MAIL),
        "EMAIL_URL is not set: buyers would get no mail. For example smtp+tls://user:password@mail.example.com:587.",
    ),
]
