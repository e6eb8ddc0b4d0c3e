"""Random requests to every URL cause no server error and show no other user's data.

`make test` sends the same few hundred requests each time. For others, as many as you like:
    FUZZ_EXAMPLES=20000 .venv/bin/python -m pytest tests/integration/test_fuzz.py
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.urls import PRIVATE_TEXT, Shop, SiteURL, read_body, site_urls

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "")
NASTY = (
    *str.split(
        "0 -1 1e400 NaN ٣ true null [] {} % %s%n 1-3 999999999-1 ada@example.com cs_test_1 icon-set ẞİ🏴‍☠️"
    ),
    *str.split(
        "../../../../etc/passwd //evil.example/ /\\evil.example javascript:alert(1) <script>alert(1)</script>"
    ),
    *str.split("00000000-0000-0000-0000-000000000000 {{settings.SECRET_KEY}} ${7*7} \ufeff \u202e"),
    *("", "\0", "a\0b", "' OR 1=1 --", "\r\nSet-Cookie: sessionid=mine", "9" * 30, "9" * 5000, "a" * 3000),
)
NAMES = str.split(
    """
    q type sort page product price next session_id view seen from canceled login password remember email
    password1 password2 oldpassword name action_add action_remove action_send language theme card declined
    iban cardNumber cardExpiry cardCvc billingName billingCountry paymentMethod promotionCode act outcome
    reason expand[] line_items[0][price] limit starting_after csrfmiddlewaretoken _method id o p
    """
)
HEADERS = str.split(
    """
    ACCEPT ACCEPT_ENCODING ACCEPT_LANGUAGE AUTHORIZATION CACHE_CONTROL EXPECT FORWARDED HX_REQUEST HX_TARGET
    HX_CURRENT_URL HX_TRIGGER HX_PROMPT IF_MATCH IF_NONE_MATCH IF_RANGE IF_MODIFIED_SINCE
    IF_UNMODIFIED_SINCE IDEMPOTENCY_KEY ORIGIN RANGE REFERER SEC_FETCH_SITE STRIPE_SIGNATURE STRIPE_VERSION
    TRANSFER_ENCODING USER_AGENT X_FORWARDED_FOR X_FORWARDED_HOST X_FORWARDED_PROTO X_HTTP_METHOD_OVERRIDE
    X_REQUEST_ID X_REQUESTED_WITH X_CSRFTOKEN
    """
)
COOKIES = ("sessionid", "csrftoken", "messages", "theme", "language", "other")
CONTENT_TYPES = (
    "application/x-www-form-urlencoded",
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "text/plain; charset=nonsense",
    "application/x-www-form-urlencoded; charset=utf-16",
    "",
)
RANGES = ("bytes=0-3", "bytes=-1", "bytes=9-", "bytes=a-b", f"bytes={'9' * 400}-", "bytes=0-0,2-3")

words = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
pairs = st.lists(st.tuples(st.sampled_from(NAMES), words), max_size=4)
# Web servers refuse these characters in headers.
lines = st.one_of(st.sampled_from(NASTY + RANGES), st.text(max_size=12)).map(
    lambda text: text.translate({ord(char): None for char in "\r\n\0"}).encode().decode("latin-1")
)
bodies = st.one_of(
    pairs.map(lambda form: urlencode(form).encode()),
    st.sampled_from(
        [b"", b"{", b"[" * 500, b'{"id": 1}', b"--b\r\n\r\n", b"\xff\xfe", b"a=%ff&b=%00", b"&" * 900]
    ),
    pairs.map(
        lambda form: b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n{word}\r\n'.encode()
            for name, word in form
        )
    ),
    st.binary(max_size=60),
)
# `make test` sends the same requests with and without URLs of apps/shop; FUZZ_EXAMPLES includes these.
shop_routes = {url.route for url in site_urls() if url.is_shop}
urls = [url for url in site_urls() if EXAMPLES or url.route not in shop_routes]
all_urls = sorted(urls, key=lambda url: url.route)
requests = st.fixed_dictionaries(
    {
        # Half of all URLs are the admin's, and most of these are similar.
        "url": st.sampled_from([url for url in all_urls if not url.is_admin]) | st.sampled_from(all_urls),
        "role": st.sampled_from(["visitor", "stranger"]),
        "method": st.sampled_from(METHODS[:2]) | st.sampled_from(METHODS),
        "replaced_part": st.none() | words,  # part of the path
        "query": pairs,
        "body": bodies,
        "content_type": st.sampled_from(CONTENT_TYPES),
        "headers": st.dictionaries(st.sampled_from(HEADERS), lines, max_size=3),
        "cookies": st.dictionaries(st.sampled_from(COOKIES), lines, max_size=2),
        "htmx": st.booleans(),
    }
)


def send(shop: Shop, values: dict[str, Any]) -> Any:
    url: SiteURL = values["url"]
    path = shop.path(url, values["role"])
    if values["replaced_part"] is not None:
        parts = path.split("/")
        parts[-2 if path.endswith("/") and len(parts) > 2 else -1] = values["replaced_part"]
        path = "/".join(parts)
    client = shop.client(values["role"])
    for name, value in values["cookies"].items():
        if name != "sessionid" or values["role"] == "visitor":
            client.cookies[name] = quote(value, safe="=;:, ")
    extra: dict[str, Any] = {f"HTTP_{name}": value for name, value in values["headers"].items()}
    extra |= {"HTTP_HX_REQUEST": "true"} if values["htmx"] else {}
    extra["PATH_INFO"] = path.encode().decode("latin-1")
    extra["QUERY_STRING"] = urlencode(values["query"])
    return read_body(client.generic(values["method"], "/", values["body"], values["content_type"], **extra))


@pytest.mark.django_db
@pytest.mark.timeout(120 + EXAMPLES)
def test_random_requests_cause_no_crash_and_no_leak(populated_shop: Shop) -> None:
    secrets = [
        PRIVATE_TEXT,
        "rosa@example.com",
        *(str(purchase.session_id) for purchase in populated_shop.purchases.values()),
    ]

    @settings(
        max_examples=EXAMPLES or 250,
        derandomize=not EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(requests)
    def attempt(values: dict[str, Any]) -> None:
        with transaction.atomic():  # each request starts with the same data
            response = send(populated_shop, values)
            transaction.set_rollback(True)
        assert response.status_code < 500, response.content
        text = response.body.decode(errors="replace") + str(response.headers)
        if not values["url"].name.startswith("stripe_sandbox:"):  # as at Stripe, these URLs need no sign-in
            assert not [secret for secret in secrets if secret in text]

    attempt()
