"""Rate limits count by user and by IP address in the shared cache, and allow every request without it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client, RequestFactory

from apps.core import rate_limits
from apps.core.client_ip import client_ip
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, press_buy, signed_in

pytestmark = pytest.mark.django_db

FROM_ONE_IP = {"REMOTE_ADDR": "203.0.113.7"}
FROM_ANOTHER_IP = {"REMOTE_ADDR": "203.0.113.8"}
SEARCH = "/store/?q=icons"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Set the time of the rate limits."""
    seconds = [1_800_000_000.0]
    monkeypatch.setattr(rate_limits, "now", lambda: seconds[0])
    return seconds


def test_too_many_checkouts_say_when_to_try_again(
    ada: User, icons: ProductConfiguration, settings: Any, clock: list[float]
) -> None:
    settings.RATE_LIMITS = {"checkout": "2/5m/user"}
    buyer = signed_in(ada)
    for _ in range(2):
        press_buy(buyer, icons)
    clock[0] += 100
    refused = buyer.post("/store/icon-set/buy/", {"price": icons.prices[0].id})
    assert refused.status_code == 429
    assert refused["Retry-After"] == "200"
    page = refused.content.decode()
    assert "4 minutes" in page
    assert "site-header" in page
    clock[0] += 200
    press_buy(buyer, icons)


def test_card_testers_with_many_accounts_share_an_ip_limit(
    icons: ProductConfiguration, settings: Any
) -> None:
    settings.RATE_LIMITS = {"checkout": "100/5m/user,3/5m/ip"}
    buyers = [signed_in(User.objects.create_user(f"{n}@example.com", "x")) for n in range(4)]
    form = {"price": icons.prices[0].id}
    statuses = [buyer.post("/store/icon-set/buy/", form, **FROM_ONE_IP).status_code for buyer in buyers]  # type: ignore[arg-type]
    assert statuses == [303, 303, 303, 429]
    assert buyers[3].post("/store/icon-set/buy/", form, **FROM_ANOTHER_IP).status_code == 303  # type: ignore[arg-type]


def test_reloading_the_page_of_an_order_sends_few_requests_to_stripe(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    """Stripe refuses all buyers (429) if the shop sends too many. https://docs.stripe.com/rate-limits"""
    purchase = buy(as_ada, icons)
    settings.RATE_LIMITS = {"refresh": "3/m/key"}
    page = f"/store/checkout/return/?session_id={purchase.session_id}"
    with patch.object(InProcessClient, "request", autospec=True, side_effect=InProcessClient.request) as sent:
        for url in [page, f"{purchase.get_absolute_url()}?from=portal"] * 5:
            assert as_ada.get(url).status_code == 200
    assert sent.call_count == 3


def test_too_many_searches_show_a_message_in_place_of_products(
    client: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.RATE_LIMITS = {"search": "1/m/ip"}
    htmx = {"HX-Request": "true", "HX-Target": "results"}
    assert client.get(SEARCH, headers=htmx, **FROM_ONE_IP).status_code == 200  # type: ignore[arg-type]
    refused = client.get(SEARCH, headers=htmx, **FROM_ONE_IP)  # type: ignore[arg-type]
    assert refused.status_code == 429
    assert '<section class="results" id="results" role="alert">' in refused.content.decode()
    assert "<html" not in refused.content.decode()
    assert client.get("/store/?sort=name", **FROM_ONE_IP).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "form", "limit"),
    [
        ("login", {"login": "nobody@example.com", "password": "x"}, 30),
        ("signup", {"email": "", "password1": ""}, 20),
        ("password/reset", {"email": "nobody@example.com"}, 5),
    ],
)
def test_sign_in_sign_up_and_reset_forms_are_limited(
    client: Client, path: str, form: dict[str, str], limit: int
) -> None:
    for _ in range(limit):
        assert client.post(f"/accounts/{path}/", form).status_code in (200, 302)
    refused = client.post(f"/accounts/{path}/", form)
    assert refused.status_code == 429
    assert refused["Retry-After"] == "60"


def test_password_is_not_checked_after_five_wrong_ones(ada: User, client: Client) -> None:
    wrong = {"login": ada.email, "password": "guess"}
    for number in range(5):
        client.post("/accounts/login/", wrong, REMOTE_ADDR=f"203.0.113.{number}")
    right = {"login": ada.email, "password": "ada-buys-things"}
    page = client.post("/accounts/login/", right, REMOTE_ADDR="203.0.113.99")
    assert page.status_code == 200
    assert page.context["form"].errors
    assert "_auth_user_id" not in client.session


def test_admin_uses_the_shops_sign_in_page(olive: User, client: Client) -> None:
    """The admin's own sign-in form would not be limited."""
    response = client.post("/admin/login/", {"username": olive.email, "password": "olive-runs-this"})
    assert response["Location"].startswith("/accounts/login/?next=")
    assert "_auth_user_id" not in client.session


def test_default_limits_allow_ordinary_use(ada: User, icons: ProductConfiguration, settings: Any) -> None:
    settings.RATE_LIMITS = settings.SHOP_RATE_LIMITS
    buyer = signed_in(ada)
    for _ in range(5):
        press_buy(buyer, icons)
    for _ in range(30):
        assert buyer.get(SEARCH, **FROM_ONE_IP).status_code == 200  # type: ignore[arg-type]


def test_no_request_is_refused_without_the_cache(
    ada: User, icons: ProductConfiguration, settings: Any, rf: RequestFactory
) -> None:
    settings.RATE_LIMITS = {"checkout": "1/5m/user"}
    unreachable = {"BACKEND": "apps.core.redis_cache.FallbackRedisCache", "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {**settings.CACHES, "default": unreachable}
    request = rf.get("/")
    request.user = ada
    assert [rate_limits.consume("checkout", request) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "198.51.100.1", "203.0.113.7"),  # no proxy is declared, so the client wrote the header
        (1, "198.51.100.1", "198.51.100.1"),
        # the client sent the first entry, our proxy added the second
        (1, "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (2, "1.1.1.1, 198.51.100.1, 192.0.2.1", "198.51.100.1"),
        (2, "198.51.100.1", "198.51.100.1"),  # the outer proxy is missing
        (1, "", "203.0.113.7"),
        (1, "nonsense", "203.0.113.7"),  # an invalid IP address must not switch the limits off
        (1, "1.1.1.1,,", "1.1.1.1"),
        (1, "::1%eth0", "::"),
        (1, "198.51.100.1:4711", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::"),
        (1, "2001:db8:0:0:aaaa::1", "2001:db8::"),  # a household has a whole /64
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
    ],
)
def test_client_ip_depends_on_the_number_of_proxies(
    rf: RequestFactory, settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", headers={"x-forwarded-for": forwarded}, REMOTE_ADDR="203.0.113.7")
    assert client_ip(request) == address


def test_invented_ips_do_not_avoid_the_sign_in_limit(client: Client) -> None:
    form = {"login": "nobody@example.com", "password": "x"}
    answers = [
        client.post("/accounts/login/", form, headers={"x-forwarded-for": f"198.51.100.{number}"})
        for number in range(31)
    ]
    assert answers[-1].status_code == 429


def test_undeclared_proxy_locks_no_user_out(
    client: Client, icons: ProductConfiguration, settings: Any
) -> None:
    """All shoppers then share the proxy's IP address."""
    settings.RATE_LIMITS = {"search": "1/m/ip"}
    assert [client.get(SEARCH).status_code for _ in range(3)] == [200, 200, 200]
