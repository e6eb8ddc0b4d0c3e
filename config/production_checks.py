"""System checks for production. The server does not start if one fails.

Some are only for public sites, where SITE_URL or a host of ALLOWED_HOSTS can be reached from the internet.
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

from apps.core.site_urls import is_public_url
from config.env import exit_with

LIVE_KEYS = ("sk_live_", "rk_live_")
PRINTING_BACKENDS = ("backends.console.EmailBackend", "mailbox.EmailBackend")
OTHERS_PERMISSIONS = 0o007


def exit_if_misconfigured() -> None:
    try:
        errors = check_production(None)
    except ImproperlyConfigured as error:  # Django raises it while it loads the settings
        exit_with([" ".join(str(error).split())])
    if errors:
        exit_with(error.msg for error in errors)


@register(Tags.security, deploy=True)
def check_production(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Return at most one error for each variable. Its id has the name of the variable: config.SITE_URL."""
    checks = (_check_debug, _check_hosts, _check_secret_key, _check_proxy, _check_stripe, _check_email)
    return [Error(text, id=f"config.{text.split()[0]}") for check in checks for text in check()]


@register(Tags.security, deploy=True)
def check_var_dir_permissions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.VAR_DIR.stat().st_mode & OTHERS_PERMISSIONS:
        return []
    message = f"Every user of this machine can read {settings.VAR_DIR}, which contains orders and e-mails."
    return [Warning(message, hint=f"chmod o-rwx {settings.VAR_DIR}", id="config.W001")]


def _is_public_site() -> bool:
    if settings.DEBUG and settings.SITE_URL == settings.TUNNEL_URL:
        return False  # a tunnel to the development server
    hosts = [] if settings.DEBUG else settings.ALLOWED_HOSTS
    return any(map(is_public_url, [settings.SITE_URL, *(f"https://{host.lstrip('.')}" for host in hosts)]))


def _check_debug() -> Iterator[str]:
    if not settings.DEBUG:
        return
    if settings.STRIPE_SECRET_KEY.startswith(LIVE_KEYS):
        yield "DEBUG is true, but STRIPE_SECRET_KEY is a live key. Use a test key (sk_test_…), or set DEBUG=false."
    elif not ip_address(settings.WEB_HOST).is_loopback:
        yield "DEBUG is true, but HOST is not a loopback address: error pages would show secrets. Set DEBUG=false."
    elif _is_public_site():
        yield "DEBUG is true, but SITE_URL is public: error pages would show secrets. Set DEBUG=false."


def _check_hosts() -> Iterator[str]:
    if settings.DEBUG:
        return
    host, _port = split_domain_port(urlsplit(settings.SITE_URL).netloc)
    if not os.environ.get("SITE_URL"):
        yield "SITE_URL is not set. It is the URL that shoppers use, for example https://shop.example.com."
    elif not validate_host(host, settings.ALLOWED_HOSTS):
        yield "ALLOWED_HOSTS does not contain the host of SITE_URL, so links in e-mails would not work. Add it."
    elif _is_public_site() and "*" in settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS is *: attackers could change the links in e-mails. Set it to the host of SITE_URL."
    if os.environ.get("SITE_URL") and _is_public_site() and not settings.SITE_URL.startswith("https://"):
        yield "SITE_URL begins with http://: passwords would be sent unencrypted. Use https://."


def _check_secret_key() -> Iterator[str]:
    if _is_public_site() and check_secret_key(None):  # Django's security.W009
        command = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        yield f"SECRET_KEY is too short or not random. Create a new one: {command}"


def _check_proxy() -> Iterator[str]:
    if settings.BEHIND_TLS_PROXY or not _is_public_site():
        return
    if not settings.DEBUG and settings.SITE_URL.startswith("https://"):
        yield (
            "BEHIND_TLS_PROXY is not true, but SITE_URL begins with https://: the web server has no TLS. Use a proxy "
            "that terminates TLS and buffers request bodies, as in deploy/Caddyfile and deploy/nginx.conf."
        )
    if settings.DOWNLOADS_SERVED_BY == "nginx":
        yield "DOWNLOADS_SERVED_BY is nginx, but BEHIND_TLS_PROXY is not true: buyers would get an empty file."


def _check_stripe() -> Iterator[str]:
    is_live = settings.STRIPE_SECRET_KEY.startswith(LIVE_KEYS)
    if settings.STRIPE_SANDBOX and is_live:
        yield "STRIPE_SECRET_KEY is a live key, but STRIPE_SANDBOX is true. To sell, remove STRIPE_SANDBOX."
    if settings.STRIPE_SANDBOX or not _is_public_site():
        return
    if not settings.STRIPE_SECRET_KEY:
        yield "STRIPE_SECRET_KEY is not set. For a demo site set STRIPE_SANDBOX=true."
    elif not is_live and not settings.ALLOW_TEST_KEYS:
        yield "STRIPE_SECRET_KEY is a test key. Use the live key, or set ALLOW_TEST_KEYS=true for a rehearsal."
    if not settings.STRIPE_WEBHOOK_SECRET:
        yield "STRIPE_WEBHOOK_SECRET is not set. To get it, run: python manage.py stripe_doctor --fix"


def _check_email() -> Iterator[str]:
    url = os.environ.get("EMAIL_URL", "")
    if _lacks_provider_option(url):
        yield "EMAIL_URL lacks options that the provider needs. See https://anymail.dev/en/stable/esps/."
    elif not settings.DEBUG and url.endswith(PRINTING_BACKENDS):
        yield "EMAIL_URL prints e-mails with sign-in codes to the log. Set a mail server. In a demo, leave it empty."
    elif _is_public_site() and not settings.STRIPE_SANDBOX and not (url and settings.SENDS_MAIL):
        yield "EMAIL_URL is not set. Set a mail server: smtp+tls://user:password@mail.example.com:587"
    if not settings.SENDS_MAIL and settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory":
        yield "ACCOUNT_EMAIL_VERIFICATION is mandatory, but EMAIL_URL is not set: nobody could sign up."


def _lacks_provider_option(url: str) -> bool:
    if "://" not in url or url.startswith("smtp"):
        return False
    try:
        with warnings.catch_warnings(action="ignore"):  # Anymail warns again when it sends
            get_connection()
    except (ImproperlyConfigured, ImportError):
        return True
    return False
