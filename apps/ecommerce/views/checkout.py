import logging
from urllib.parse import urlencode

import stripe
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.core.message_storage import drop_notices
from apps.core.rate_limits import rate_limited
from apps.core.site_urls import site_origin
from apps.ecommerce.models import MAX_CODE_LENGTH, ProductConfiguration, Purchase
from apps.ecommerce.models.fields import STRIPE_ID_LENGTH
from apps.ecommerce.operations.sales_problems import report_problem, report_refused_price
from apps.ecommerce.purchases.checkout import PriceRefused, start_checkout
from apps.ecommerce.purchases.checkout_codes import CheckoutCode, CodeRefused
from apps.ecommerce.purchases.checkout_refusals import AlreadyOwned, AlreadySubscribed, CheckoutRefused
from apps.ecommerce.purchases.decorators import get_next_path
from apps.ecommerce.purchases.refresh import refresh_or_stale
from apps.ecommerce.purchases.stripe_errors import ShopCannotSell
from apps.ecommerce.storefront.pending_checkout import PENDING_CHECKOUT
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.ecommerce.views.discount_codes import forget_code, remembered_code
from apps.ecommerce.views.purchases import render_purchase
from apps.users.requests import SignedInRequest

logger = logging.getLogger(__name__)


class HttpResponseSeeOther(HttpResponseRedirect):
    status_code = 303


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@rate_limited("checkout")
def buy(request: HttpRequest, slug: str) -> HttpResponse:
    """Redirect a signed-in buyer to Stripe's payment page. A visitor signs up first; the session stores the price."""
    configuration = get_object_or_404(ProductConfiguration.objects.with_catalogue(), slug=slug)
    form = request.POST if request.method == "POST" else request.GET
    choice = {"price": form.get("price", ""), "currency": form.get("currency", "").lower()}
    promised_code = form.get("code", "")[:MAX_CODE_LENGTH]  # the page promised its discount
    if not request.user.is_authenticated:
        if not choice["price"]:
            return redirect(configuration)
        request.session[PENDING_CHECKOUT] = {"slug": slug, "code": promised_code, **choice}
        return HttpResponseSeeOther(f"{reverse('account_signup')}?{urlencode({'next': request.path})}")
    if request.method == "POST":
        return _redirect_to_stripe(request, configuration, choice, promised_code)
    pending = request.session.get(PENDING_CHECKOUT, {})
    if pending.get("slug") != slug:  # a link or an old tab: the buyer has to confirm
        return HttpResponseSeeOther(_product_url(configuration, choice))
    del request.session[PENDING_CHECKOUT]
    choice = {name: pending.get(name, "") for name in choice}
    return _redirect_to_stripe(request, configuration, choice, pending.get("code", ""))


@require_safe
@never_cache
@login_required
def checkout_return(request: SignedInRequest) -> HttpResponse:
    """Stripe's success_url. The request is no proof of payment, so the purchase is refreshed from Stripe."""
    purchase = get_object_or_404(
        Purchase.objects.with_catalogue(), session_id=request.GET.get("session_id", "")
    )
    if purchase.user_id != request.user.pk:
        text = _(
            "This order belongs to another account than %(email)s. To see it, sign out, and sign in with the account "
            "with which you bought it."
        )
        messages.error(request, text % {"email": request.user.email})
        return redirect("purchases")
    if purchase.returned_at is None:
        purchase.returned_at = timezone.now()
        Purchase.objects.filter(pk=purchase.pk, returned_at=None).update(returned_at=purchase.returned_at)
    purchase = refresh_or_stale(purchase, "return page")
    drop_notices(request)  # "You are signed in", "You need this product": all from before the payment
    return render_purchase(request, purchase, view="return")


def _redirect_to_stripe(
    request: HttpRequest, configuration: ProductConfiguration, choice: dict[str, str], promised_code: str
) -> HttpResponse:
    assert request.user.is_authenticated
    price, currency = choice["price"], choice["currency"]
    code = CheckoutCode(promised_code or remembered_code(request), is_promised=bool(promised_code))
    urls = {"origin": site_origin(request), "next_path": get_next_path(request, configuration.slug)}
    try:
        with stripe_deadline():
            return HttpResponseSeeOther(
                start_checkout(request.user, configuration, price, currency, code, **urls)
            )
    except AlreadySubscribed as refusal:
        messages.info(request, str(refusal))
        return HttpResponseSeeOther(refusal.purchase.get_absolute_url())
    except AlreadyOwned as refusal:
        messages.info(request, str(refusal))
        return HttpResponseSeeOther(configuration.get_absolute_url())
    except CodeRefused as refusal:
        forget_code(request)
        messages.warning(request, str(refusal))
    except PriceRefused as refusal:
        report_refused_price()
        messages.error(request, str(refusal))
    except CheckoutRefused as refusal:
        messages.error(request, str(refusal))
    except ShopCannotSell as problem:
        report_problem(problem)
        text = _(
            "We can't take payments right now. We've been told, and will fix it. You have not been charged."
        )
        messages.error(request, text)
    except stripe.StripeError:
        logger.exception("A checkout for %s could not be started", configuration.slug)
        text = _(
            "We couldn't open the payment page. You have not been charged. Please try again in a minute."
        )
        messages.error(request, text)
    return HttpResponseSeeOther(_product_url(configuration, choice))


def _product_url(configuration: ProductConfiguration, choice: dict[str, str]) -> str:
    """Return the URL of the product page with this choice selected."""
    query = urlencode({name: value for name, value in choice.items() if 0 < len(value) <= STRIPE_ID_LENGTH})
    return f"{configuration.get_absolute_url()}{'?' if query else ''}{query}"
