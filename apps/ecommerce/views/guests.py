"""Orders of buyers without an account: open by a link, find by an address, claim, and correct the address."""

from uuid import UUID

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from apps.core.rate_limits import rate_limited
from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.guest_orders import (
    claim_orders,
    claim_orders_of,
    correct_address,
    send_link,
    waiting_orders,
)
from apps.ecommerce.purchases.order_links import find_by_link, goods_url
from apps.users.email_links import get_or_create_account, sign_in
from apps.users.email_verification import is_email_verified
from apps.users.emails import posted_mailbox
from apps.users.guests import SESSION_KEY, Guest, buyer_required
from apps.users.models import UserManager
from apps.users.requests import BuyerRequest, SignedInRequest
from apps.users.sign_in import login_required_to_post


class EmailForm(forms.Form):
    email = forms.EmailField(max_length=254)

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_variables()
@rate_limited("order_link")
def open_order(request: HttpRequest, key: str) -> HttpResponse:
    """Sign in the owner of the address to which the link was e-mailed, and open the order.

    Only POST does so, because programs that scan e-mails open their links. A script sends the form of the page at once,
    unless another account is signed in, or this browser has other orders. An account is created if there is none.
    """
    purchase = find_by_link(key)
    if purchase is None:
        return render(request, "ecommerce/link_expired.html", {"form": EmailForm()}, status=404)
    email, user = purchase.current_email, request.user
    url = goods_url(purchase, request.GET.get("to", ""))
    if user.is_authenticated and user == purchase.user:
        return redirect(url)
    is_other = user.is_authenticated and user.email != email
    if request.method != "POST":
        is_other_guest = isinstance(user, Guest) and user.guest_token != purchase.guest_token
        context = {"email": email, "is_other": is_other, "sends_at_once": not (is_other or is_other_guest)}
        return render(request, "ecommerce/open_order.html", context)
    if is_other:
        get_adapter(request).logout(request)
    account = get_or_create_account(request, email)
    if account is None:
        messages.error(request, _("This account can't be opened. Please contact us."))
        return redirect("store")
    claim_orders_of(email, account)
    return redirect(url) if request.user == account else sign_in(request, account, email, url)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@rate_limited("find_orders", by=posted_mailbox)
def find_orders(request: HttpRequest) -> HttpResponse:
    """E-mail a link to the orders of an address. The page is the same whether there are any."""
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        send_link.enqueue(form.cleaned_data["email"], get_language() or "")
        return render(request, "ecommerce/link_sent.html", {"email": form.cleaned_data["email"]})
    return render(request, "ecommerce/find_orders.html", {"form": form})


@require_POST
@never_cache
@login_required_to_post
def claim(request: SignedInRequest) -> HttpResponse:
    """Add the orders to the account that were bought with its address, or in this browser without signing in."""
    if not is_email_verified(request.user):
        messages.error(request, _("Please confirm your e-mail address first."))
        return redirect("account")
    claim_orders(waiting_orders(request.user, request.session.get(SESSION_KEY, "")), request.user)
    return redirect("purchases")


@require_POST
@never_cache
@buyer_required
@rate_limited("correct_address", by=lambda request: request.path)
def correct(request: BuyerRequest, public_id: UUID) -> HttpResponse:
    """Correct the address of an order. Only the browser that has bought it can, until an account claims the order."""
    purchase = get_object_or_404(Purchase.objects.owned_by(request.user), public_id=public_id)
    form = EmailForm(request.POST)
    if not purchase.is_unclaimed:
        messages.error(request, _("This order belongs to an account. Change the address there."))
    elif not form.is_valid():
        messages.error(request, _("This isn't a valid e-mail address. Please check it."))
    elif correct_address(purchase, form.cleaned_data["email"]):
        text = _("We've sent the link to your order to %(email)s.")
        messages.success(request, text % {"email": form.cleaned_data["email"]})
    return redirect(purchase)
