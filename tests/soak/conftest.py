from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import requests

from stripe_sandbox.transport import InProcessClient
from tests.faulty_stripe import FaultyStripe, faulty_stripe

from .drill import Server
from .world import World, create_world

THREADS = 4  # threads of the web server

# needs PostgreSQL; `make test-postgres` provides it
collect_ignore = (
    []
    if os.environ.get("DATABASE_URL", "").startswith("postgres")
    else ["test_database_restart.py", "test_pgbouncer.py"]
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Return a new database's URL and a function that destroys it. Use PostgreSQL if DATABASE_URL does."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        file = tmp_path / "shop.sqlite3"

        def overwrite() -> None:
            for part in tmp_path.glob("shop.sqlite3*"):
                part.write_bytes(b"this disk is broken")

        yield f"sqlite:///{file}", overwrite
        return
    name = f"drill_{uuid4().hex[:8]}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()

    def drop() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            connection.execute("CREATE TABLE damaged (a int)")

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield url, drop
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[World]:
    with create_world(tmp_path, settings) as new:
        yield new


@pytest.fixture
def faulty_server(sandbox: Any) -> Iterator[FaultyStripe]:
    """Serve Stripe from the sandbox's storage, so that the shop's hosted pages find the same objects."""
    with faulty_stripe(InProcessClient().request) as server:
        yield server


@pytest.fixture
def shop(
    tmp_path: Path, database: tuple[str, Callable[[], None]], faulty_server: FaultyStripe, settings: Any
) -> Iterator[Server]:
    """Return the production server, not started yet, connected to a Stripe that can fail."""
    more = {"STRIPE_API_BASE": faulty_server.address, "WEB_THREADS": str(THREADS)}
    with Server(tmp_path, database[0], **more) as server:
        settings.SITE_URL = server.address  # the hosted pages are on this server
        yield server


def start_shop(shop: Server, sandbox: Any) -> None:
    """Start the server and wait until the webhooks of its setup are delivered."""
    shop.start()
    requests.get(f"{shop.address}/store/", timeout=30)
    wait_until(lambda: {attempt["state"] for attempt in sandbox.attempts()} == {"delivered"})


def wait_until(condition: Callable[[], bool], seconds: float = 60, every: float = 0.05) -> None:
    """Wait for a condition, for at most `seconds`."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(every)
