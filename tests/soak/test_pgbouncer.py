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
from .test_restore_drill import backup

BUYERS = 6
POOL_SIZE = 2
OPTION = "?disable_server_side_cursors=true"

pytestmark = pytest.mark.skipif(
    not (os.environ.get("CI") or pgbouncer_binary()), reason="needs PgBouncer: apt install pgbouncer"
)


@pytest.fixture
def urls() -> Iterator[tuple[str, str]]:
    """Return the URLs of the server and of PgBouncer."""
    with postgres() as (server_url, _restart), pgbouncer(server_url, POOL_SIZE) as url:
        yield server_url, url


@pytest.mark.timeout(180)
def test_buyers_share_two_connections(tmp_path: Path, urls: tuple[str, str]) -> None:
    with Server(tmp_path, urls[1] + OPTION) as server:
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
        found = server.run_command("check")  # the command reconciles first
        assert found["faults"] == []
        assert len(found["paid"]) == BUYERS
        received, unprocessed = found["events"]
        assert received >= BUYERS
        assert unprocessed == 0
        prune = [sys.executable, "manage.py", "prune"]
        subprocess.run(prune, cwd=ROOT, env=server.environ, check=True, capture_output=True)


@pytest.mark.timeout(120)
def test_server_side_cursors_have_to_be_disabled(tmp_path: Path, urls: tuple[str, str]) -> None:
    with Server(tmp_path, urls[1] + OPTION) as server:
        server.run_command("setup", "3")
        assert server.run_command("iterate") == [f"buyer{number}@example.com" for number in range(3)]
        server.environ["DATABASE_URL"] = urls[1]
        with pytest.raises(AssertionError, match=r"cursor .* does not exist"):
            server.run_command("iterate")


@pytest.mark.timeout(120)
def test_backup_and_restore_need_the_server_itself(tmp_path: Path, urls: tuple[str, str]) -> None:
    with Server(tmp_path, urls[1] + OPTION) as server:
        server.run_command("setup", "1")
        assert "PgBouncer" in backup(server, "backup", fails=True)
        server.environ["DATABASE_URL"] = urls[0]
        archive = backup(server, "backup").split()[0]
        assert "in use by" in backup(server, "restore", archive, fails=True)  # the connections of PgBouncer
        server.environ["DATABASE_URL"] = urls[1] + OPTION
        assert "PgBouncer" in backup(server, "restore", archive, fails=True)
