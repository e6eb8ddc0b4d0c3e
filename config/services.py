"""The settings that DATABASE_URL, CACHE_URL, STORAGE_URL and EMAIL_URL stand for."""

from pathlib import Path
from typing import Any

import django
import environ

EMAIL_TIMEOUT_SECONDS = 5  # without a worker a buyer waits for it; an e-mail that fails is sent later

# Without these, concurrent webhooks end in "database is locked".
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def database(url: str) -> dict[str, Any]:
    config = {**environ.Env.db_url_config(url), "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    is_sqlite = config["ENGINE"] == "django.db.backends.sqlite3"
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
        return {
            "default": {
                "BACKEND": "apps.core.storages.MediaBucket",
                "OPTIONS": {**bucket, "location": "media"},
            },
            "private": {
                "BACKEND": "apps.core.storages.PrivateBucket",
                "OPTIONS": {**bucket, "location": "private"},
            },
        }
    # A proxy that serves private files reads them as a member of the shop's group.
    modes = {"file_permissions_mode": 0o640, "directory_permissions_mode": 0o750}
    return {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "private": {
            "BACKEND": "apps.ecommerce.purchases.downloads.PrivateStorage",
            "OPTIONS": {"location": private_folder, **modes},
        },
    }


def email(backend: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an SMTP server, or of an e-mail provider's API (django-anymail)."""
    anymail = {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT_SECONDS}
    if backend.startswith("anymail."):
        smtp = {}
        provider = backend.split(".")[2]
        anymail |= {f"{provider}_{name}".upper(): value for name, value in options.items()}
    else:
        options = {**options, "timeout": EMAIL_TIMEOUT_SECONDS}
        names = {"username": "host_user", "password": "host_password"}
        smtp = {f"EMAIL_{names.get(name, name)}".upper(): value for name, value in options.items()}
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}}, "ANYMAIL": anymail}
    return {"EMAIL_BACKEND": backend, "ANYMAIL": anymail, **smtp}
