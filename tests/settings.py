"""The project's settings for tests, without the keys, data and mail server of .env.

Variables of the shell apply (DATABASE_URL=postgres://… tests on PostgreSQL); `.env` applies only to `make e2e-stripe`
(E2E_STRIPE), which uses its test keys.
"""

import atexit
import os
import shutil
import tempfile
from urllib.parse import urlsplit

folder = tempfile.mkdtemp(prefix="store-tests-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)
os.environ["VAR_DIR"] = folder

if not os.environ.get("E2E_STRIPE"):
    os.environ |= {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "for tests only, not a secret",
        "DEBUG": "true",
        "METRICS_TOKEN": "token-of-the-tests",
        "STRIPE_SECRET_KEY": "",
        "STRIPE_WEBHOOK_SECRET": "",
        "GOOGLE_CLIENT_ID": "",
        "GOOGLE_CLIENT_SECRET": "",
        "GITHUB_CLIENT_ID": "",
        "GITHUB_CLIENT_SECRET": "",
    }

from config.settings import *  # noqa: E402, F403

# The shop's hasher needs 50 ms for each password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, because SQLite's in-memory database has no WAL and does not wait for locks.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}  # noqa: F405

STRIPE_SANDBOX_ANY_KEY = True  # as with DEBUG, which is off in tests
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
