"""dj-stripe for comparison: its own environment (var/bench/dj_stripe) and a minimal project.

It uses the same server, the same SQLite settings and the same Stripe responses as the shop.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.temporary_shop import Shop, run_server

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / "var" / "bench" / "dj_stripe"
PYTHON = VENV / "bin" / "python"
PACKAGES = [
    "dj-stripe==2.11.0",
    *(f"{name}=={version(name)}" for name in ("django", "granian")),
]
EMPTY = VENV / "empty.sqlite3"
WEBHOOK_ID = "11111111-2222-4333-8444-555555555555"
WEBHOOK = f"/stripe/webhook/{WEBHOOK_ID}/"

PRODUCTION_CHECKS = "def exit_if_misconfigured(): ...  # the shop's checks need the shop's settings"
SETTINGS = """
import os
SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF, USE_TZ = os.environ["SECRET_KEY"], ["*"], "config.urls", True
WEB_HOST, WEB_PORT, METRICS_TOKEN = "127.0.0.1", int(os.environ.get("PORT") or 8000), ""
WEB_WORKERS, WEB_THREADS = int(os.environ.get("WEB_WORKERS") or 1), int(os.environ.get("WEB_THREADS") or 8)
INSTALLED_APPS = [*(f"django.contrib.{app}" for app in ("contenttypes", "auth", "sessions", "messages")), "djstripe"]
MIDDLEWARE = [  # the middleware of startproject
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STRIPE_TEST_SECRET_KEY, STRIPE_LIVE_MODE, DJSTRIPE_FOREIGN_KEY_TO_FIELD = "sk_test_" + 40 * "b", False, "id"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "CONN_MAX_AGE": 600,
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
}}
import stripe
from prepared_stripe import PreparedStripe
stripe.default_http_client = PreparedStripe()
"""
URLS = """
from django.http import HttpResponse
from django.urls import include, path
urlpatterns = [
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
    path("healthz", lambda request: HttpResponse("ok")),
]
"""
WSGI = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
ENDPOINT = f"""
from djstripe.models import WebhookEndpoint
WebhookEndpoint.objects.create(id="we_1", livemode=False, url="http://127.0.0.1/", secret="whsec_bench",
    enabled_events=["*"], djstripe_uuid="{WEBHOOK_ID}")
"""


@contextmanager
def project() -> Iterator[tuple[Path, dict[str, str]]]:
    """Create the project with a migrated database; return its folder and environment."""
    _install()
    with TemporaryDirectory(prefix="dj_stripe-") as name:
        folder = Path(name)
        (folder / "config").mkdir()
        files = {
            "__init__": "",
            "settings": SETTINGS,
            "urls": URLS,
            "wsgi": WSGI,
            "production_checks": PRODUCTION_CHECKS,
        }
        for file, text in files.items():
            (folder / "config" / f"{file}.py").write_text(text)
        shutil.copy(ROOT / "config" / "server.py", folder / "config")
        shutil.copy(ROOT / "tests" / "benchmarks" / "prepared_stripe.py", folder)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": name,
            "SECRET_KEY": secrets.token_urlsafe(50),
        }
        if not EMPTY.exists():  # dj-stripe's migrations take a minute
            manage(folder, environment, "migrate", "-v", "0")
            shutil.copy(folder / "db.sqlite3", EMPTY)
        shutil.copy(EMPTY, folder / "db.sqlite3")
        yield folder, environment


@contextmanager
def shop(**more: str) -> Iterator[Shop]:
    """Serve the project."""
    with project() as (folder, environment):
        manage(folder, environment, "shell", "-c", ENDPOINT)
        with run_server([str(PYTHON), "-m", "config.server"], folder, folder, environment | more) as running:
            yield running


def manage(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [PYTHON, "-m", "django", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _install() -> None:
    stamp = VENV / "packages"
    if stamp.is_file() and stamp.read_text() == "\n".join(PACKAGES):
        return
    print(f"Installing {PACKAGES[0]} in var/bench/ (once)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    subprocess.run(
        [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES], check=True
    )
    stamp.write_text("\n".join(PACKAGES))
