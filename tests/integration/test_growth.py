"""10, 1,000 and 10,000 products: the same number of queries, and each finds its rows by an index.

How long they take is no test: a machine that is busy would fail it.
"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from tests.factories import many

pytestmark = pytest.mark.django_db

SIZES = (10, 1_000, 10_000)
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
# The most queries a page may cost that nobody has kept. Session and user are two of a buyer's.
VISITOR = {
    "/": 3,
    "/store/": 3,
    "/store/?page=2&sort=newest": 3,
    "/store/?type=one_time&sort=price": 3,
    "/store/?type=recurring&sort=name": 3,
    "/store/thing-5/": 4,
}
BUYER = {
    "/": 5,
    "/store/": 6,
    "/store/thing-5/": 7,
    "/purchases/": 3,
    "/purchases/changes/": 3,
}


def test_pages_cost_as_many_queries_and_read_no_table_whole(
    client: Client, as_ada: Client, ada: User, bob: User
) -> None:
    visits = [(client, path, most) for path, most in VISITOR.items()]
    visits += [(as_ada, path, most) for path, most in BUYER.items()]
    costs: list[list[int]] = []
    for before, size in zip((0, *SIZES), SIZES, strict=False):
        many(size - before, start=before)
        _sell(range(before, min(size, SIZES[1])), ada, bob)
        _gather_statistics()
        costs.append([])
        for browser, path, most in visits:
            with CaptureQueriesContext(connection) as asked:
                assert browser.get(path).status_code == 200
            queries = [query["sql"] for query in asked]
            costs[-1].append(len(queries))
            assert len(queries) <= most, (path, size, queries)
            if size == SIZES[-1]:
                for sql in queries:
                    assert not _whole_tables(sql), (path, _whole_tables(sql), sql)
    assert costs[0] == costs[1] == costs[2]


def _sell(numbers: range, ada: User, bob: User) -> None:
    """Ada bought the first five, Bob the rest."""
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
            cursor.execute(
                "SET LOCAL enable_seqscan = off"
            )  # small tables are read whole because that is quick


def _whole_tables(sql: str) -> list[str]:
    """The steps of the database's plan that read a table from its beginning to its end."""
    with connection.cursor() as cursor:
        cursor.execute(f"{EXPLAIN[connection.vendor]} {sql}")
        steps = [str(row[-1]) for row in cursor.fetchall()]
    return [step for step in steps if ("SCAN" in step and "INDEX" not in step) or "Seq Scan" in step]
