from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client

from apps.users.models import User
from tests import factories

pytestmark = pytest.mark.django_db
TOKEN = "a token for the scraper"


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.name == "apps.core.middleware.request_log"]


def test_each_response_names_its_request_id(client: Client) -> None:
    first, second = client.get("/terms/"), client.get("/no-such-page/")
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert len(first["X-Request-ID"]) == 32


def test_request_id_of_the_proxy_is_used_if_valid(client: Client) -> None:
    assert (
        client.get("/terms/", headers={"X-Request-ID": "proxy-0123456789"})["X-Request-ID"]
        == "proxy-0123456789"
    )
    assert client.get("/terms/", headers={"X-Request-ID": "a b\tc"})["X-Request-ID"] != "a b\tc"


def test_each_request_writes_one_line(
    client: Client, as_ada: Client, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "apps.core.middleware.request_log"):
        client.get("/terms/?email=ada@example.com")
        as_ada.get("/purchases/")
        client.get("/healthz")
    visitor, buyer = lines(caplog)
    assert (visitor.method, visitor.route, visitor.status, visitor.user) == ("GET", "/terms/", 200, None)
    assert buyer.user == ada.pk
    assert "ada@" not in visitor.getMessage()


def test_secret_key_of_an_emailed_link_is_not_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "apps.core.middleware.request_log"):
        client.get("/accounts/confirm-email/MQ:1abcdef:secret-key/")
        client.get("/accounts/password/reset/key/1-set-secret-key/")
    assert len(lines(caplog)) == 2
    assert "secret-key" not in caplog.text


def test_purchase_status_change_writes_one_line(
    sandbox: Any, as_ada: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "apps.ecommerce.purchases.fulfilment"):
        purchase = factories.buy(as_ada, factories.create_product(sandbox.client))
    (change,) = [record for record in caplog.records if hasattr(record, "purchase")]
    assert change.purchase == str(purchase.public_id)
    assert (vars(change)["from"], vars(change)["to"]) == ("open", "paid")


def test_metrics_require_the_token(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_metrics_count_requests_and_purchases(sandbox: Any, as_ada: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    factories.buy(as_ada, factories.create_product(sandbox.client))
    as_ada.get("/terms/")
    text = as_ada.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    assert 'store_purchases{status="paid"} 1.0' in text
    assert (
        'django_http_responses_total_by_status_view_method_total{method="GET",status="200",view="terms"}'
        in text
    )
    assert "store_worker_silent 0.0" in text
