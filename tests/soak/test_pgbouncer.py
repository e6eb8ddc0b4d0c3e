"""The shop on PostgreSQL behind PgBouncer in transaction mode, with two connections to the server.

Needs PostgreSQL (`make test-postgres`), because it starts its own server behind PgBouncer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from temporary_servers import pgbouncer, pgbouncer_binary, postgres

from .drill import ROOT, Buyer, Server

BUYERS = 6
POOL_SIZE = 2
OPTION = "?disable_server_side_cursors=true"

pytestmark = pytest.mark.skipif(
    not (os.environ.get("CI") or pgbouncer_binary()), reason="needs PgBouncer: apt install pgbouncer"
)


@pytest.fixture
def url() -> Iterator[str]:
    with postgres() as (server_url, _restart), pgbouncer(server_url, POOL_SIZE) as pooled_url:
        yield pooled_url


@pytest.mark.timeout(180)
def test_buyers_share_two_connections(tmp_path: Path, url: str) -> None:
    with Server(tmp_path, url + OPTION) as server:
        shop = server.run_command("setup", str(BUYERS))  # runs the migrations
        server.start()
        buyers = [Buyer(server, cookie, shop["slug"], shop["price"], pays=True) for cookie in shop["cookies"]]
        threads = [threading.Thread(target=buyer.shop) for buyer in buyers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(buyer.saw_payment for buyer in buyers)
        server.stop()
        found = server.run_command("check")  # runs reconcile
        assert found["faults"] == []
        assert len(found["paid"]) == BUYERS
        received, unprocessed = found["events"]
        assert received >= BUYERS
        assert unprocessed == 0
        prune = [sys.executable, "manage.py", "prune"]
        subprocess.run(prune, cwd=ROOT, env=server.environ, check=True, capture_output=True)


@pytest.mark.timeout(120)
def test_server_side_cursors_have_to_be_disabled(tmp_path: Path, url: str) -> None:
    with Server(tmp_path, url + OPTION) as server:
        server.run_command("setup", "3")
        assert server.run_command("iterate") == [f"buyer{number}@example.com" for number in range(3)]
        server.environ["DATABASE_URL"] = url
        with pytest.raises(AssertionError, match=r"cursor .* does not exist"):
            server.run_command("iterate")
