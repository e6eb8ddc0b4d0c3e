import logging
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlencode

import stripe
from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from apps.core.form_origin import is_form_of_this_site
from apps.core.rate_limits import consume, rate_limited, too_many_requests
from apps.core.site_urls import site_origin
from apps.ecommerce.models import MAX_CODE_LENGTH, Price, ProductConfiguration, Purchase, PurchaseQuerySet
from apps.ecommerce.models.fields import STRIPE_ID_LENGTH
from apps.ecommerce.operations.sales_problems import report_problem, report_refused_price
from apps.ecommerce.purchases.checkout import PriceRefused, start_checkout
from apps.ecommerce.purchases.checkout_refusals import (
    AccountNeeded,
    AlreadyOwned,
    AlreadySubscribed,
    CheckoutRefused,
)
from apps.ecommerce.purchases.consent import (
    ConsentMissing,
    ConsentText,
    consent_fields,
    consent_values,
    require_consent,
    store_consent_of_checkout,
)
from apps.ecommerce.purchases.decorators import get_next_path
from apps.ecommerce.purchases.discount_codes.checkout_codes import CheckoutCode, CodeRefused
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.free_purchases import is_free, send_free
from apps.ecommerce.purchases.stripe_errors import ShopCannotSell
from apps.ecommerce.storefront.pending_checkout import PENDING_CHECKOUT
from apps.ecommerce.storefront.product_cards import blocks_buying
from apps.ecommerce.stripe_api.client import is_livemode
from apps.ecommerce.stripe_api.transport import stripe_deadline
from apps.ecommerce.views.discount_codes import forget_code, remembered_code
from apps.ecommerce.views.guests import EmailForm
from apps.users.emails import normalize_mailbox
from apps.users.guests import (
    SESSION_KEY,
    Guest,
    guests_can_buy,
    is_buyer,
    remember_checkout,
    start_guest,
)
from apps.users.models import User

logger = logging.getLogger(__name__)


class HttpResponseSeeOther(HttpResponseRedirect):
    status_code = 303


@csrf_exempt  # see _buy_as_visitor
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@rate_limited("checkout")
def buy(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Redirect the buyer to Stripe's payment page, or to a free product."""
    configuration = get_object_or_404(ProductConfiguration.objects.with_catalogue(), slug=slug)
    if request.user.is_authenticated:
        return _buy_as_user(request, configuration)
    return _buy_as_visitor(request, configuration)


def _buy_as_visitor(request: HttpRequest, configuration: ProductConfiguration) -> HttpResponseBase:
    """Start a checkout without an account. Without GUEST_CHECKOUT, and for a trial, the visitor signs up or in first.

    The form has no CSRF token, because caches keep the page. Headers of the browser show that it is sent by this site.
    """
    form = request.POST if request.method == "POST" else request.GET
    choice, promised_code = _read_choice(form)
    if not choice["price"]:
        return redirect(configuration)
    is_own = request.method == "POST" and is_form_of_this_site(request)
    if guests_can_buy() and not is_own:
        return HttpResponseSeeOther(_product_url(configuration, choice))
    try:
        consents = require_consent(form, configuration, choice["price"])
    except ConsentMissing as refusal:
        messages.error(request, str(refusal))
        return HttpResponseSeeOther(_product_url(configuration, choice))
    if guests_can_buy():
        price = next((row for row in configuration.prices if row.id == choice["price"]), None)
        if price and configuration.is_on_sale and is_free(price):
            return _send_free(request, configuration, price, consents)
        with suppress(AccountNeeded):
            return _redirect_to_stripe(request, configuration, choice, promised_code, form)
    pending = {"slug": configuration.slug, "code": promised_code, **choice, **consent_fields(form)}
    request.session[PENDING_CHECKOUT] = pending
    url_name = "account_signup" if get_adapter(request).is_open_for_signup(request) else "account_login"
    return HttpResponseSeeOther(f"{reverse(url_name)}?{urlencode({'next': request.path})}")


def _buy_as_user(request: HttpRequest, configuration: ProductConfiguration) -> HttpResponseBase:
    if request.method == "POST":
        is_visitors_page = "csrfmiddlewaretoken" not in request.POST and is_form_of_this_site(request)
        return (_send_form if is_visitors_page else csrf_protect(_send_form))(request, configuration)
    pending = request.session.get(PENDING_CHECKOUT, {})
    choice, _code = _read_choice(request.GET)
    if pending.get("slug") != configuration.slug:  # a link or an old tab: the buyer has to confirm
        return HttpResponseSeeOther(_product_url(configuration, choice))
    del request.session[PENDING_CHECKOUT]
    choice = {name: pending.get(name, "") for name in choice}
    return _redirect_to_stripe(request, configuration, choice, pending.get("code", ""), pending)


def _send_form(request: HttpRequest, configuration: ProductConfiguration) -> HttpResponse:
    return _redirect_to_stripe(request, configuration, *_read_choice(request.POST), request.POST)


def _read_choice(form: QueryDict) -> tuple[dict[str, str], str]:
    """Return price and currency, and the code whose discount the page has promised."""
    choice = {"price": form.get("price", ""), "currency": form.get("currency", "").lower()}
    return choice, form.get("code", "")[:MAX_CODE_LENGTH]


def _send_free(
    request: HttpRequest, configuration: ProductConfiguration, price: Price, consents: list[ConsentText]
) -> HttpResponseBase:
    """E-mail a link to the free product. The page is the same whether the address has it already."""
    form = EmailForm(request.POST if "email" in request.POST else None)
    if not form.is_valid():
        context = {"configuration": configuration, "price": price, "form": form}
        context["consents"] = consent_fields(request.POST)
        return render(request, "ecommerce/free_product.html", context)
    email = form.cleaned_data["email"]
    if seconds := consume("free_order", request, key=normalize_mailbox(email)):
        return too_many_requests(request, seconds)
    send_free.enqueue(email, price.id, get_language() or "", consent_values(request, consents))
    return render(request, "ecommerce/link_sent.html", {"email": email, "configuration": configuration})


def _redirect_to_stripe(
    request: HttpRequest,
    configuration: ProductConfiguration,
    choice: dict[str, str],
    promised_code: str,
    agreed: Mapping[str, str],
) -> HttpResponse:
    is_new = not is_buyer(request.user)
    buyer = request.user if request.user.is_authenticated else start_guest(request)
    price, currency = choice["price"], choice["currency"]
    code = CheckoutCode(promised_code or remembered_code(request), is_promised=bool(promised_code))
    urls = {"origin": site_origin(request), "next_path": get_next_path(request, configuration.slug)}
    if isinstance(buyer, User) and _is_bought_here(request, configuration):
        text = _(
            "You bought %(product)s in this browser before you signed in. Once your e-mail address is confirmed, you "
            "can add it to your account here. You have not been charged."
        )
        messages.info(request, text % {"product": configuration})
        return HttpResponseSeeOther(reverse("purchases"))
    if isinstance(buyer, Guest) and _is_claimed(buyer, configuration):
        text = _("You bought %(product)s in this browser. Sign in to open it. You have not been charged.")
        messages.info(request, text % {"product": configuration})
        return HttpResponseSeeOther(
            f"{reverse('account_login')}?{urlencode({'next': configuration.get_absolute_url()})}"
        )
    try:
        consents = require_consent(agreed, configuration, price)
        with stripe_deadline():
            url = start_checkout(buyer, configuration, price, currency, code, **urls)
        store_consent_of_checkout(request, buyer, price, url, consents)
        response = HttpResponseSeeOther(url)
        if is_new and isinstance(buyer, Guest):
            remember_checkout(response, buyer)
        return response
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
            "We can't take payments right now. We've been notified and will fix it. You have not been charged."
        )
        messages.error(request, text)
    except stripe.StripeError:
        logger.exception("A checkout for %s could not be started", configuration.slug)
        text = _(
            "We couldn't open the payment page. You have not been charged. Please try again in a minute."
        )
        messages.error(request, text)
    return HttpResponseSeeOther(_product_url(configuration, choice))


def _is_bought_here(request: HttpRequest, configuration: ProductConfiguration) -> bool:
    """Return whether this browser has an order of the product that no account has claimed yet."""
    if not (token := request.session.get(SESSION_KEY)):
        return False
    return _prevents_payment(Purchase.objects.unclaimed().owned_by(Guest(token)), configuration)


def _is_claimed(guest: Guest, configuration: ProductConfiguration) -> bool:
    """Return whether an account has claimed an order of the product that was paid in this browser."""
    orders = Purchase.objects.filter(
        claimed_token=guest.guest_token, user__isnull=False, livemode=is_livemode()
    )
    return _prevents_payment(orders, configuration)


def _prevents_payment(orders: PurchaseQuerySet, configuration: ProductConfiguration) -> bool:
    rows = orders.filter(product=configuration.product_id)
    return any(has_access(order) or blocks_buying(order) for order in rows)


def _product_url(configuration: ProductConfiguration, choice: dict[str, str]) -> str:
    """Return the URL of the product page with this choice selected."""
    query = urlencode({name: value for name, value in choice.items() if 0 < len(value) <= STRIPE_ID_LENGTH})
    return f"{configuration.get_absolute_url()}{'?' if query else ''}{query}"
