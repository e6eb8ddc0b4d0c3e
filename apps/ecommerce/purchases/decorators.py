"""The gate: `@product_required` for views, `ProductRequiredMixin` for class views, `{% if_owned %}` in templates."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
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
from apps.users.models import User
from apps.users.requests import SignedInRequest

WANTED = "wanted_pages"  # session key: product slug ▶ the page that its buyer asked for
MOST_WANTED = 10


class ProductRequest(SignedInRequest):
    """A request that passed the gate."""

    product_config: ProductConfiguration
    product_purchase: Purchase


def product_required(
    view: Callable[..., Any] | None = None, *, product_slug: str | None = None
) -> Callable[..., Any]:
    """Lets only owners of a product in; sync and async views alike.

    The product is the URL's `product_slug`, or the one named here: `@product_required(product_slug="course")`.
    Sets `request.product_config` and `request.product_purchase`. A visitor is sent to sign in and back; somebody
    who doesn't own it, to the store with that product first, and after paying to the page they wanted. An open page
    that asks with htmx and has closed meanwhile (a refund) goes on to the order, which says why.
    Raises Http404 when there is no such product.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @wraps(view)
            async def inner_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                slug = product_slug or kwargs["product_slug"]
                refusal = await sync_to_async(refuse)(request, slug)
                return refusal or private(await view(request, *args, **kwargs))

            return inner_async

        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            refusal = refuse(request, product_slug or kwargs["product_slug"])
            return refusal or private(view(request, *args, **kwargs))

        return inner

    return decorate(view) if view else decorate


class ProductRequiredMixin:
    """The same gate for class-based views; set `product_slug` on the class or let the URL give it."""

    product_slug: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        refusal = refuse(request, self.product_slug or kwargs["product_slug"])
        return refusal or private(super().dispatch(request, *args, **kwargs))  # type: ignore[misc]


def refuse(request: HttpRequest, slug: str) -> HttpResponse | None:
    """Where to send whoever may not in; None for an owner, whose purchase is then on the request."""
    configuration = ProductConfiguration.objects.select_related("product").filter(slug=slug).first()
    if configuration is None:
        raise Http404(f"There is no product at {slug!r}.")
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    purchase = owned(request.user, configuration.product)
    if purchase is None and "HX-Request" in request.headers:
        return HttpResponseClientRedirect(_why(request.user, configuration))
    if purchase is None:
        return _to_the_store(request, configuration)
    request.product_config = configuration  # type: ignore[attr-defined]
    request.product_purchase = purchase  # type: ignore[attr-defined]
    return None


def private(response: HttpResponse) -> HttpResponse:
    """What one person bought is for no shared cache."""
    patch_cache_control(response, private=True, no_store=True)
    return response


def wanted_page(request: HttpRequest, slug: str) -> str:
    """The page that this visitor was turned away from, to land on after paying; "" if none."""
    return str(request.session.get(WANTED, {}).get(slug, ""))


def _why(user: User, configuration: ProductConfiguration) -> str:
    """The page that tells somebody who has this open why it has closed: their order, or else the product."""
    bought = Purchase.objects.for_user(user).filter(product=configuration.product_id).first()
    return (bought or configuration).get_absolute_url()


def _to_the_store(request: HttpRequest, configuration: ProductConfiguration) -> HttpResponse:
    if request.method in ("GET", "HEAD"):
        wanted = {**request.session.get(WANTED, {}), configuration.slug: request.get_full_path()}
        request.session[WANTED] = dict(list(wanted.items())[-MOST_WANTED:])
    messages.info(
        request,
        _("That page belongs to %(product)s. Get it here and you will land right where you wanted to go.")
        % {"product": configuration},
    )
    return HttpResponseRedirect(f"{reverse('store')}?{urlencode({'product': configuration.slug})}")
