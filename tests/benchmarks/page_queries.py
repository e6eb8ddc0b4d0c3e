"""With 10, 1,000 and 3,000 products, pages run the same number of queries, and each query uses an index."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from tests.factories import create_many_products

pytestmark = pytest.mark.django_db

SIZES = (10, 1_000, 3_000)
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
# Maximum number of queries of an uncached page. Two of a buyer's are for session and user.
VISITOR_QUERIES = {
    "/": 3,
    "/store/": 4,
    "/store/?page=2&sort=newest": 4,
    "/store/?type=one_time&sort=price": 4,
    "/store/?type=recurring&sort=name": 4,
    "/store/thing-5/": 7,  # with prices, questions, files, lessons, related products and their prices
}
BUYER_QUERIES = {
    "/": 5,
    "/store/": 7,
    "/store/thing-5/": 10,
    "/purchases/": 7,  # with products that the buyer may like, their prices, and whether there are orders to claim
    "/purchases/changes/": 3,
}


def test_number_of_queries_is_constant_and_no_table_is_scanned(
    client: Client, as_ada: Client, ada: User, bob: User
) -> None:
    visits = [(client, path, maximum) for path, maximum in VISITOR_QUERIES.items()]
    visits += [(as_ada, path, maximum) for path, maximum in BUYER_QUERIES.items()]
    query_counts: list[list[int]] = []
    for before, size in zip((0, *SIZES), SIZES, strict=False):
        create_many_products(size - before, start=before)
        _create_purchases(range(before, min(size, SIZES[1])), ada, bob)
        _gather_statistics()
        query_counts.append([])
        for browser, path, maximum in visits:
            with CaptureQueriesContext(connection) as captured:
                assert browser.get(path).status_code == 200
            queries = [query["sql"] for query in captured]
            query_counts[-1].append(len(queries))
            assert len(queries) <= maximum, (path, size, queries)
            if size == SIZES[-1]:
                for sql in queries:
                    assert not _full_scans(sql), (path, _full_scans(sql), sql)
    assert query_counts[0] == query_counts[1] == query_counts[2]


def _create_purchases(numbers: range, ada: User, bob: User) -> None:
    """Create purchases: Ada's of the first five products, Bob's of all later ones."""
    Purchase.objects.bulk_create(
        Purchase(
            user=ada if i < 5 else bob,
            product_id=f"prod_{i}",
            price_id=f"price_{i}",
            status=Status.PAID,
            livemode=False,
            currency="usd",
            session_id=f"cs_{i}",
            paid_at=timezone.now(),
        )
        for i in numbers
    )


def _gather_statistics() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # for small tables a scan is faster


def _full_scans(sql: str) -> list[str]:
    """Return the steps of the query plan that scan a whole table."""
    with connection.cursor() as cursor:
        cursor.execute(f"{EXPLAIN[connection.vendor]} {sql}")
        steps = [str(row[-1]) for row in cursor.fetchall()]
    return [step for step in steps if ("SCAN" in step and "INDEX" not in step) or "Seq Scan" in step]
