"""Build the settings of services, languages, sign-in providers and the content security policy."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import django
import environ
from csp.constants import NONE, SELF
from django.utils.text import capfirst
from django.utils.translation import get_language_info, to_language, to_locale

from apps.core.log_filters import redact_event
from apps.ecommerce.operations.alert_names import ALERT_NAMES
from config import env_urls, env_values
from config.env import Env

EMAIL_TIMEOUT_SECONDS = 5  # without a worker, the buyer's request waits

# Without these options, concurrent webhooks fail with "database is locked".
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def database(url: str) -> dict[str, Any]:
    config = {**environ.Env.db_url_config(url), "CONN_MAX_AGE": 600}
    config["DISABLE_SERVER_SIDE_CURSORS"] = config.get("DISABLE_SERVER_SIDE_CURSORS") == "true"
    is_sqlite = config["ENGINE"] == "django.db.backends.sqlite3"
    config["CONN_HEALTH_CHECKS"] = not is_sqlite
    config["OPTIONS"] = SQLITE_OPTIONS if is_sqlite else {"connect_timeout": 5, **config.get("OPTIONS", {})}
    return config


def caches(url: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the default cache, and a separate cache for pages, which therefore cannot evict rate limits."""
    default = environ.Env.cache_url_config(url)
    if default["BACKEND"].endswith(".RedisCache"):
        default["BACKEND"] = "apps.core.redis_cache.FallbackRedisCache"
    pages = {**default, "KEY_PREFIX": "pages"}
    if default["BACKEND"].endswith(".LocMemCache"):
        default["OPTIONS"] = {"MAX_ENTRIES": 10_000}  # Django's default of 300 is too small for rate limits
        # Files, because all processes must see a call of `invalidate`.
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        pages = {"BACKEND": backend, "LOCATION": folder, "OPTIONS": {"MAX_ENTRIES": 1_000}}
    return {"default": default, "pages": pages}


def storages(bucket: dict[str, Any], private_folder: Path) -> dict[str, dict[str, Any]]:
    if bucket:
        media = _storage("apps.core.storages.MediaBucket", **bucket, location="media")
        private = _storage("apps.core.storages.PrivateBucket", **bucket, location="private")
    else:
        media = _storage("django.core.files.storage.FileSystemStorage")
        # The group may read private files, for nginx.
        private = _storage(
            "apps.ecommerce.purchases.downloads.PrivateStorage",
            location=private_folder,
            file_permissions_mode=0o640,
            directory_permissions_mode=0o750,
        )
    return {
        "default": media,
        "private": private,
        "staticfiles": _storage("django.contrib.staticfiles.storage.StaticFilesStorage"),
    }


def _storage(backend: str, **options: Any) -> dict[str, Any]:
    return {"BACKEND": backend, "OPTIONS": options}


def email(backend: str, options: dict[str, Any]) -> dict[str, Any]:
    # An SMTP server, or a provider that django-anymail supports.
    anymail: dict[str, Any] = {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT_SECONDS}
    smtp: dict[str, Any] = {}
    if backend.startswith("anymail."):
        provider = backend.split(".")[2]
        anymail |= {f"{provider}_{name}".upper(): value for name, value in options.items()}
    elif options:
        options = {**options, "timeout": EMAIL_TIMEOUT_SECONDS}
        names = {"username": "host_user", "password": "host_password"}
        smtp = {f"EMAIL_{names.get(name, name)}".upper(): value for name, value in options.items()}
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}}, "ANYMAIL": anymail}
    return {"EMAIL_BACKEND": backend, "ANYMAIL": anymail, **smtp}


def alerts(env: Env, site_name: str, support_email: str, *, debug: bool) -> dict[str, Any]:
    """Return ADMINS and the settings of alerts."""
    address = env.read("ALERT_EMAIL", env_values.email_address, default=support_email)
    names = env_values.comma_list(env_values.one_of(ALERT_NAMES))
    off: list[str] = env.read("ALERTS_OFF", names, default=[])
    return {
        "ADMINS": [(site_name, address)],
        "ALERT_WEBHOOK_URL": env.secret("ALERT_WEBHOOK_URL", env_urls.secret_url(debug), default=""),
        "ALERTS_OFF": off,
        "DEFAULT_EXCEPTION_REPORTER_FILTER": "apps.core.error_pages.ExceptionReporterFilter",
    }


def start_sentry(dsn: str, environment: str, traces_sample_rate: float) -> None:
    import sentry_sdk  # an optional package

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        traces_sample_rate=traces_sample_rate,
        send_default_pii=False,
        include_local_variables=False,  # local variables contain keys and e-mail addresses
        max_request_body_size="never",
        before_send=redact_event,
        before_send_transaction=redact_event,  # transactions contain the URLs of outgoing requests
    )


def translations(env: Env, locale_paths: list[Path]) -> dict[str, str]:
    """Return the available languages: {"en": "English", "de": "Deutsch"}."""
    folders = {path.parent for folder in locale_paths for path in folder.glob("*/LC_MESSAGES")}
    for folder in folders:
        if not _is_locale(folder.name):
            env.add_problem(str(folder), f"{folder} is not named after a language, such as es or pt_BR.")
    names = {folder.name for folder in folders if _is_locale(folder.name)} - {"en"}
    codes = ["en", *sorted(to_language(name) for name in names)]
    return {code: capfirst(get_language_info(code)["name_local"]) for code in codes}


def _is_locale(name: str) -> bool:
    code = to_language(name)
    with suppress(KeyError):
        return bool(get_language_info(code)) and to_locale(code) == name
    return False


def social_providers(env: Env, names: Iterable[str]) -> dict[str, Any]:
    """Return the providers whose two variables are set, such as GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET."""
    providers = {}
    for name in names:
        id_variable, secret_variable = f"{name.upper()}_CLIENT_ID", f"{name.upper()}_CLIENT_SECRET"
        app = {
            "client_id": env.secret(id_variable, default=""),
            "secret": env.secret(secret_variable, default=""),
        }
        env.require_together(id_variable, secret_variable)
        if app["client_id"]:
            providers[name] = {"APPS": [app], "OAUTH_PKCE_ENABLED": True}
    return providers


def content_security_policy(form_targets: list[str], media_url: str) -> dict[str, Any]:
    return {
        "DIRECTIVES": {
            "default-src": [SELF],
            "script-src": [SELF],
            "style-src": [SELF],
            "img-src": [SELF, "data:", *([media_url] if "//" in media_url else [])],
            "object-src": [NONE],
            "base-uri": [SELF],
            "frame-ancestors": [NONE],
            "form-action": [SELF, *form_targets],
        }
    }


def checkout(env: Env) -> dict[str, Any]:
    """Return the options of the payment page, what buyers agree to before it, and whether they can withdraw."""
    options = ("PROMOTION_CODES", "AUTOMATIC_TAX", "TAX_IDS", "INVOICES")
    version = env_values.matching(r"\S.{0,49}", "one line of at most 50 characters")
    nothing: list[str] = []
    return {
        **{f"CHECKOUT_{name}": env.bool(f"CHECKOUT_{name}", default=False) for name in options},
        "CHECKOUT_CONSENT": env.read("CHECKOUT_CONSENT", env_values.checkout_consent, default=nothing),
        "TERMS_VERSION": env.read("TERMS_VERSION", version, default=""),
        "WITHDRAWAL_FORM": env.bool("WITHDRAWAL_FORM", default=False),
    }
