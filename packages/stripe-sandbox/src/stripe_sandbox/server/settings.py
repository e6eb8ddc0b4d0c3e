"""Django settings of `stripe-sandbox serve`. The command passes its options in the environment."""

import os
import secrets

SITE_URL = os.environ.get("STRIPE_SANDBOX_URL", "http://127.0.0.1:12111")
SITE_NAME = "Test shop"
DEBUG = True  # accepts every test key and opens the control panel
SECRET_KEY = secrets.token_urlsafe(50)  # only signs CSRF tokens
# If empty, Django allows localhost only.
ALLOWED_HOSTS = os.environ.get("STRIPE_SANDBOX_ALLOWED_HOSTS", "").split()
ROOT_URLCONF = "stripe_sandbox.server.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "stripe_sandbox"]
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "stripe_sandbox.middleware.SandboxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "stripe_sandbox.server.context_processors.site",
            ]
        },
    }
]
STATIC_URL = "static/"
USE_TZ = True
STRIPE_SECRET_KEY = "sk_test_sandbox"  # noqa: S105 (not a secret)
STRIPE_WEBHOOK_SECRET = os.environ.get("STRIPE_SANDBOX_WEBHOOK_SECRET", "whsec_sandbox")
STRIPE_SANDBOX_WEBHOOK_URL = os.environ.get("STRIPE_SANDBOX_WEBHOOK_URL", "")
STRIPE_SANDBOX_WEBHOOK_PATH = ""
STRIPE_SANDBOX_DEMO = bool(os.environ.get("STRIPE_SANDBOX_DEMO"))
STRIPE_SANDBOX_DB = os.environ.get("STRIPE_SANDBOX_DB", "stripe_sandbox.sqlite3")
