"""Views for owners only: `@product_required`, and `ProductRequiredMixin` for class-based views."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import owned
from apps.users.requests import SignedInRequest

WANTED_PAGES = "wanted_pages"  # session key: product slug ▶ the page that a visitor wanted to open
MAX_WANTED_PAGES = 10


class ProductRequest(SignedInRequest):
    """A request that passed `product_required`."""

    product_config: ProductConfiguration
    product_purchase: Purchase


def product_required(
    view: Callable[..., Any] | None = None, *, product_slug: str | None = None
) -> Callable[..., Any]:
    """Decorate a sync or async view that only owners of a product may open.

    The product is the URL's `product_slug`, or the one named here: `@product_required(product_slug="course")`.
    Sets `request.product_config` and `request.product_purchase`. Redirects a visitor to the login page, and a user who
    doesn't own the product to the store; after paying, the user lands on this page. Raises Http404 if there is no such
    product.
    """

    if view is None:
        return partial(product_required, product_slug=product_slug)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        redirect = _check_ownership(request, product_slug or kwargs["product_slug"])
        return redirect or _private(view(request, *args, **kwargs))

    @wraps(view)
    async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        slug = product_slug or kwargs["product_slug"]
        redirect = await sync_to_async(_check_ownership)(request, slug)
        return redirect or _private(await view(request, *args, **kwargs))

    return async_wrapper if iscoroutinefunction(view) else wrapper


class ProductRequiredMixin:
    """`product_required` for class-based views. Set `product_slug` on the class, or take it from the URL."""

    product_slug: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        view = product_required(super().dispatch, product_slug=self.product_slug)  # type: ignore[misc]
        response: HttpResponse = view(request, *args, **kwargs)
        return response


def wanted_page(request: HttpRequest, slug: str) -> str:
    """Return the page that this visitor may open after paying for the product; "" if none was requested."""
    return str(request.session.get(WANTED_PAGES, {}).get(slug, ""))


def _check_ownership(request: HttpRequest, slug: str) -> HttpResponse | None:
    """Return a redirect unless the user owns the product. Set the purchase on the request."""
    configuration = ProductConfiguration.objects.select_related("product").filter(slug=slug).first()
    if configuration is None:
        raise Http404(f"There is no product at {slug!r}.")
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    purchase = owned(request.user, configuration.product)
    if purchase is None and "HX-Request" in request.headers:  # the page was open when access ended: show why
        order = Purchase.objects.for_user(request.user).filter(product=configuration.product_id).first()
        return HttpResponseClientRedirect((order or configuration).get_absolute_url())
    if purchase is None:
        return _redirect_to_store(request, configuration)
    request.product_config = configuration  # type: ignore[attr-defined]
    request.product_purchase = purchase  # type: ignore[attr-defined]
    return None


def _redirect_to_store(request: HttpRequest, configuration: ProductConfiguration) -> HttpResponse:
    if request.method in ("GET", "HEAD"):
        wanted = {**request.session.get(WANTED_PAGES, {}), configuration.slug: request.get_full_path()}
        request.session[WANTED_PAGES] = dict(list(wanted.items())[-MAX_WANTED_PAGES:])
    text = _("You need %(product)s to open that page. If you buy it now, we'll take you there after payment.")
    messages.info(request, text % {"product": configuration})
    return HttpResponseRedirect(f"{reverse('store')}?{urlencode({'product': configuration.slug})}")


def _private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_store=True)
    return response
