"""Downloads of files: for owners, and samples for all visitors."""

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.rate_limits import rate_limited
from apps.core.standalone_page import render_standalone
from apps.ecommerce.content.files import first_version, is_included, required_plans
from apps.ecommerce.models import FileVersion, ProductConfiguration, ProductFile
from apps.ecommerce.operations.missing_files import report_missing_file
from apps.ecommerce.purchases.decorators import ProductRequest, product_required, refuse_plan
from apps.ecommerce.purchases.downloads import download_response
from apps.ecommerce.purchases.entitlements import has_access, owned_plans
from apps.ecommerce.purchases.order_links import find_download
from apps.ecommerce.purchases.previews import can_open_samples


@require_safe
@product_required(is_page=False)
def purchased_download(request: ProductRequest, product_slug: str) -> HttpResponseBase:
    plans = owned_plans(request.user, request.product_config.product)
    return _send(request, first_version(request.product_config, plans))


@require_safe
@product_required(is_page=False)
def purchased_file(
    request: ProductRequest, product_slug: str, file_id: int, version_id: int | None = None
) -> HttpResponseBase:
    """Send the newest version of a file, or the one with this id."""
    files = request.product_config.files.select_related("lesson")
    file: ProductFile = get_object_or_404(files, pk=file_id)
    plans = owned_plans(request.user, request.product_config.product)
    if not is_included(file, plans):
        return refuse_plan(request, request.product_config, sorted(required_plans(file) - plans))
    versions = file.versions.filter(pk=version_id) if version_id is not None else file.versions
    return _send(request, versions.first())


@require_safe
@never_cache
@rate_limited("order_link")
def download_by_link(request: HttpRequest, key: str) -> HttpResponseBase:
    """Send the file of a link in an e-mail.

    A link that is old or was sent to a former address leads to the file's own URL, which asks to sign in.
    """
    found = find_download(key)
    if found is None:
        raise Http404("There is no such link.")
    purchase, file_id, is_valid = found
    if not has_access(purchase):
        return redirect(purchase)
    configuration = purchase.product.configuration
    if not is_valid:
        return redirect("purchased_file", configuration.slug, file_id)
    file: ProductFile = get_object_or_404(configuration.files.select_related("lesson"), pk=file_id)
    plans = owned_plans(purchase.buyer, purchase.product) if purchase.buyer else set()
    if not is_included(file, plans):
        return redirect(configuration)
    return _send(request, file.versions.first())


@require_safe
@never_cache
def sample(request: HttpRequest, slug: str, file_id: int) -> HttpResponseBase:
    configuration = get_object_or_404(ProductConfiguration.objects.select_related("product"), slug=slug)
    if not can_open_samples(request, configuration):
        raise Http404("This product is not on sale.")
    file = get_object_or_404(configuration.files, pk=file_id, is_sample=True)
    return _send(request, file.versions.first())


def _send(request: HttpRequest, version: FileVersion | None) -> HttpResponseBase:
    if version is None:
        raise Http404("This product has no such file.")
    if version.upload.storage.exists(str(version.upload.name)):
        return download_response(request, version.upload)
    report_missing_file(version)
    return render_standalone(request, "ecommerce/missing_file.html", 404)
