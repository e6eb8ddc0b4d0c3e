"""The project's settings, as tests want them: they never see a founder's own keys, data or mail server.

Variables of the shell still count (DATABASE_URL=postgres://… tests on PostgreSQL); `.env` does not, except for
`make e2e-stripe` (E2E_STRIPE), which means to use the test keys in it.
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
        "SECRET_KEY": "known to everybody, for tests only",
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

# The real ones cost 50 ms a password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in real life: SQLite's in-memory database knows neither WAL nor waiting for a lock.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}  # noqa: F405

STRIPE_SANDBOX_ANY_KEY = True  # as with DEBUG, which is off in tests
STRIPE_SANDBOX_DELIVERY = "manual"  # a test says when webhooks arrive; browser tests turn the thread on

shared = CACHES["default"]  # noqa: F405
if shared["BACKEND"].endswith("RedisCache"):
    # Each pytest-xdist process clears its own numbered Redis database.
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    shared["LOCATION"] = urlsplit(shared["LOCATION"])._replace(path=f"/{number}").geturl()

# Tests look at what a page was made of; test_page_cache.py and the browser tests turn the cache of pages on.
PAGE_CACHE = CACHES["pages"] | ({"LOCATION": shared["LOCATION"]} if shared.get("LOCATION") else {})  # noqa: F405
CACHES["pages"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}  # noqa: F405

# Tests press the same buttons all day long; those about limits use the shop's.
SHOP_RATE_LIMITS, RATE_LIMITS = RATE_LIMITS, {}  # noqa: F405
