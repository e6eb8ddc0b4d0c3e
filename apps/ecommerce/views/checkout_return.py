"""The page to which Stripe sends the buyer after the payment."""

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.message_storage import drop_notices
from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.guest_orders import move_to_session
from apps.ecommerce.purchases.refresh import refresh_or_stale
from apps.ecommerce.views.purchases import render_purchase
from apps.users.guests import SESSION_KEY, has_started_checkout, is_buyer, new_guest_token, start_guest
from apps.users.requests import BuyerRequest


@require_safe
@never_cache
def checkout_return(request: BuyerRequest) -> HttpResponse:
    """Stripe's success_url. The request does not prove a payment, so the purchase is refreshed from Stripe."""
    purchases = Purchase.objects.with_catalogue()
    purchase = purchases.filter(session_id=request.GET.get("session_id", "")).first()
    if purchase is None and is_buyer(request.user):
        raise Http404("There is no such checkout.")
    if purchase is None:
        return redirect_to_login(request.get_full_path())
    is_own = Purchase.objects.owned_by(request.user).filter(pk=purchase.pk).exists()
    if not is_own and not purchase.is_unclaimed:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        text = _(
            "This order does not belong to %(email)s. To see it, sign out, then sign in with the account you used when "
            "you bought."
        )
        messages.error(request, text % {"email": request.user.email})
        return redirect("purchases")
    if purchase.returned_at is None:
        purchase.returned_at = timezone.now()
        Purchase.objects.filter(pk=purchase.pk, returned_at=None).update(returned_at=purchase.returned_at)
    purchase = refresh_or_stale(purchase, "return page")
    # An app has opened the return URL in another browser.
    if not is_own and not _is_of_this_browser(request, purchase):
        return render(request, "ecommerce/paid_elsewhere.html", {"purchase": purchase})
    drop_notices(request)  # notices from before the payment, such as "You are signed in"
    if not is_own and request.user.is_authenticated:
        text = _(
            "Thanks for your order. You bought %(product)s before you signed in: add it to your account here."
        )
        messages.success(request, text % {"product": purchase.product_name})
        return redirect("purchases")
    if not is_own:
        start_guest(request)
    return render_purchase(request, purchase, view="return")


def _is_of_this_browser(request: BuyerRequest, purchase: Purchase) -> bool:
    """Return whether this browser has started the checkout, also in a session that it has lost since."""
    is_known = request.session.get(SESSION_KEY) == purchase.guest_token
    if not purchase.is_open and not is_known and has_started_checkout(request, purchase.guest_token):
        move_to_session(purchase, request.session.setdefault(SESSION_KEY, new_guest_token()))
        is_known = request.session[SESSION_KEY] == purchase.guest_token
    return is_known and purchase.is_unclaimed and not purchase.is_open
