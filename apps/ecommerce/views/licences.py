"""The licence keys of owners, and the API with which programs check them. See docs/licence-keys.md."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps.core.rate_limits import consume
from apps.ecommerce.content import licence_checks
from apps.ecommerce.content.licence_checks import (
    MAX_INSTANCE_LENGTH,
    STATUS_CODES,
    Result,
    activate_licence,
    deactivate_licence,
    validate_licence,
)
from apps.ecommerce.models import LicenceActivation
from apps.users.requests import SignedInRequest
from apps.users.sign_in import login_required_to_post

MAX_NONCE_LENGTH = 200
INVALID_REQUEST = (
    "Send `key`, and if needed `instance` and `nonce` (at most 200 characters), as a form or as JSON."
)


@require_POST
@login_required_to_post
def deactivate_instance(request: SignedInRequest, public_id: UUID, activation_id: int) -> HttpResponse:
    """Deactivate one of the owner's computers, for example one that broke."""
    activation = get_object_or_404(
        LicenceActivation.objects.select_related("licence_key__purchase"),
        pk=activation_id,
        licence_key__purchase__public_id=public_id,
        licence_key__purchase__user=request.user,
    )
    activation.delete()
    messages.success(request, _("“%(instance)s” is deactivated.") % {"instance": activation.instance})
    purchase = activation.licence_key.purchase
    assert purchase
    return HttpResponseRedirect(purchase.get_absolute_url())


@csrf_exempt  # programs call it, without cookies
@require_POST
@never_cache
def validate(request: HttpRequest) -> HttpResponse:
    return _respond(request, validate_licence)


@csrf_exempt
@require_POST
@never_cache
def activate(request: HttpRequest) -> HttpResponse:
    return _respond(request, activate_licence)


@csrf_exempt
@require_POST
@never_cache
def deactivate(request: HttpRequest) -> HttpResponse:
    return _respond(request, deactivate_licence)


@require_safe
def public_key(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{licence_checks.public_key()}\n", content_type="text/plain")


def _respond(request: HttpRequest, check: Callable[[str, str], Result]) -> HttpResponse:
    if seconds := consume("licences", request):
        message = "There were too many requests. Wait for as many seconds as the header Retry-After says."
        response = _signed({"valid": False, "error": "too_many_requests", "message": message}, 429)
        response.headers["Retry-After"] = str(seconds)
        return response
    values = _read_body(request)
    if values is None:
        return _signed({"valid": False, "error": "invalid_request", "message": INVALID_REQUEST}, 400)
    result = check(values["key"], values["instance"])
    status = STATUS_CODES[result["error"]] if result["error"] else 200
    return _signed(result | {"nonce": values["nonce"] or None}, status)


def _read_body(request: HttpRequest) -> dict[str, str] | None:
    """Return the values of a form or of JSON; None if one of them is invalid."""
    source: Any = request.POST
    if request.content_type == "application/json":
        try:
            source = json.loads(request.body)
        except (ValueError, RecursionError):
            return None
    if not hasattr(source, "get"):
        return None
    values = {name: source.get(name, "") for name in ("key", "instance", "nonce")}
    if not all(isinstance(value, str) for value in values.values()) or not values["key"].strip():
        return None
    values["instance"] = values["instance"].strip()
    too_long = len(values["instance"]) > MAX_INSTANCE_LENGTH or len(values["nonce"]) > MAX_NONCE_LENGTH
    return None if too_long or not _is_storable("".join(values.values())) else values


def _is_storable(text: str) -> bool:
    """Return whether databases accept the text: JSON can contain lone surrogates, such as "\\ud800"."""
    return "\x00" not in text and text == text.encode(errors="ignore").decode()


def _signed(result: Result, status: int) -> HttpResponse:
    body = json.dumps(result).encode()
    headers = {"X-Licence-Signature": licence_checks.sign(body), "Access-Control-Allow-Origin": "*"}
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)
