"""Sign requests that this site sends to itself to check the proxies in front of it."""

from django.core import signing
from django.http import HttpRequest

MAX_AGE_SECONDS = 60
SIGNER = signing.TimestampSigner(salt="apps.core.self_request")
SUBJECT = "self"


def authorization_header() -> str:
    """Return a value of the Authorization header that is valid for MAX_AGE_SECONDS."""
    return f"Bearer {SIGNER.sign(SUBJECT)}"


def is_from_this_site(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    try:
        return scheme == "Bearer" and SIGNER.unsign(token, max_age=MAX_AGE_SECONDS) == SUBJECT
    except signing.BadSignature:
        return False
