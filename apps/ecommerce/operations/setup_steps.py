"""The steps of setting up a shop, for the admin's first page. Each checks whether it is done."""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.template import TemplateDoesNotExist, engines
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.design_tokens import read_tokens
from apps.ecommerce.models import ProductConfiguration, Purchase, WebhookEvent
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.admin_site import Step

DEFAULT_SITE_NAME = "Workbench"
DEFAULT_BRAND = "#2b3fd6"  # in static/css/brand.css
DEFAULT_SUPPORT_EMAIL = "hello@example.com"
MAX_EVENTS_READ = 20  # searching all payloads takes seconds
LEGAL_PAGES = ("web/terms.html", "web/privacy.html", "web/refunds.html")


def find_setup_steps(request: HttpRequest) -> list[Step]:
    if not request.user.has_perm("ecommerce.view_purchase"):
        return []
    configuration = reverse("admin:ecommerce_productconfiguration_changelist")
    return [
        Step(
            _("Name and colors"),
            _has_name() and read_tokens()["--brand"] != DEFAULT_BRAND,
            _(
                "Set SITE_NAME and SUPPORT_EMAIL in .env, and copy static/css/brand.css to apps/shop/static/css/ to "
                "change the colors."
            ),
        ),
        Step(
            _("Your first product"),
            ProductConfiguration.objects.on_sale().exclude(product__metadata__has_key="demo").exists(),
            _("Add a product of your own, and put it on sale."),
            configuration,
        ),
        Step(
            _("A test purchase"),
            Purchase.objects.exclude(paid_at=None).exists(),
            _("Buy one of your products with the card 4242 4242 4242 4242, and open it."),
            reverse("store"),
        ),
        Step(
            _("E-mail"),
            settings.SENDS_MAIL and not settings.EMAIL_BACKEND.startswith("apps.devtools"),
            _("Set EMAIL_URL in .env to your mail server, so that buyers get their confirmation."),
        ),
        Step(
            _("Stripe's keys"),
            is_livemode(),
            _(
                "Set STRIPE_SECRET_KEY in .env: first a test key (sk_test_…), and a live key when you open the shop."
            ),
        ),
        Step(
            _("Stripe's webhook"),
            bool(settings.STRIPE_WEBHOOK_SECRET)
            and any(WebhookEvent.objects.values_list("payload__livemode", flat=True)[:MAX_EVENTS_READ]),
            _(
                "Add an endpoint in Stripe's Dashboard, and set STRIPE_WEBHOOK_SECRET in .env. This step is done when "
                "the first live event has arrived."
            ),
        ),
        Step(
            _("Legal pages"),
            bool(settings.SELLER_ADDRESS) and all(map(_is_own_template, LEGAL_PAGES)),
            _(
                "Copy terms.html, privacy.html and refunds.html from templates/web/ to apps/shop/templates/web/, and "
                "let a lawyer check them. Set SELLER_ADDRESS in .env."
            ),
            reverse("terms"),
        ),
        Step(
            _("Domain"),
            urlsplit(settings.SITE_URL).scheme == "https" and not settings.DEBUG,
            _("Put the shop on a server, and set SITE_URL in .env to its address: docs/deploy/README.md."),
        ),
    ]


def _has_name() -> bool:
    return settings.SITE_NAME != DEFAULT_SITE_NAME and settings.SUPPORT_EMAIL != DEFAULT_SUPPORT_EMAIL


def _is_own_template(name: str) -> bool:
    try:
        origin = engines["django"].get_template(name).origin  # type: ignore[attr-defined]
    except TemplateDoesNotExist:
        return False
    return settings.SHOP_DIR in Path(str(origin.name)).parents
