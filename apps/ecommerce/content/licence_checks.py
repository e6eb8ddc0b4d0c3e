"""Check and activate licence keys for the programs that founders sell. The views are in views/licences.py.

Responses are signed with Ed25519, so that programs recognize forged ones. https://www.rfc-editor.org/rfc/rfc8032
"""

import base64
import hashlib
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.ecommerce.models import LicenceActivation, LicenceKey, Purchase
from apps.ecommerce.purchases.entitlements import has_access

SEEN_EVERY = timedelta(hours=1)  # checks write to the database at most this often
MAX_INSTANCE_LENGTH = 200
ERRORS = {
    "key_unknown": "There is no such license key.",
    "key_inactive": "This license key is no longer valid: the purchase was refunded or has ended, or the key was "
    "replaced.",
    "instance_missing": "Name the computer or site in `instance`, with 1 to 200 characters.",
    "not_activated": "This license key is not activated for this instance.",
    "activation_limit": "This license key is in use on as many computers as it allows. Deactivate one of them first.",
}
STATUS_CODES = {
    "key_unknown": 404,
    "key_inactive": 403,
    "instance_missing": 400,
    "not_activated": 403,
    "activation_limit": 409,
}

Result = dict[str, Any]


def validate_licence(key: str, instance: str) -> Result:
    """Return whether the key is valid; with an instance, whether it is also activated for that instance."""
    licence = _find(key)
    error = _refusal(licence)
    if not error and instance:
        activation = licence.activations.filter(instance=instance).first() if licence else None
        error = "" if activation else "not_activated"
        if activation and activation.seen_at < timezone.now() - SEEN_EVERY:
            LicenceActivation.objects.filter(pk=activation.pk).update(seen_at=timezone.now())
    return _result(licence, instance, error)


@transaction.atomic
def activate_licence(key: str, instance: str) -> Result:
    """Activate the key for an instance, unless the maximum number is active. Safe to repeat."""
    licence = _find(key, lock=True)
    error = _refusal(licence) or ("" if instance else "instance_missing")
    if licence and not error:
        now = timezone.now()
        known = licence.activations.filter(instance=instance).update(seen_at=now)
        if not known and _has_room(licence):
            licence.activations.create(instance=instance, seen_at=now)
        elif not known:
            error = "activation_limit"
    return _result(licence, instance, error)


@transaction.atomic
def deactivate_licence(key: str, instance: str) -> Result:
    """Deactivate the key for an instance. Safe to repeat, also for a key that is no longer valid.

    The result is never "valid": the response is signed, so it could be replayed to a program that asks to validate.
    """
    licence = _find(key, lock=True)
    error = "" if licence else "key_unknown"
    if licence and not instance:
        error = "instance_missing"
    elif licence:
        licence.activations.filter(instance=instance).delete()
    return _result(licence, instance, error) | {"valid": False}


def is_valid(licence: LicenceKey) -> bool:
    """Return whether the key's purchase grants access to the key's product now."""
    purchase = licence.purchase
    if purchase is None or licence.replaced_at or purchase.product_id != licence.configuration.product_id:
        return False
    return has_access(purchase)


def licence_context(purchase: Purchase) -> dict[str, Any]:
    """Return the values for _licence.html: the key of a purchase with access, or that the buyer waits for one."""
    configuration = getattr(purchase.product, "configuration", None)
    is_preview = purchase._state.adding  # staff see the owner's page with a purchase that is not saved
    if is_preview or not (configuration and configuration.licence_keys and has_access(purchase)):
        return {"licence": None, "awaits_licence": False}
    keys = LicenceKey.objects.for_purchase(purchase).select_related("configuration", "purchase")
    licence = keys.prefetch_related("activations").first()
    return {
        "licence": licence,
        "awaits_licence": licence is None,
        "max_activations": max_activations(licence) if licence else 0,
    }


def max_activations(licence: LicenceKey) -> int:
    """Return how many instances can be active, 0 for any number. Each seat of a subscription counts."""
    quantity = licence.purchase.quantity if licence.purchase else 1
    return licence.configuration.max_activations * quantity


def sign(body: bytes) -> str:
    """Return the signature of a response in base64."""
    return base64.b64encode(_private_key().sign(body)).decode()


def public_key() -> str:
    """Return the key with which programs verify the signature: 32 bytes in base64."""
    return base64.b64encode(_private_key().public_key().public_bytes_raw()).decode()


def _private_key() -> Ed25519PrivateKey:
    secret = settings.LICENCE_SIGNING_KEY or settings.SECRET_KEY
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"licence keys:" + secret.encode()).digest())


def _find(key: str, *, lock: bool = False) -> LicenceKey | None:
    rows = LicenceKey.objects.select_for_update() if lock else LicenceKey.objects.select_related("purchase")
    # A key without purchase has not been sold, so no buyer knows it.
    entered = key.strip()
    return rows.filter(key__in=[entered, entered.upper()], purchase__isnull=False).order_by("pk").first()


def _refusal(licence: LicenceKey | None) -> str:
    if licence is None:
        return "key_unknown"
    return "" if is_valid(licence) else "key_inactive"


def _has_room(licence: LicenceKey) -> bool:
    limit = max_activations(licence)
    return not limit or licence.activations.count() < limit


def _result(licence: LicenceKey | None, instance: str, error: str) -> Result:
    result: Result = {"valid": not error, "error": error or None, "message": ERRORS.get(error)}
    if licence:
        purchase: Purchase | None = licence.purchase
        assert purchase
        result |= {
            "key": licence.key,
            "product": licence.configuration.slug,
            "plan": purchase.plan,
            "test": not purchase.livemode,
            "activations": licence.activations.count(),
            "max_activations": max_activations(licence) or None,
        }
    return result | {"instance": instance or None, "at": int(timezone.now().timestamp())}
