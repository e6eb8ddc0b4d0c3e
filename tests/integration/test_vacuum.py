"""`prune` shrinks SQLite's file by its unused space, and never disturbs a running site."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ConnectionHandler

from apps.core import vacuum
from apps.core.vacuum import vacuum_if_worthwhile
from config.service_settings import database

pytestmark = pytest.mark.django_db

KILOBYTE = 1000


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a database in which 2 of 3 MB are unused."""
    monkeypatch.setattr(vacuum, "MIN_UNUSED_BYTES", KILOBYTE * 1000)
    monkeypatch.setattr(vacuum, "MAX_WAIT_MILLISECONDS", 10)
    path = tmp_path / "shop.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB)")
        rows = [(number, b"x" * KILOBYTE) for number in range(3000)]
        connection.executemany("INSERT INTO events VALUES (?, ?)", rows)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM events WHERE id >= 1000")
    connection.close()
    return path


@pytest.fixture
def connection(file: Path) -> Iterator[Any]:
    connection = ConnectionHandler({"default": database(f"sqlite:///{file}")})["default"]
    yield connection
    connection.close()


def test_unused_space_is_freed(file: Path, connection: Any) -> None:
    size = file.stat().st_size
    assert "would be freed" in vacuum_if_worthwhile(connection, dry_run=True)
    assert file.stat().st_size == size
    assert vacuum_if_worthwhile(connection).endswith("MB freed")
    assert file.stat().st_size < size / 2
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM events").fetchone() == (1000,)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (20_000,)
    assert vacuum_if_worthwhile(connection) == ""


@pytest.mark.parametrize(("name", "limit"), [("MIN_UNUSED_BYTES", 10**7), ("MIN_UNUSED_SHARE", 0.9)])
def test_little_unused_space_is_not_freed(
    file: Path, connection: Any, monkeypatch: pytest.MonkeyPatch, name: str, limit: float
) -> None:
    monkeypatch.setattr(vacuum, name, limit)
    assert vacuum_if_worthwhile(connection) == ""


def test_large_database_is_only_reported(
    file: Path, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vacuum, "MAX_USED_BYTES", KILOBYTE)
    size = file.stat().st_size
    assert str(file) in vacuum_if_worthwhile(connection)
    assert file.stat().st_size == size


def test_busy_database_is_skipped(file: Path, connection: Any) -> None:
    connection.ensure_connection()
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in vacuum_if_worthwhile(connection)
    other.close()
    assert "locked" not in vacuum_if_worthwhile(connection)


def test_database_is_vacuumed_while_another_process_reads(file: Path, connection: Any) -> None:
    connection.ensure_connection()  # sets the WAL mode
    other = sqlite3.connect(file)
    rows = other.execute("SELECT id FROM events")
    assert rows.fetchone() == (0,)
    assert "freed" in vacuum_if_worthwhile(connection)
    assert len(rows.fetchall()) == 999
    other.close()


def test_vacuum_is_skipped_in_a_transaction_and_on_postgresql(file: Path, connection: Any) -> None:
    connection.in_atomic_block = True
    assert vacuum_if_worthwhile(connection, dry_run=True) == ""
    connection.in_atomic_block, connection.vendor = False, "postgresql"
    assert vacuum_if_worthwhile(connection, dry_run=True) == ""
    connection.vendor = "sqlite"
    assert vacuum_if_worthwhile(connection, dry_run=True) != ""


def test_prune_reports_the_unused_space(file: Path, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ecommerce.management.commands.prune.connection", connection)
    out = StringIO()
    call_command("prune", "--dry-run", stdout=out)
    assert "MB would be freed" in out.getvalue()
