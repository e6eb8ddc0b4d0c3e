"""The project's settings for tests, without the keys, data and mail server of .env.

DATABASE_URL=postgres://… in the shell tests on PostgreSQL; `.env` applies only to `make e2e-stripe` (E2E_STRIPE), which
uses its test keys.
"""

import atexit
import os
import re
import shutil
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

folder = tempfile.mkdtemp(prefix="store-tests-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
SHELL_VARIABLES = {"DATABASE_URL", "CACHE_URL", "LANGUAGES"}  # others of .env.example do not apply

if not os.environ.get("E2E_STRIPE"):
    example = (Path(__file__).resolve().parents[1] / ".env.example").read_text(encoding="utf-8")
    for variable in set(re.findall(r"^#?([A-Z\d_]+)=", example, re.MULTILINE)) - SHELL_VARIABLES:
        os.environ.pop(variable, None)
    os.environ |= {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "for tests only, not a secret",
        "DEBUG": "true",
        "METRICS_TOKEN": "token-of-the-tests",
    }
os.environ["VAR_DIR"] = folder

from apps.shop import settings as shop_settings  # noqa: E402

# Tests are about the template, so apps/shop/settings.py changes only these of its settings, and adds others. In a test
# of your own, set them with the fixture `settings`; or run your tests with TEST_SHOP_SETTINGS=true.
TEST_SHOP_SETTINGS = os.environ.get("TEST_SHOP_SETTINGS") == "true"
SHOP_SETTINGS = str.split(
    """
    INSTALLED_APPS MIDDLEWARE TEMPLATES FORM_RENDERER ROOT_URLCONF AUTHENTICATION_BACKENDS CONTENT_SECURITY_POLICY
    DATABASES STORAGES STATICFILES_DIRS STATICFILES_FINDERS LOCALE_PATHS LOGGING SILENCED_SYSTEM_CHECKS
    """
)
# Settings whose names begin with one of these have the template's value, or the default of Django or allauth.
DEFAULT_SETTINGS = (
    "ACCOUNT_",
    "APPEND_SLASH",
    "CSRF_",
    "FORMAT_",
    "MFA_",
    "SECURE_",
    "SESSION_ENGINE",
    "SOCIALACCOUNT_",
    "TASKS",
    "USE_",
    "X_FRAME_OPTIONS",
)
configure_shop = shop_settings.configure


def configure(settings: dict[str, Any], env: Any) -> None:
    # Tests in tests/integration restore these.
    names = ("AUTHENTICATION_BACKENDS", "CONTENT_SECURITY_POLICY", "MIDDLEWARE", "ROOT_URLCONF")
    settings["TEMPLATE_SETTINGS"] = deepcopy({name: settings[name] for name in names})
    kept = {name: deepcopy(settings[name]) for name in set(settings) - set(SHOP_SETTINGS) if name.isupper()}
    configure_shop(settings, env)
    if TEST_SHOP_SETTINGS:
        return
    indexed_pages = list(dict.fromkeys(kept["INDEXED_PAGES"] + settings["INDEXED_PAGES"]))
    for name in [name for name in settings if name.startswith(DEFAULT_SETTINGS)]:
        del settings[name]
    settings.update(kept, INDEXED_PAGES=indexed_pages, CACHES=settings["CACHES"] | kept["CACHES"])


shop_settings.configure = configure

from config.settings import *  # noqa: E402, F403

if not TEST_SHOP_SETTINGS:
    LANGUAGES, LANGUAGE_CODE = [("en", "English"), ("de", "Deutsch")], "en"  # the template's

GUEST_CHECKOUT = False  # most tests sign up before they buy; those about guests turn it on
FOUNDER_EMAILS: list[str] = []  # tests look at the e-mails to buyers
ALERTS_OFF = ["daily-digest"]  # the daily digest depends on the time of day

loaders = ["tests.template_loaders.FilesystemLoader", "apps.core.app_directories.AppDirectoriesLoader"]
TEMPLATES[0]["OPTIONS"]["loaders"] = [("tests.template_loaders.CachedLoader", loaders)]  # noqa: F405

# The shop's hasher needs 50 ms for each password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, because SQLite's in-memory database has no WAL and does not wait for locks.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}  # noqa: F405

STRIPE_SANDBOX_ANY_KEY = True  # the default with DEBUG, which is off in tests
STRIPE_SANDBOX_DELIVERY = "manual"  # tests call sandbox.deliver(); browser tests use "thread"

shared_cache = CACHES["default"]  # noqa: F405
if shared_cache["BACKEND"].endswith("RedisCache"):
    # Each pytest-xdist process clears its own numbered Redis database.
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    shared_cache["LOCATION"] = urlsplit(shared_cache["LOCATION"])._replace(path=f"/{number}").geturl()

# Tests check rendered pages; the fixture `cached_pages` turns the cache of pages on.
PAGE_CACHE = CACHES["pages"] | (  # noqa: F405
    {"LOCATION": shared_cache["LOCATION"]} if shared_cache.get("LOCATION") else {}
)
CACHES["pages"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}  # noqa: F405

# Tests send many requests; those about rate limits use SHOP_RATE_LIMITS.
SHOP_RATE_LIMITS, RATE_LIMITS = RATE_LIMITS, {}  # noqa: F405
