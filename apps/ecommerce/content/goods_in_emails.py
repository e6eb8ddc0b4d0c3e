"""Parts of an order's confirmation besides the receipt: the product's picture, its page and its files."""

from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.site_urls import absolute_url
from apps.ecommerce.content.files import list_files
from apps.ecommerce.models import Mail, ProductConfiguration, Purchase
from apps.ecommerce.models.pictures import Picture
from apps.ecommerce.purchases.emails.texts import TEXTS, EmailDetails
from apps.ecommerce.purchases.entitlements import has_access, owned_plans
from apps.ecommerce.purchases.order_links import download_link, order_link

PICTURE_WIDTH = 464  # width of the column in templates/ecommerce/mail/mail.html
MAX_FILES = 10  # the product's page lists all files


def goods_details(purchase: Purchase, about: str) -> EmailDetails:
    configuration = ProductConfiguration.objects.filter(product=purchase.product_id).first()
    if configuration is None or not has_access(purchase):
        return EmailDetails()
    files = _files(configuration, purchase)
    context = {
        "picture_url": email_picture(purchase.product.picture),
        "picture_width": PICTURE_WIDTH,
        "goods_url": order_link(purchase)
        if purchase.is_unclaimed
        else f"{settings.SITE_URL}{reverse('purchased_product', args=[configuration.slug])}",
        "link": _("Open %(product)s") % {"product": purchase.product_name},
        "files": files,
        "has_signed_links": bool(files) or purchase.is_unclaimed,
    }
    return EmailDetails(context=context)


def email_picture(picture: Picture) -> str:
    """Return the URL of the smallest copy for sharp screens; "" for a drawing: mail programs don't show SVG."""
    if not picture.widths:
        return "" if picture.address.endswith(".svg") else absolute_url(picture.address)
    wide = [width for width in picture.widths if width >= 1.5 * PICTURE_WIDTH]
    return absolute_url(picture.url(min(wide, default=max(picture.widths))))


def _files(configuration: ProductConfiguration, purchase: Purchase) -> list[tuple[str, str]]:
    """Return names and URLs."""
    plans = {purchase.plan} | (owned_plans(purchase.buyer, purchase.product) if purchase.buyer else set())
    included = [listed.file for listed in list_files(configuration, plans) if listed.is_included]
    return [(file.name, download_link(purchase, file.pk)) for file in included[:MAX_FILES]]


TEXTS[Mail.Kind.CONFIRMED] = replace(TEXTS[Mail.Kind.CONFIRMED], details=goods_details)
