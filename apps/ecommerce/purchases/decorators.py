"""Restrict views to owners of a product."""

from collections.abc import Callable, Collection
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import cache_control
from django_htmx.http import HttpResponseClientRedirect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.previews import preview_purchase
from apps.users.requests import BuyerRequest

NEXT_PATHS = "next_paths"  # session key: product slug ▶ the path that the visitor requested
MAX_NEXT_PATHS = 10


class ProductRequest(BuyerRequest):
    product_config: ProductConfiguration
    product_purchase: Purchase


def product_required(
    view: Callable[..., Any] | None = None,
    *,
    product_slug: str | None = None,
    plans: Collection[str] = (),
    is_page: bool = True,
) -> Callable[..., Any]:
    """Restrict a sync or async view to owners of a product.

    The product is named by the URL's `product_slug` or by the argument: `@product_required(product_slug="course")`.
    `plans=["pro", "team"]` restricts the view to buyers of these plans (Price.plan).
    Set `request.product_config` and `request.product_purchase`. `request.user` is a Guest if the product was bought
    without an account, see docs/guests.md. Redirect visitors to the login page, and users without
    the product to the store; after paying, they return to the view if it is a page. Return 401 or 403 as JSON to
    requests that do not accept HTML. Raise Http404 if there is no such product.
    """
    if isinstance(view, str):
        raise TypeError(f'Name the argument: @product_required(product_slug="{view}")')
    if view is None:
        return partial(product_required, product_slug=product_slug, plans=plans, is_page=is_page)
    private_view = cache_control(private=True, no_store=True)(view)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        refusal = _check_ownership(request, product_slug or _slug_of_url(kwargs), plans, is_page)
        return refusal or private_view(request, *args, **kwargs)

    @wraps(view)
    async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        slug = product_slug or _slug_of_url(kwargs)
        refusal = await sync_to_async(_check_ownership)(request, slug, plans, is_page)
        return refusal or await private_view(request, *args, **kwargs)

    gate: Callable[..., Any] = async_wrapper if iscoroutinefunction(view) else wrapper
    gate.product_slug = product_slug  # type: ignore[attr-defined]  # the sign-in page names the product
    return gate


class ProductRequiredMixin:
    """`product_required` for class-based views; `product_slug` is from the class or the URL."""

    product_slug: str | None = None
    plans: Collection[str] = ()
    is_page = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # In the other order, the view's own `dispatch` would open the page to everyone.
        if View in cls.__mro__[: cls.__mro__.index(ProductRequiredMixin)]:
            raise TypeError(f"{cls.__name__}: ProductRequiredMixin must come before the class of the view.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        view = product_required(
            super().dispatch,  # type: ignore[misc]
            product_slug=self.product_slug,
            plans=self.plans,
            is_page=self.is_page,
        )
        response: HttpResponse = view(request, *args, **kwargs)
        return response


def get_next_path(request: HttpRequest, slug: str) -> str:
    return str(request.session.get(NEXT_PATHS, {}).get(slug, ""))


def _slug_of_url(kwargs: dict[str, Any]) -> str:
    if "product_slug" not in kwargs:
        raise ImproperlyConfigured(
            "@product_required needs a product: set product_slug, or add <slug:product_slug> to the URL."
        )
    return str(kwargs["product_slug"])


def _check_ownership(
    request: HttpRequest, slug: str, plans: Collection[str], is_page: bool
) -> HttpResponse | None:
    """Set the product and the purchase on the request. Return a refusal if the user does not own the product."""
    configuration = ProductConfiguration.objects.select_related("product").filter(slug=slug).first()
    if configuration is None:
        raise Http404(f"There is no product at {slug!r}.")
    purchase = owned(request.user, configuration.product, plans)
    if purchase is None and (previewed := preview_purchase(request, configuration)):
        purchase = previewed
        request.product_preview = "owner"  # type: ignore[attr-defined]
    if purchase is None and not request.accepts("text/html"):
        return _json_refusal(request, configuration, plans)
    is_page = is_page and _requests_page(request)
    if purchase is None and not request.user.is_authenticated:
        return redirect_to_login(
            request.get_full_path() if is_page else reverse("purchased_product", args=[slug])
        )
    if purchase is None and plans and owned(request.user, configuration.product):
        return refuse_plan(request, configuration, plans)
    if purchase is None and "HX-Request" in request.headers:  # access has ended: the order says why
        order = Purchase.objects.for_user(request.user).filter(product=configuration.product_id).first()
        return HttpResponseClientRedirect((order or configuration).get_absolute_url())
    if purchase is None:
        return _redirect_to_store(request, configuration, is_page)
    request.product_config = configuration  # type: ignore[attr-defined]
    request.product_purchase = purchase  # type: ignore[attr-defined]
    return None


def refuse_plan(
    request: HttpRequest, configuration: ProductConfiguration, plans: Collection[str]
) -> HttpResponse:
    """Redirect an owner to the product page, where the plans are sold. Return 403 as JSON if HTML is not accepted."""
    if not request.accepts("text/html"):
        return _json_refusal(request, configuration, plans)
    messages.info(
        request, _("Your plan of %(product)s does not include that page.") % {"product": configuration}
    )
    is_htmx = "HX-Request" in request.headers
    return (HttpResponseClientRedirect if is_htmx else HttpResponseRedirect)(configuration.get_absolute_url())


def _json_refusal(
    request: HttpRequest, configuration: ProductConfiguration, plans: Collection[str]
) -> HttpResponse:
    store_url = request.build_absolute_uri(configuration.get_absolute_url())
    if not request.user.is_authenticated:
        error = "sign_in_required"
    else:
        error = "plan_required" if owned(request.user, configuration.product) else "product_required"
    body = {"error": error, "product": configuration.slug, "plans": list(plans), "url": store_url}
    response = JsonResponse(body, status=403 if request.user.is_authenticated else 401)
    add_never_cache_headers(response)
    return response


def _requests_page(request: HttpRequest) -> bool:
    """Return whether a browser shows the response as a page. Files and parts of other pages are not pages."""
    has_extension = "." in request.path.rstrip("/").rpartition("/")[2]
    return not has_extension and request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _redirect_to_store(
    request: HttpRequest, configuration: ProductConfiguration, is_page: bool
) -> HttpResponse:
    if is_page and request.method in ("GET", "HEAD"):
        next_paths = {**request.session.get(NEXT_PATHS, {}), configuration.slug: request.get_full_path()}
        request.session[NEXT_PATHS] = dict(list(next_paths.items())[-MAX_NEXT_PATHS:])
        text = _(
            "You need %(product)s to open that page. If you buy it now, we'll take you there after payment."
        )
    else:
        text = _("You need %(product)s to open that.")
    messages.info(request, text % {"product": configuration})
    return HttpResponseRedirect(f"{reverse('store')}?{urlencode({'product': configuration.slug})}")
