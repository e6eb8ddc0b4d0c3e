import re
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.core.rate_limits import consume, too_many_requests
from apps.ecommerce.models import Withdrawal
from apps.ecommerce.purchases.withdrawals import receive_withdrawal

RECEIVED = "withdrawal"  # session key: the withdrawal that this browser has sent
# The address of the confirmation is not verified, so the text must not be usable for advertising.
WEB_ADDRESS = re.compile(r"://|\bwww\.|\.[a-z]{2,}/", re.IGNORECASE)
# Control characters that change the order in which a text is shown.
BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
DOT_IN_WORD = re.compile(r"(?<=\w)\.(?=[a-z]{2})", re.IGNORECASE)


class WithdrawalForm(forms.ModelForm):
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    class Meta:
        model = Withdrawal
        fields = ["name", "contract", "email"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, autocomplete in {"name": "name", "contract": "off", "email": "email"}.items():
            self.fields[name].help_text = ""
            self.fields[name].widget.attrs["autocomplete"] = autocomplete

    def clean_name(self) -> str:
        return _plain(self.cleaned_data["name"])

    def clean_contract(self) -> str:
        return _plain(self.cleaned_data["contract"])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def withdraw(request: HttpRequest) -> HttpResponseBase:
    """Show the form, then what was entered with the button to confirm it, then store it."""
    _require_setting()
    if request.method != "POST":
        return render(request, "ecommerce/withdraw.html", {"form": WithdrawalForm(initial=_known(request))})
    form = WithdrawalForm(request.POST)
    if not form.is_valid() or "change" in request.POST:
        return render(request, "ecommerce/withdraw.html", {"form": form})
    if "confirm" not in request.POST:
        return render(request, "ecommerce/withdraw_confirm.html", {"form": form})
    if seconds := consume("withdrawal", request):
        return too_many_requests(request, seconds)
    request.session[RECEIVED] = receive_withdrawal(**form.cleaned_data).pk
    return redirect("withdrawal_received")


@require_safe
@never_cache
def withdrawal_received(request: HttpRequest) -> HttpResponseBase:
    _require_setting()
    withdrawal = Withdrawal.objects.filter(pk=request.session.get(RECEIVED, 0)).first()
    if withdrawal is None:
        return redirect("withdraw")
    return render(request, "ecommerce/withdrawal_received.html", {"withdrawal": withdrawal})


def _require_setting() -> None:
    if not settings.WITHDRAWAL_FORM:
        raise Http404("WITHDRAWAL_FORM is not set.")


def _known(request: HttpRequest) -> dict[str, str]:
    """Return the initial values of the form. The order number is that of the link on the order page."""
    known = {"contract": request.GET.get("order", "")[:200]}
    if request.user.is_authenticated:
        known |= {"name": request.user.name, "email": request.user.email}
    return known


def _plain(text: str) -> str:
    """Return one line. A space after the dot of "evil.example" keeps e-mail programs from making a link of it."""
    text = BIDI_CONTROLS.sub("", text)
    if WEB_ADDRESS.search(text):
        raise forms.ValidationError(_("Please leave out web addresses."))
    return " ".join(word if "@" in word else DOT_IN_WORD.sub(". ", word) for word in text.split())
