"""Nonsense to every address: never a crash, never a word of Ada's to anybody else.

`make test` sends some, always the same; FUZZ_EXAMPLES=20000 sends others for as long as it takes:
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

from tests.integration.addresses import CANARY, Address, Shop, every_address, read

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
KINDS = (
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
# What a web server lets through of a header.
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
everywhere = sorted(every_address(), key=lambda address: address.route)
requests = st.fixed_dictionaries(
    {
        # Half of all addresses are the admin's, and most of them alike.
        "address": st.sampled_from([address for address in everywhere if not address.is_admins])
        | st.sampled_from(everywhere),
        "who": st.sampled_from(["visitor", "stranger"]),
        "method": st.sampled_from(METHODS[:2]) | st.sampled_from(METHODS),
        "bend": st.none() | words,  # put in the place of a parameter, or at the end
        "query": pairs,
        "body": bodies,
        "kind": st.sampled_from(KINDS),
        "headers": st.dictionaries(st.sampled_from(HEADERS), lines, max_size=3),
        "cookies": st.dictionaries(st.sampled_from(COOKIES), lines, max_size=2),
        "htmx": st.booleans(),
    }
)


def send(shop: Shop, asked: dict[str, Any]) -> Any:
    address: Address = asked["address"]
    path = shop.path(address, asked["who"])
    if asked["bend"] is not None:
        parts = path.split("/")
        parts[-2 if path.endswith("/") and len(parts) > 2 else -1] = asked["bend"]
        path = "/".join(parts)
    client = shop.client(asked["who"])
    for name, value in asked["cookies"].items():
        if name != "sessionid" or asked["who"] == "visitor":
            client.cookies[name] = quote(value, safe="=;:, ")
    extra: dict[str, Any] = {f"HTTP_{name}": value for name, value in asked["headers"].items()}
    extra |= {"HTTP_HX_REQUEST": "true"} if asked["htmx"] else {}
    extra["PATH_INFO"] = path.encode().decode("latin-1")
    extra["QUERY_STRING"] = urlencode(asked["query"])
    return read(client.generic(asked["method"], "/", asked["body"], asked["kind"], **extra))


@pytest.mark.django_db
@pytest.mark.timeout(120 + EXAMPLES)
def test_random_requests_cause_no_crash_and_no_leak(open_shop: Shop) -> None:
    secrets = [CANARY, "rosa@example.com", *(str(order.session_id) for order in open_shop.orders.values())]

    @settings(
        max_examples=EXAMPLES or 500,
        derandomize=not EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(requests)
    def attempt(asked: dict[str, Any]) -> None:
        with transaction.atomic():  # each finds the same shop
            response = send(open_shop, asked)
            transaction.set_rollback(True)
        assert response.status_code < 500, response.content
        told = response.body.decode(errors="replace") + str(response.headers)
        if not asked["address"].name.startswith("stripe_sandbox:"):  # as at Stripe, its links are the key
            assert not [secret for secret in secrets if secret in told]

    attempt()
