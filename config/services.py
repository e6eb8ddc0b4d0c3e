"""Settings of the services that DATABASE_URL, CACHE_URL, STORAGE_URL, EMAIL_URL and SENTRY_DSN name."""

from pathlib import Path
from typing import Any

import django
import environ

from apps.core.log_filters import redact_event

EMAIL_TIMEOUT_SECONDS = 5  # without a worker a buyer waits for it; an e-mail that fails is sent later

# Without these, concurrent webhooks end in "database is locked".
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def database(url: str) -> dict[str, Any]:
    config = {**environ.Env.db_url_config(url), "CONN_MAX_AGE": 600}
    is_sqlite = config["ENGINE"] == "django.db.backends.sqlite3"
    config["CONN_HEALTH_CHECKS"] = not is_sqlite
    config["OPTIONS"] = SQLITE_OPTIONS if is_sqlite else {"connect_timeout": 5, **config.get("OPTIONS", {})}
    return config


def caches(url: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the default cache and the cache of public pages, which must not push counters out of the default one."""
    default = environ.Env.cache_url_config(url)
    if default["BACKEND"].endswith(".RedisCache"):
        default["BACKEND"] = "apps.core.redis_cache.ForgivingRedisCache"
    pages = {**default, "KEY_PREFIX": "pages"}
    if default["BACKEND"].endswith(".LocMemCache"):
        default["OPTIONS"] = {"MAX_ENTRIES": 10_000}  # Django's 300 would lose counters of rate limits
        # In files, because every process has to see that the catalogue has changed.
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        pages = {"BACKEND": backend, "LOCATION": folder, "OPTIONS": {"MAX_ENTRIES": 500}}
    return {"default": default, "pages": pages}


def storages(bucket: dict[str, Any], private_folder: Path) -> dict[str, dict[str, Any]]:
    """Return the storages of product images and of private files, which buyers download."""
    if bucket:
        media = _storage("apps.core.storages.MediaBucket", **bucket, location="media")
        private = _storage("apps.core.storages.PrivateBucket", **bucket, location="private")
    else:
        media = _storage("django.core.files.storage.FileSystemStorage")
        # A proxy that serves private files reads them as a member of the shop's group.
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
    """Return the settings of an SMTP server, or of an e-mail provider's API (django-anymail)."""
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


def start_sentry(dsn: str, environment: str, traces_sample_rate: float) -> None:
    import sentry_sdk  # optional

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        traces_sample_rate=traces_sample_rate,
        send_default_pii=False,
        include_local_variables=False,  # they may hold a key or an e-mail address
        max_request_body_size="never",
        before_send=redact_event,
    )
