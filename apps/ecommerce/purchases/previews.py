"""Show staff a product that is not on sale, as shoppers and as owners will see it."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase, PurchaseStatus
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.stripe_api.client import is_livemode

OWNER_PREVIEW = "owner_preview"  # session key: primary key of the product whose pages staff open as an owner


def can_preview(request: HttpRequest) -> bool:
    """Return whether the user may open the admin and its products. False for the request of a shared page."""
    permission = "ecommerce.view_productconfiguration"
    return (
        request.user.is_authenticated
        and admin.site.has_permission(request)
        and request.user.has_perm(permission)
    )


def can_open_samples(request: HttpRequest, configuration: ProductConfiguration) -> bool:
    """Return whether the user may open samples and free previews. Off sale, only owners and staff may."""
    product = configuration.product
    return configuration.is_on_sale or bool(owned(request.user, product)) or can_preview(request)


def preview_purchase(request: HttpRequest, configuration: ProductConfiguration) -> Purchase | None:
    """Return a purchase that is not saved, if staff preview what owners of this product get."""
    if request.session.get(OWNER_PREVIEW) != configuration.pk or not can_preview(request):
        return None
    price = next(iter(configuration.prices), None)
    return Purchase(
        user=request.user,  # type: ignore[misc]
        product=configuration.product,
        price=price,
        plan=price.plan if price else "",
        status=PurchaseStatus.PAID,
        livemode=is_livemode(),
        created_at=timezone.now(),
    )
