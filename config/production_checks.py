"""System checks of what must be right before strangers reach the site. With an error the server does not start.

A site is public if SITE_URL or, without DEBUG, a host of ALLOWED_HOSTS can be reached from the internet. On a local
machine fewer checks apply. config/settings.py checks the form of each variable before.
"""

import os
import warnings
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.checks.security.base import check_secret_key
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection
from django.http.request import split_domain_port, validate_host

from apps.core.public_urls import is_public
from config.env import refuse

LIVE_KEYS = ("sk_live_", "rk_live_")
PRINTING_BACKENDS = ("backends.console.EmailBackend", "mailbox.EmailBackend")
PERMISSIONS_OF_OTHERS = 0o007


def refuse_to_start() -> None:
    """End the process with one line for each error of check_production."""
    try:
        errors = check_production(None)
    except ImproperlyConfigured as error:  # Django found something while it loaded the settings
        refuse([" ".join(str(error).split())])
    if errors:
        refuse(error.msg for error in errors)


@register(Tags.security, deploy=True)
def check_production(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Return at most one error for each variable, whose name is in the id: config.SITE_URL."""
    messages = [*_debug(), *_hosts(), *_secret_key(), *_proxy(), *_stripe(), *_email()]
    return [Error(message, id=f"config.{message.split()[0]}") for message in messages]


@register(Tags.security, deploy=True)
def check_var_dir_permissions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.VAR_DIR.stat().st_mode & PERMISSIONS_OF_OTHERS:
        return []
    message = (
        f"Every user of this machine can read {settings.VAR_DIR}: orders, e-mails, files that buyers pay for."
    )
    return [Warning(message, hint=f"chmod o-rwx {settings.VAR_DIR}", id="config.W001")]


def _is_public_site() -> bool:
    if settings.DEBUG and settings.SITE_URL == settings.TUNNEL_URL:
        return False  # a developer shows this machine on purpose
    hosts = [] if settings.DEBUG else settings.ALLOWED_HOSTS
    return any(map(is_public, [settings.SITE_URL, *(f"https://{host.lstrip('.')}" for host in hosts)]))


def _debug() -> Iterator[str]:
    if not settings.DEBUG:
        return
    if settings.STRIPE_SECRET_KEY.startswith(LIVE_KEYS):
        yield "DEBUG is true, but STRIPE_SECRET_KEY is a live key. Use a test key (sk_test_…), or set DEBUG=false."
    elif not ip_address(settings.WEB_HOST).is_loopback:
        yield "DEBUG is true, but HOST lets others in: error pages would tell them everything. Set DEBUG=false."
    elif _is_public_site():
        yield "DEBUG is true, but SITE_URL is public: error pages would tell everybody everything. Set DEBUG=false."


def _hosts() -> Iterator[str]:
    if settings.DEBUG:
        return
    host, _port = split_domain_port(urlsplit(settings.SITE_URL).netloc)
    if not os.environ.get("SITE_URL"):
        yield "SITE_URL is not set. It is the URL that shoppers use, for example https://shop.example.com."
    elif not validate_host(host, settings.ALLOWED_HOSTS):
        yield "ALLOWED_HOSTS lacks the host of SITE_URL: links in e-mails would lead to an error. Add it."
    elif _is_public_site() and "*" in settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS is *: links in e-mails could be made to lead elsewhere. Name the host of the shop."
    if os.environ.get("SITE_URL") and _is_public_site() and not settings.SITE_URL.startswith("https://"):
        yield "SITE_URL begins with http://: passwords could be read on their way. Use https://."


def _secret_key() -> Iterator[str]:
    if _is_public_site() and check_secret_key(None):  # Django's security.W009
        command = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        yield f"SECRET_KEY is weak. It needs 50 random letters: {command}"


def _proxy() -> Iterator[str]:
    if settings.BEHIND_TLS_PROXY or not _is_public_site():
        return
    if not settings.DEBUG and settings.SITE_URL.startswith("https://"):
        yield (
            "BEHIND_TLS_PROXY is not true, but SITE_URL begins with https://: the web server speaks plain HTTP. Put a "
            "proxy in front that ends TLS and buffers request bodies, as deploy/Caddyfile and deploy/nginx.conf do."
        )
    if settings.DOWNLOADS_SERVED_BY == "nginx":
        yield "DOWNLOADS_SERVED_BY is nginx, but BEHIND_TLS_PROXY is not true: buyers would get an empty file."


def _stripe() -> Iterator[str]:
    is_live = settings.STRIPE_SECRET_KEY.startswith(LIVE_KEYS)
    if settings.STRIPE_SANDBOX and is_live:
        yield "STRIPE_SECRET_KEY is a live key, but STRIPE_SANDBOX is true. Unset STRIPE_SANDBOX to sell."
    if settings.STRIPE_SANDBOX or not _is_public_site():
        return
    if not settings.STRIPE_SECRET_KEY:
        yield "STRIPE_SECRET_KEY is not set. For a demo site where nothing is real set STRIPE_SANDBOX=true."
    elif not is_live and not settings.ALLOW_TEST_KEYS:
        yield "STRIPE_SECRET_KEY is a test key. Use the live one, or set ALLOW_TEST_KEYS=true while you rehearse."
    if not settings.STRIPE_WEBHOOK_SECRET:
        yield "STRIPE_WEBHOOK_SECRET is not set; python manage.py stripe_doctor --fix prints yours."


def _email() -> Iterator[str]:
    url = os.environ.get("EMAIL_URL", "")
    if _lacks_provider_option(url):
        yield "EMAIL_URL lacks an option that the provider needs: https://anymail.dev/en/stable/esps/ names them."
    elif not settings.DEBUG and url.endswith(PRINTING_BACKENDS):
        yield "EMAIL_URL prints e-mails with sign-in codes into the log. Name a mail server, or none in a demo."
    elif _is_public_site() and not settings.STRIPE_SANDBOX and not (url and settings.SENDS_MAIL):
        yield "EMAIL_URL is not set. Name a mail server: smtp+tls://user:password@mail.example.com:587"
    if not settings.SENDS_MAIL and settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory":
        yield "ACCOUNT_EMAIL_VERIFICATION is mandatory, but EMAIL_URL is not set: nobody could sign up."


def _lacks_provider_option(url: str) -> bool:
    if "://" not in url or url.startswith("smtp"):
        return False
    try:
        with warnings.catch_warnings(action="ignore"):  # Anymail repeats them when it sends
            get_connection()
    except (ImproperlyConfigured, ImportError):
        return True
    return False
