"""Settings, read from the environment or `.env`. `.env.example` explains each variable."""

import logging
import os
from email.headerregistry import Address
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.http.request import split_domain_port

from apps.shop import settings as shop_settings
from config import env_urls, env_values, service_settings
from config.account_settings import *  # noqa: F403
from config.env import REQUIRED, Env
from config.logging import logging_config
from config.rate_limits import RATE_LIMITS, rate_limits

BASE_DIR = Path(__file__).resolve().parent.parent
SHOP_DIR = BASE_DIR / "apps" / "shop"  # your files override those of the template

env = Env()
ENV_FILE = env.str("ENV_FILE", default="")
env_file = Path(ENV_FILE or BASE_DIR / ".env")
if ENV_FILE or env_file.exists():
    env.read_file(env_file)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", env_values.text_line)
VAR_DIR = env.create_folder("VAR_DIR", default=BASE_DIR / "var")  # for all files that the site writes

# --- The shop ---------------------------------------------------------------------------------------------
SITE_NAME = MFA_TOTP_ISSUER = env.str("SITE_NAME", default="Workbench")
SITE_TAGLINE = env.str("SITE_TAGLINE", default="Good tools for people who make things.")
SITE_INTRO = env.str("SITE_INTRO", default="")
SUPPORT_EMAIL = env.read("SUPPORT_EMAIL", env_values.email_address, default="hello@example.com")
REFUND_DAYS = env.int("REFUND_DAYS", default=14)
CURRENCY_FORMAT = env.choice("CURRENCY_FORMAT", ["symbol", "code"], default="symbol")
SELLER_ADDRESS = [line.strip() for line in env.str("SELLER_ADDRESS", default="").split("|") if line.strip()]
INDEXED_PAGES = ["home", "store", "product", "terms", "privacy", "refunds"]  # all other pages: noindex
MAINTENANCE = env.bool("MAINTENANCE", default=False)
WEB_HOST = env.read("HOST", env_urls.listen_address, default="127.0.0.1")
WEB_PORT = env.int("PORT", default=8000, minimum=1, maximum=65535)
tunnel_url = env.read("TUNNEL_URL", env_urls.site_url, default="")
TUNNEL_URL = tunnel_url if DEBUG else ""
SITE_URL = env.read("SITE_URL", env_urls.site_url, default=TUNNEL_URL or f"http://127.0.0.1:{WEB_PORT}")

# --- Security ---------------------------------------------------------------------------------------------
HTTPS = SITE_URL.startswith("https://") and not TUNNEL_URL  # with a tunnel, http://localhost must work, too
# In development only local hosts, against DNS rebinding.
site_hosts = [split_domain_port(urlsplit(url).netloc)[0] for url in (SITE_URL, TUNNEL_URL) if url]
local_hosts = list(dict.fromkeys([".localhost", "127.0.0.1", "[::1]", *site_hosts]))
ALLOWED_HOSTS = env.read("ALLOWED_HOSTS", env_urls.allowed_hosts, default=local_hosts if DEBUG else REQUIRED)
CSRF_TRUSTED_ORIGINS: list[str] = env.read("CSRF_TRUSTED_ORIGINS", env_urls.origins, default=[])
if TUNNEL_URL:  # Codespaces sends forms with the origin localhost
    CSRF_TRUSTED_ORIGINS += [TUNNEL_URL, f"https://localhost:{WEB_PORT}", f"http://localhost:{WEB_PORT}"]
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_HOST = urlsplit(SITE_URL).netloc
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # monitors may request them without TLS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=30 * 24 * 3600 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # only you know whether all subdomains have HTTPS
# Headers of a proxy are ignored unless there is one. TRUSTED_PROXIES counts X-Forwarded-For from the right.
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=int(BEHIND_TLS_PROXY), maximum=10)
CLIENT_IP_HEADER = env.read("CLIENT_IP_HEADER", env_values.header_name, default="")
if BEHIND_TLS_PROXY or TUNNEL_URL:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

cookie_prefix = "__Host-" if HTTPS else ""  # subdomains cannot set such cookies
SESSION_COOKIE_NAME = f"{cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{cookie_prefix}csrftoken"
LANGUAGE_COOKIE_NAME = f"{cookie_prefix}language"
THEME_COOKIE_NAME = f"{cookie_prefix}theme"
MESSAGES_COOKIE_NAME, VIEW_AS_COOKIE_NAME = f"{cookie_prefix}messages", f"{cookie_prefix}view_as_buyer"
MESSAGE_STORAGE = "apps.core.message_storage.MessageStorage"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "apps.web.views.errors.csrf_failure"
LANGUAGE_COOKIE_AGE, LANGUAGE_COOKIE_SAMESITE = 365 * 24 * 3600, "Lax"
# A larger body gets 413 before it is read. Django's own limits do not count files.
MAX_BODY_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
MAX_STAFF_BODY_BYTES = env.int("ADMIN_UPLOAD_MB", default=2000, minimum=1) * 1_000_000
STAFF_UPLOAD_PATHS: list[str] = []  # besides the admin, such as "/cms/"
DATA_UPLOAD_MAX_NUMBER_FILES = 40  # the product editor has a field for each picture; empty ones count
RATE_LIMITS = ACCOUNT_RATE_LIMITS = env.read("RATE_LIMITS", rate_limits, default=RATE_LIMITS)

# --- Stripe -----------------------------------------------------------------------------------------------
STRIPE_SECRET_KEY = env.secret("STRIPE_SECRET_KEY", env_values.stripe_secret_key, default="")
STRIPE_WEBHOOK_SECRET = env.secret("STRIPE_WEBHOOK_SECRET", env_values.stripe_webhook_secret, default="")
STRIPE_API_BASE = env.read("STRIPE_API_BASE", env_urls.web_url, default="")
STRIPE_HTTP_CLIENT = ""  # dotted path of a stripe.HTTPClient; "" for the SDK's default
LICENCE_SIGNING_KEY = env.secret("LICENCE_SIGNING_KEY", default="")
SHOP_ID = env.read("SHOP_ID", env_values.shop_id, default="")
ADOPT_FOREIGN_SALES = env.bool("ADOPT_FOREIGN_SALES", default=False) and not DEBUG
ALLOW_TEST_KEYS = env.bool("ALLOW_TEST_KEYS", default=False)
ALLOW_PRIVATE_IMAGE_URLS = env.bool("ALLOW_PRIVATE_IMAGE_URLS", default=DEBUG)
vars().update(service_settings.checkout(env))
PAST_DUE_GRACE_DAYS = env.int("PAST_DUE_GRACE_DAYS", default=7, maximum=365)
LOST_DISPUTES_SUSPEND_LATER_PERIODS = env.bool("LOST_DISPUTES_SUSPEND_LATER_PERIODS", default=False)
UPGRADES = env.bool("UPGRADES", default=True)
GUEST_CHECKOUT = env.bool("GUEST_CHECKOUT", default=True)
CANCEL_AFTER_LOST_DISPUTE = env.bool("CANCEL_AFTER_LOST_DISPUTE", default=True)
CANCEL_AFTER_REFUND = env.bool("CANCEL_AFTER_REFUND", default=False)
RENEWAL_NOTICE_MONTHS = env.int("RENEWAL_NOTICE_MONTHS", default=6, maximum=120)
RENEWAL_RECEIPTS = env.bool("RENEWAL_RECEIPTS", default=True)
FOUNDER_EMAILS = env.read("FOUNDER_EMAILS", env_values.founder_emails, default=[*env_values.FOUNDER_EMAILS])
WEBHOOK_SILENCE_MINUTES = env.int("WEBHOOK_SILENCE_MINUTES", default=60, minimum=1, maximum=525_600)

# --- Applications -----------------------------------------------------------------------------------------
SIGN_IN_ORIGINS = {"google": "https://accounts.google.com", "github": "https://github.com"}
SOCIALACCOUNT_PROVIDERS = service_settings.social_providers(env, SIGN_IN_ORIGINS)
SOCIAL_SIGN_IN = list(SOCIALACCOUNT_PROVIDERS)

INSTALLED_APPS = [
    "apps.shop",  # your code, before everything that it may override
    "apps.core",  # before the packages whose templates it overrides
    "apps.web",
    "apps.ecommerce",
    "apps.users.apps.ShopAdminConfig",
    "config",  # registers the production checks
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",  # always, because deleting a user needs its tables
    *(f"allauth.socialaccount.providers.{name}" for name in SOCIAL_SIGN_IN),
    "apps.users",  # after allauth, whose admin pages it replaces
    "csp",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    *(["apps.devtools"] if DEBUG else []),
]

MIDDLEWARE = [
    "apps.core.middleware.request_log.request_log",
    # First, so that all responses have these headers: also errors, redirects and files.
    "apps.core.middleware.response_headers.ResponseHeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.core.middleware.refused_requests.RefusedRequestsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.core.middleware.compression.CompressPagesMiddleware",
    "apps.core.middleware.availability.availability",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.users.guests.guest_middleware",
    "apps.ecommerce.back_office.view_as_buyer.ViewAsBuyerMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    *(["apps.devtools.middleware.link_error_pages"] if DEBUG else []),
]

# --- Stripe sandbox: packages/stripe-sandbox simulates Stripe without a key ---------------------------------
STRIPE_SANDBOX = env.bool("STRIPE_SANDBOX", default=DEBUG and not STRIPE_SECRET_KEY)
if STRIPE_SANDBOX:
    env.require_package("STRIPE_SANDBOX", "stripe_sandbox", "--no-deps ./packages/stripe-sandbox")
    INSTALLED_APPS.append("stripe_sandbox")
    MIDDLEWARE.append("stripe_sandbox.middleware.SandboxMiddleware")
    sandbox_key = "sandbox" if DEBUG else sha256(f"stripe_sandbox {SECRET_KEY}".encode()).hexdigest()[:32]
    STRIPE_SECRET_KEY = STRIPE_SECRET_KEY or f"sk_test_{sandbox_key}"
    STRIPE_WEBHOOK_SECRET = STRIPE_WEBHOOK_SECRET or f"whsec_{sandbox_key}"
    STRIPE_HTTP_CLIENT = "" if STRIPE_API_BASE else "stripe_sandbox.transport.InProcessClient"
    STRIPE_SANDBOX_DB = VAR_DIR / "stripe_sandbox.sqlite3"
    STRIPE_SANDBOX_NEW_PRODUCT = "admin:ecommerce_productconfiguration_add"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
template_loaders = ["django.template.loaders.filesystem.Loader"]
template_loaders += ["apps.core.app_directories.AppDirectoriesLoader"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SHOP_DIR / "templates", BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [("django.template.loaders.cached.Loader", template_loaders)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.core.context_processors.site",
            ],
            "builtins": ["django.templatetags.static"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Database, cache, tasks and e-mail ----------------------------------------------------------------------
database_url = env.url("DATABASE_URL", env_urls.database_url, default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
DATABASES = {"default": service_settings.database(database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
cache_url = env.url("CACHE_URL", env_urls.cache_url, default="locmemcache://")
CACHES = service_settings.caches(cache_url, VAR_DIR / "cache")
# "immediate" runs a task after the commit, "database" in `manage.py db_worker`.
backends = {"immediate": "", "database": "django_tasks_db.DatabaseBackend"}
TASKS_BACKEND = env.read("TASKS_BACKEND", env_values.one_of(backends, or_class=True), default="immediate")
if backend := backends.get(TASKS_BACKEND, TASKS_BACKEND):
    TASKS = {"default": {"BACKEND": backend}}
WORKER_SILENCE_SECONDS = env.int("WORKER_SILENCE_SECONDS", default=120, minimum=1, maximum=31_536_000)

# Without EMAIL_URL a demo site does not send e-mails, and does not log their codes and links.
unsent_backend = "apps.core.email_backends.UnsentEmailBackend"
default_backend = "apps.devtools.mailbox.EmailBackend" if DEBUG else unsent_backend
mailer = env.url("EMAIL_URL", env_urls.email_url, default=env_urls.email_url(default_backend))
vars().update(service_settings.email(*mailer))
SENDS_MAIL = mailer[0] != unsent_backend
default_sender = str(Address(SITE_NAME, addr_spec=SUPPORT_EMAIL))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.read("DEFAULT_FROM_EMAIL", env_values.sender, default=default_sender)
vars().update(service_settings.alerts(env, SITE_NAME, SUPPORT_EMAIL, debug=DEBUG))
EMAIL_SUBJECT_PREFIX = ""

# --- Accounts: the rest is in config/account_settings.py ----------------------------------------------------
verification = ["optional", "mandatory"]
ACCOUNT_EMAIL_VERIFICATION = env.choice("ACCOUNT_EMAIL_VERIFICATION", verification, default="optional")
ADMIN_REQUIRES_MFA = env.bool("ADMIN_REQUIRES_MFA", default=not DEBUG)

# --- Files ------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.read("STATIC_ROOT", env_values.path, default=VAR_DIR / "static")
STATICFILES_DIRS = [SHOP_DIR / "static", BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "apps.core.app_directories.AppDirectoriesFinder",
]
brand_dirs = [folder / "static" / "brand" for folder in (SHOP_DIR, BASE_DIR)]
# WhiteNoise serves it at /favicon.ico
WHITENOISE_ROOT = next(folder for folder in brand_dirs if (folder / "favicon.ico").exists())
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False
MEDIA_URL = env.read("MEDIA_URL", env_urls.media_url, default="/media/")
MEDIA_ROOT = VAR_DIR / "media"
DOWNLOADS_SERVED_BY = env.choice("DOWNLOADS_SERVED_BY", ["django", "nginx"], default="django")
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    env.secret(name, default="")  # boto reads them, too
bucket: dict[str, Any] = env.url("STORAGE_URL", env_urls.bucket_options, default={})
if bucket and env.require_package("STORAGE_URL", "storages"):
    env.require_together("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
STORAGES = service_settings.storages(bucket, VAR_DIR / "private")
if not DEBUG:
    STORAGES["staticfiles"] = {"BACKEND": "apps.core.static_storage.StaticStorage"}

# --- Language and time ------------------------------------------------------------------------------------
LOCALE_PATHS = [SHOP_DIR / "locale", BASE_DIR / "locale", BASE_DIR / "locale" / "allauth"]
TRANSLATIONS = service_settings.translations(env, LOCALE_PATHS)
language_codes = env_values.comma_list(env_values.translated(TRANSLATIONS))
offered: list[str] = env.read("LANGUAGES", language_codes, default=[]) or list(TRANSLATIONS)
LANGUAGES = [(code, TRANSLATIONS[code]) for code in dict.fromkeys(offered)]
LANGUAGE_CODE = env.read("LANGUAGE_CODE", env_values.language_code(offered), default=offered[0])
TIME_ZONE = env.read("TIME_ZONE", env_values.time_zone, default="UTC")

# --- Content security policy --------------------------------------------------------------------------------
# Browsers apply form-action to redirects, too.
form_targets = ["https://checkout.stripe.com", "https://billing.stripe.com"]
form_targets += [SIGN_IN_ORIGINS[name] for name in SOCIAL_SIGN_IN]
form_targets += [urljoin(STRIPE_API_BASE, "/")] if STRIPE_API_BASE else []
CONTENT_SECURITY_POLICY = service_settings.content_security_policy(form_targets, MEDIA_URL)

# --- Logs, metrics, error reports ---------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", ["line", "json"], default="line" if DEBUG else "json")
LOG_LEVEL = env.choice("LOG_LEVEL", logging.getLevelNamesMapping(), default="INFO")
LOGGING = logging_config(LOG_FORMAT, LOG_LEVEL)
METRICS_TOKEN = env.secret("METRICS_TOKEN", env_values.long_word, default="")
if METRICS_TOKEN and env.require_package("METRICS_TOKEN", "django_prometheus"):
    INSTALLED_APPS += ["django_prometheus"]
    MIDDLEWARE.insert(0, "django_prometheus.middleware.PrometheusBeforeMiddleware")
    MIDDLEWARE += ["django_prometheus.middleware.PrometheusAfterMiddleware"]
SENTRY_DSN = env.url("SENTRY_DSN", env_urls.sentry_dsn, default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="development" if DEBUG else "production")
SENTRY_TRACES_SAMPLE_RATE = env.read("SENTRY_TRACES_SAMPLE_RATE", env_values.fraction, default=0.0)
if SENTRY_DSN and env.require_package("SENTRY_DSN", "sentry_sdk"):
    service_settings.start_sentry(SENTRY_DSN, SENTRY_ENVIRONMENT, SENTRY_TRACES_SAMPLE_RATE)

# --- config/server.py and scripts/backup.py -----------------------------------------------------------------
WEB_WORKERS = env.int("WEB_WORKERS", default=max(2, os.cpu_count() or 2), minimum=1, maximum=1000)
WEB_THREADS = env.int("WEB_THREADS", default=8, minimum=1, maximum=1000)
BACKUPS_TO_KEEP = env.int("KEEP", default=14, minimum=1)

try:
    shop_settings.configure(vars(), env)  # last, so that your settings override these
except Exception:
    if env.problems:  # a missing variable is the likely cause
        env.check()
    raise
env.check()
