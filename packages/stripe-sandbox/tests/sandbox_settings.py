"""Settings of the sandbox without a store."""

from stripe_sandbox.server.settings import *  # noqa: F403

SITE_URL = "http://127.0.0.1:8000"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost", "shop.example"]
STRIPE_SANDBOX = True
STRIPE_SANDBOX_ANY_KEY = True  # the default with DEBUG, which is off in tests
STRIPE_SANDBOX_DELIVERY = "manual"  # tests call sandbox.deliver()
ROOT_URLCONF = "sandbox_urls"
# live_server requires a database.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STRIPE_SANDBOX_WEBHOOK_PATH = "/webhooks/stripe/"
