"""All settings of the project, read from the environment (or `.env`).

Development needs nothing set but SECRET_KEY, which `make run` writes. Whatever is missing, wrong or misspelt
stops the start with one line that names the variable. `.env.example` explains each of them.

A variable is declared where it is read: `env.int("REFUND_DAYS", default=14)`. config/env.py has a method for
each type, config/env_values.py and config/env_urls.py have the special forms.
"""

import logging
import os
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from csp.constants import NONE, SELF

from config import env_urls, env_values, logs, mail
from config.env import Env

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
ENV_FILE = env.str("ENV_FILE", default="")
env.read_file(ENV_FILE or BASE_DIR / ".env", must_exist=bool(ENV_FILE))

# Everything the site writes lives below one folder: databases, uploads, private files, development mail.
VAR_DIR = env.folder("VAR_DIR", default=BASE_DIR / "var")


def host_of(url: str) -> str:
    """The host of a URL in the form that ALLOWED_HOSTS has, IPv6 in brackets."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


# --- The shop, in words -----------------------------------------------------------------------------------
SITE_NAME = env.str("SITE_NAME", default="Workbench")
SITE_TAGLINE = env.str("SITE_TAGLINE", default="Good tools for people who make things.")
SITE_INTRO = env.str("SITE_INTRO", default="")  # the sentence below it on the front page; empty: ours
SUPPORT_EMAIL = env.read("SUPPORT_EMAIL", mail.email_address, default="hello@example.com")
REFUND_DAYS = env.int("REFUND_DAYS", default=14)  # promised beside every price: templates/web/refunds.html
CURRENCY_FORMAT = env.choice("CURRENCY_FORMAT", ["symbol", "code"], default="symbol")  # $9, or USD 9
SELLER_ADDRESS = [line.strip() for line in env.str("SELLER_ADDRESS", default="").split("|") if line.strip()]
# The public address of a tunnel to a developer's machine (ngrok, GitHub Codespaces); see .env.example.
TUNNEL_URL = env.read("TUNNEL_URL", env_urls.site_url, default="")
if not env.bool("DEBUG", default=False):
    TUNNEL_URL = ""
SITE_URL = env.read("SITE_URL", env_urls.site_url, default=TUNNEL_URL or "http://127.0.0.1:8000")

MAINTENANCE = env.bool("MAINTENANCE", default=False)  # every page says that we are back in a few minutes

# --- Safety -----------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", env_values.text_line)
# In development this machine's names, or any page on the web could reach the shop by DNS rebinding.
own_hosts = [".localhost", "127.0.0.1", "[::1]", *filter(None, map(host_of, (SITE_URL, TUNNEL_URL)))]
ALLOWED_HOSTS = env.read(
    "ALLOWED_HOSTS",
    env_urls.allowed_hosts,
    default=list(dict.fromkeys(own_hosts)) if DEBUG else env.NOTSET,
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", env_urls.origin, default=[])
if TUNNEL_URL:
    # Codespaces sends localhost as the origin of the forms that it forwards.
    port = env.int("PORT", default=8000, minimum=1, maximum=65535)
    CSRF_TRUSTED_ORIGINS += [TUNNEL_URL, f"https://localhost:{port}", f"http://localhost:{port}"]

HTTPS = SITE_URL.startswith("https://") and not TUNNEL_URL  # a tunnel leaves http://localhost open as well
SECURE_SSL_REDIRECT = HTTPS
SECURE_SSL_HOST = urlsplit(SITE_URL).netloc  # never the address that a request made up
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # asked from inside, where there is no TLS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=30 * 24 * 3600 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
# Whether the whole domain speaks HTTPS only is the founder's to know (security.W005, W021).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
X_FRAME_OPTIONS = "DENY"

# A proxy that ends TLS says what the scheme was, and who is asking: as the entry of X-Forwarded-For that is
# TRUSTED_PROXIES from the right, or in a header that it sets itself. Without a proxy neither is believed.
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=1 if BEHIND_TLS_PROXY else 0, maximum=10)
CLIENT_IP_HEADER = env.read(
    "CLIENT_IP_HEADER", env_values.header_name, default=""
)  # Fly-Client-IP, CF-Connecting-IP
if BEHIND_TLS_PROXY or TUNNEL_URL:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def cookie(name: str) -> str:
    """Over HTTPS browsers keep a __Host- cookie to this very host, and no other may set it."""
    return f"__Host-{name}" if HTTPS else name


SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = cookie("sessionid"), cookie("csrftoken")
LANGUAGE_COOKIE_NAME, THEME_COOKIE_NAME = cookie("language"), cookie("theme")
MESSAGES_COOKIE_NAME = cookie("messages")
MESSAGE_STORAGE = "apps.web.message_storage.Storage"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True  # as the session's; chrome.js writes the theme's itself

# What may be sent to us, in bytes; more is answered 413 before anything of it is read. Django's own limits are per form
# and count no files: anybody could fill the disk with one.
MOST_BYTES = 2_000_000  # Stripe's largest events are far below
# Staff upload in the admin what buyers download.
MOST_BYTES_OF_STAFF = env.int("ADMIN_UPLOAD_MB", default=2000, minimum=1) * 1_000_000
DATA_UPLOAD_MAX_MEMORY_SIZE = MOST_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# How often is often enough: so many in so long (m, h, d), per ip, user or key (the address typed into the form).
# Counted in the cache that all processes share (CACHE_URL). RATE_LIMITS="checkout=5/m/user;search=" changes some.
RATE_LIMITS = {
    "login": "30/m/ip",  # pages of passwords tried from one place
    "login_failed": "10/m/ip,5/5m/key",  # one account's password, from wherever
    "signup": "20/m/ip",  # accounts by the hundred
    "reset_password": "20/m/ip,5/m/key,20/d/key",  # a mailbox flooded with our e-mails
    "reset_password_from_key": "20/m/ip",  # links guessed
    "request_login_code": "20/m/ip,3/m/key,20/d/key",  # as for resets
    "confirm_email": "1/3m/key,20/d/key",  # one mail is enough
    "mail": "20/d/key",  # account e-mails of one kind to one address, for all clients together
    "reauthenticate": "10/m/user",  # an open browser, and somebody else's hands
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "checkout": "10/5m/user,40/h/user,60/5m/ip",  # stolen cards are tried where checkouts are cheap
    "portal": "20/5m/user",  # each press asks Stripe
    "search": "120/m/ip",  # each asks the database for words anywhere in the texts
    "poll": "600/m/user",  # a dozen open tabs are nobody's fault
}
RATE_LIMITS = env.read("RATE_LIMITS", env_values.rate_limits(RATE_LIMITS), default=RATE_LIMITS)

# --- Stripe -----------------------------------------------------------------------------------------------
# Test keys or live keys make the same code sell through Stripe. Without a key, in development, the offline
# sandbox plays Stripe (packages/stripe-sandbox): see STRIPE_SANDBOX below.
STRIPE_SECRET_KEY = env.secret("STRIPE_SECRET_KEY", env_values.stripe_secret_key, default="")
STRIPE_WEBHOOK_SECRET = env.secret("STRIPE_WEBHOOK_SECRET", env_values.stripe_webhook_secret, default="")
STRIPE_API_BASE = env.read("STRIPE_API_BASE", env_urls.web_url, default="")  # another stand-in, or a proxy
ALLOW_TEST_KEYS = env.bool("ALLOW_TEST_KEYS", default=False)  # a rehearsal in public: nobody really pays
STRIPE_HTTP_CLIENT = ""  # dotted path of a stripe.HTTPClient; empty is the SDK's own
# Product images are downloaded from the public internet only, unless this allows loopback and private networks.
ALLOW_PRIVATE_IMAGE_URLS = env.bool("ALLOW_PRIVATE_IMAGE_URLS", default=DEBUG)

# What Checkout offers beside the price. https://docs.stripe.com/api/checkout/sessions/create
CHECKOUT_PROMOTION_CODES = env.bool("CHECKOUT_PROMOTION_CODES", default=False)  # the buyer may type a code
CHECKOUT_AUTOMATIC_TAX = env.bool("CHECKOUT_AUTOMATIC_TAX", default=False)  # Stripe Tax computes and adds it
CHECKOUT_TAX_IDS = env.bool("CHECKOUT_TAX_IDS", default=False)  # companies may give their VAT number
CHECKOUT_INVOICES = env.bool("CHECKOUT_INVOICES", default=False)  # a real invoice for one-time sales too

# How long a subscription whose renewal failed keeps its access while Stripe tries the card again.
PAST_DUE_GRACE_DAYS = env.int("PAST_DUE_GRACE_DAYS", default=7, maximum=365)

# With purchases waiting and no event for so long, /readyz says that webhooks are silent.
WEBHOOK_SILENCE_MINUTES = env.int("WEBHOOK_SILENCE_MINUTES", default=60, minimum=1, maximum=525_600)

# --- Applications -----------------------------------------------------------------------------------------
# Sign in with Google or GitHub: each is there once its two variables are set, and else there is no trace of it.
SIGN_IN_ORIGINS = {"google": "https://accounts.google.com", "github": "https://github.com"}
SIGN_IN_KEYS = {
    name: {
        "client_id": env.secret(f"{name.upper()}_CLIENT_ID", default=""),
        "secret": env.secret(f"{name.upper()}_CLIENT_SECRET", default=""),
    }
    for name in SIGN_IN_ORIGINS
}
env.require_together("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
env.require_together("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")
SOCIAL_SIGN_IN = [name for name, keys in SIGN_IN_KEYS.items() if keys["client_id"]]

INSTALLED_APPS = [
    "apps.web",  # first: its templates and static files win over those of packages
    "apps.ecommerce",
    "apps.users.apps.ShopAdminConfig",
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
    "allauth.socialaccount",  # always: its tables belong to people, who may be deleted
    *(f"allauth.socialaccount.providers.{name}" for name in SOCIAL_SIGN_IN),
    "apps.users",  # after allauth: its admin takes the place of some of theirs
    "csp",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
]

MIDDLEWARE = [
    "apps.web.request_log.request_log",
    # First those that set headers, so that each response has them.
    "apps.web.headers.ResponseHeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.web.nul.without_nul",
    "apps.core.health.health_check",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.web.compression.CompressPagesMiddleware",
    "apps.web.indexing.private_by_default",
    "apps.web.maintenance.closed_for_maintenance",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.web.body_limit.body_limit",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

# --- Stripe sandbox: plays Stripe where nobody has set a key (packages/stripe-sandbox) ----------------------
STRIPE_SANDBOX = env.bool("STRIPE_SANDBOX", default=DEBUG and not STRIPE_SECRET_KEY)
if STRIPE_SANDBOX:
    env.has_package("STRIPE_SANDBOX", "stripe_sandbox", "--no-deps ./packages/stripe-sandbox")
    INSTALLED_APPS.append("stripe_sandbox")
    MIDDLEWARE.append("stripe_sandbox.middleware.SandboxMiddleware")
    sandbox_key = "sandbox" if DEBUG else sha256(f"stripe_sandbox {SECRET_KEY}".encode()).hexdigest()[:32]
    STRIPE_SECRET_KEY = STRIPE_SECRET_KEY or f"sk_test_{sandbox_key}"  # on a demo site nobody may guess it
    STRIPE_WEBHOOK_SECRET = STRIPE_WEBHOOK_SECRET or f"whsec_{sandbox_key}"
    STRIPE_HTTP_CLIENT = "" if STRIPE_API_BASE else "stripe_sandbox.transport.InProcessClient"
    STRIPE_SANDBOX_DB = VAR_DIR / "stripe_sandbox.sqlite3"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context_processors.site",
            ],
            "builtins": ["django.templatetags.static"],
        },
    }
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # our templates may replace a widget's

# --- Data -------------------------------------------------------------------------------------------------
# An empty variable means the embedded default: files pass on variables that nobody has set.
database_url = env.url("DATABASE_URL", env_urls.database_url, default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
DATABASES = {"default": env.db_url_config(database_url)}
DATABASES["default"]["CONN_MAX_AGE"] = 600
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Without these, concurrent webhooks end in "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)  # seconds
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": env.cache_url_config(env.url("CACHE_URL", env_urls.cache_url, default="locmemcache://"))}
if CACHES["default"]["BACKEND"].endswith(".RedisCache"):  # django-redis, if it is installed, too
    CACHES["default"]["BACKEND"] = "apps.web.redis_cache.ForgivingRedisCache"
if CACHES["default"]["BACKEND"].endswith("LocMemCache"):
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 10_000}  # Django's 300 would forget who tried how often
# Visitors' pages, apart from counters and the like: a full shelf of pages must not push those out.
CACHES["pages"] = {**CACHES["default"], "KEY_PREFIX": "pages"}
if CACHES["default"]["BACKEND"].endswith("LocMemCache"):
    # Files, because every process has to see that the catalogue has changed.
    CACHES["pages"] = {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 500},
    }

# --- Work after a change: mails and what else must not keep a buyer waiting --------------------------------
# immediate: right after the commit, no worker. database: manage.py db_worker does it. Or another backend's path.
TASK_BACKENDS = {"immediate": "", "database": "django_tasks_db.DatabaseBackend"}
TASKS_BACKEND = env.read("TASKS_BACKEND", env_values.choice_or_path(TASK_BACKENDS), default="immediate")
if backend := TASK_BACKENDS.get(TASKS_BACKEND, TASKS_BACKEND):
    TASKS = {"default": {"BACKEND": backend}}
# With a task due and not taken for so long, /readyz says that the worker is silent.
WORKER_SILENCE_SECONDS = env.int("WORKER_SILENCE_SECONDS", default=120, minimum=1, maximum=31_536_000)

# --- Accounts ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "apps.users.hashers.SmallArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "purchases"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "apps.users.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# "optional" lets a buyer pay first and verify later; "mandatory" asks for it before the first sign-in.
ACCOUNT_EMAIL_VERIFICATION = env.choice(
    "ACCOUNT_EMAIL_VERIFICATION", ["optional", "mandatory"], default="optional"
)
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CHANGE_EMAIL = True  # one address per person; the old one stays until the new one is verified
ACCOUNT_FORMS = {
    "add_email": "apps.users.address_forms.AddEmailForm",
    "request_login_code": "apps.users.address_forms.RequestLoginCodeForm",
    "reset_password": "apps.users.address_forms.ResetPasswordForm",
    "signup": "apps.users.address_forms.SignupForm",
}
SOCIALACCOUNT_FORMS = {"signup": "apps.users.address_forms.SocialSignupForm"}
# Before the address, the first password or a connected account changes.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this browser stays signed in; all others are signed out
ACCOUNT_RATE_LIMITS = RATE_LIMITS
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a mail tells of each change of password, address or second factor
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60  # seconds: mail may be slow; three wrong codes end it earlier
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True

# Second factors. Whoever has set one up is asked for it at each sign-in; a passkey is both steps in one.
MFA_ADAPTER = "apps.users.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True  # a passkey is added after signing in
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # finger, face or PIN, at every use
MFA_TOTP_ISSUER = SITE_NAME
MFA_FORMS = {
    "add_webauthn": "apps.users.passkey_forms.AddPasskeyForm",
    "login_webauthn": "apps.users.passkey_forms.LoginForm",
    "authenticate_webauthn": "apps.users.passkey_forms.AuthenticateForm",
    "reauthenticate_webauthn": "apps.users.passkey_forms.ReauthenticateForm",
}
# Staff open the admin after a second factor only. https://docs.djangoproject.com/en/5.2/ref/contrib/admin/
ADMIN_REQUIRES_MFA = env.bool("ADMIN_REQUIRES_MFA", default=not DEBUG)

SOCIALACCOUNT_ADAPTER = "apps.users.social.SocialAccountAdapter"
# An address that Google or GitHub has verified proves who owns the account: the user is signed in, and the accounts
# are connected (apps/users/address_proof.py). With an unverified address the user has to sign in here first, or a
# stranger could open an account elsewhere with that address and get its purchases.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    name: {
        "APPS": [SIGN_IN_KEYS[name]],
        "OAUTH_PKCE_ENABLED": True,
    }
    for name in SOCIAL_SIGN_IN
}

# --- Mail -------------------------------------------------------------------------------------------------
# Without EMAIL_URL, development prints e-mails and shows them at /dev/mail/. A demo site sends none and tells its
# visitors: codes and reset links must not be in the log.
own_backend = f"apps.web.mailbox.{'EmailBackend' if DEBUG else 'UnsentEmailBackend'}"
vars().update(env.url("EMAIL_URL", mail.mail_settings, default=mail.mail_settings(own_backend)))
SENDS_MAIL = DEBUG or vars()["EMAIL_BACKEND"] != own_backend
DEFAULT_FROM_EMAIL = env.read(
    "DEFAULT_FROM_EMAIL", mail.sender, default=mail.quoted_sender(SITE_NAME, SUPPORT_EMAIL)
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Who is alerted to what the shop can't repair by itself.
ADMINS = [(SITE_NAME, env.read("ALERT_EMAIL", mail.email_address, default=SUPPORT_EMAIL))]
EMAIL_SUBJECT_PREFIX = ""

# --- Files ------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.read(
    "STATIC_ROOT", env_values.path, default=VAR_DIR / "static"
)  # images bring theirs along
STATICFILES_DIRS = [BASE_DIR / "static"]
# Where browsers find product images: here, or at a CDN whose origin is this site's /media/.
MEDIA_URL = env.read("MEDIA_URL", env_urls.media_url, default="/media/")
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # What buyers download. It has no address of its own: only the gated view reads it.
    "private": {
        "BACKEND": "apps.ecommerce.downloads.PrivateStorage",
        # A proxy that serves them reads them as a member of the shop's group.
        "OPTIONS": {
            "location": VAR_DIR / "private",
            "file_permissions_mode": 0o640,
            "directory_permissions_mode": 0o750,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Who sends private files from the disk: "django", or "nginx" for a proxy that handles X-Accel-Redirect (nginx, or
# Caddy with deploy/Caddyfile). Files in a bucket always have signed links.
DOWNLOADS_SERVED_BY = env.choice("DOWNLOADS_SERVED_BY", ["django", "nginx"], default="django")
# The keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's own role.
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    env.secret(name, default="")  # boto reads them itself
bucket: dict[str, Any] = env.url("STORAGE_URL", env_urls.bucket_options, default={})
if bucket and env.has_package("STORAGE_URL", "storages"):
    env.require_together("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    STORAGES["default"] = {
        "BACKEND": "apps.web.buckets.MediaBucket",
        "OPTIONS": {**bucket, "location": "media"},
    }
    STORAGES["private"] = {
        "BACKEND": "apps.web.buckets.PrivateBucket",
        "OPTIONS": {**bucket, "location": "private"},
    }
WHITENOISE_ROOT = BASE_DIR / "static" / "brand"  # /favicon.ico
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Language and time ------------------------------------------------------------------------------------
# Shipped translations; LANGUAGES=en,de offers some of them. The cookie, then the browser, chooses among these.
TRANSLATIONS = {"en": "English", "de": "Deutsch"}
offered = env.list("LANGUAGES", env_values.one_of(TRANSLATIONS), default=list(TRANSLATIONS))
LANGUAGES = [(code, TRANSLATIONS[code]) for code in dict.fromkeys(offered)]
LANGUAGE_CODE = env.read("LANGUAGE_CODE", env_values.language_code(offered), default=offered[0])
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "allauth"]
TIME_ZONE = env.read("TIME_ZONE", env_values.time_zone, default="UTC")
USE_I18N = True
USE_TZ = True

# --- Content security policy: no inline script, no inline style, nobody else's servers ---------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *([MEDIA_URL] if "//" in MEDIA_URL else [])],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        # The buy form posts here and is redirected to Stripe's pages; browsers check the redirect too.
        "form-action": [
            SELF,
            "https://checkout.stripe.com",
            "https://billing.stripe.com",
            *([urljoin(STRIPE_API_BASE, "/")] if STRIPE_API_BASE else []),
            # So do the buttons that sign in with another account.
            *(SIGN_IN_ORIGINS[name] for name in SOCIAL_SIGN_IN),
        ],
    }
}

# --- Logs -------------------------------------------------------------------------------------------------
# One line a request and a change of a purchase: for a person in development, as JSON in production.
LOGGING = logs.configuration(
    style=env.choice("LOG_FORMAT", ["line", "json"], default="line" if DEBUG else "json"),
    level=env.choice("LOG_LEVEL", logging.getLevelNamesMapping(), default="INFO"),
)

# --- Watching (each is off until its variable is set) -----------------------------------------------------
METRICS_TOKEN = env.secret("METRICS_TOKEN", env_values.long_word(16), default="")  # bearer token of /metrics
if METRICS_TOKEN and env.has_package("METRICS_TOKEN", "django_prometheus"):
    INSTALLED_APPS += ["django_prometheus"]
    MIDDLEWARE.insert(0, "django_prometheus.middleware.PrometheusBeforeMiddleware")
    MIDDLEWARE += ["django_prometheus.middleware.PrometheusAfterMiddleware"]
SENTRY_DSN = env.url("SENTRY_DSN", env_urls.sentry_dsn, default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="development" if DEBUG else "production")
SENTRY_TRACES_SAMPLE_RATE = env.float("SENTRY_TRACES_SAMPLE_RATE", default=0.0, maximum=1)
if SENTRY_DSN and env.has_package("SENTRY_DSN", "sentry_sdk"):
    import sentry_sdk

    sentry_sdk.init(
        dsn=SENTRY_DSN,
        environment=SENTRY_ENVIRONMENT,
        traces_sample_rate=SENTRY_TRACES_SAMPLE_RATE,
        send_default_pii=False,
        include_local_variables=False,  # they may hold a key or somebody's address
        max_request_body_size="never",
        before_send=logs.clean_report,
    )

# --- The production server: config/serve.py ----------------------------------------------------------------
WEB_HOST = env.read("HOST", env_urls.listen_address, default="127.0.0.1")
WEB_PORT = env.int("PORT", default=8000, minimum=1, maximum=65535)
WEB_WORKERS = env.int("WEB_WORKERS", default=max(2, os.cpu_count() or 2), minimum=1, maximum=1000)
WEB_THREADS = env.int("WEB_THREADS", default=8, minimum=1, maximum=1000)

BACKUPS_TO_KEEP = env.int("KEEP", default=14, minimum=1)  # scripts/backup.py

# Last: the start ends here if a variable is wrong or misspelt. Read variables of your own above.
env.check()
