"""A request that this site makes to itself, to see what the proxies in front of it do: proven by SECRET_KEY."""

from django.core import signing
from django.http import HttpRequest

MAX_AGE_SECONDS = 60
SALT = "apps.core.self_request"
PROOF = "self"


def authorization() -> str:
    """Return a value for the header Authorization, good for MAX_AGE_SECONDS."""
    return f"Bearer {signing.TimestampSigner(salt=SALT).sign(PROOF)}"


def is_from_this_site(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    try:
        signed = signing.TimestampSigner(salt=SALT).unsign(token, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return False
    return scheme == "Bearer" and signed == PROOF
