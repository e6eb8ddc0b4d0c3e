"""Back up, destroy the database and restore: purchases are unchanged, and later ones are adopted from Stripe.

`make test` runs it on SQLite, `make test-postgres` on PostgreSQL, `make drill` on both.
"""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from .conftest import wait_until
from .drill import ROOT, Buyer, Server


def backup(server: Server, *arguments: str, fails: bool = False) -> str:
    """Run scripts/backup.py as make does; return its output."""
    command = [sys.executable, "scripts/backup.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=server.environ, capture_output=True, text=True)
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr if fails else done.stdout


@pytest.mark.timeout(240)
def test_restored_backup_has_each_purchase(tmp_path: Path, database: tuple[str, Callable[[], None]]) -> None:
    url, destroy = database
    files = {"private/downloads/icons.zip": b"the files", "media/products/icons.png": b"a picture"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    with Server(tmp_path, url) as server:
        shop = server.run_command("setup", "4")
        buyers = [Buyer(server, cookie, shop["slug"], shop["price"], pays=True) for cookie in shop["cookies"]]
        server.start()
        for buyer in buyers[:3]:
            buyer.shop()
        before = server.run_command("purchases")
        assert len(before) == 3
        archive = backup(server, "backup").split()[0]  # a backup while the site runs
        buyers[3].shop()
        assert all(buyer.saw_payment for buyer in buyers)
        assert "The site is running" in backup(server, "restore", archive, fails=True)
        server.kill()  # the killed server leaves its files behind

        destroy()
        for name in ("private", "media"):
            shutil.rmtree(tmp_path / name)

        assert "reconcile_purchases" in backup(server, "restore", archive)
        assert server.run_command("purchases") == before
        assert {name: (tmp_path / name).read_bytes() for name in files} == files
        again = backup(server, "backup").split()[0]  # a backup of the restored database
        backup(server, "restore", again)
        assert server.run_command("purchases") == before

        server.start()  # the restored sessions are valid
        page = requests.get(
            f"{server.address}/purchases/", cookies={"sessionid": shop["cookies"][0]}, timeout=30
        )
        assert "Icon set" in page.text
        found = server.run_command("check")  # the command reconciles first
        assert found["faults"] == []
        assert len(found["paid"]) == 4
        assert found["found"] == 1
        emails = [mails for _facts, _timeline, mails in server.run_command("purchases")]
        assert [len(mails) for mails in emails] == [1, 1, 1, 0]  # the last one was sent after the backup


def test_restore_refuses_while_a_worker_runs(
    tmp_path: Path, database: tuple[str, Callable[[], None]]
) -> None:
    with Server(tmp_path, database[0], TASKS_BACKEND="database") as server:
        server.run_command("setup", "1")
        before = server.run_command("purchases")
        archive = backup(server, "backup").split()[0]
        start = [sys.executable, "manage.py", "db_worker", "--no-reload"]
        with subprocess.Popen(start, cwd=ROOT, env=server.environ, stdin=subprocess.PIPE) as process:
            wait_until(lambda: _is_locked(tmp_path / "site.lock"))
            refusal = backup(server, "restore", archive, fails=True)
            process.kill()
        assert "The site is running" in refusal
        assert server.run_command("purchases") == before
        backup(server, "restore", archive)


def test_restore_refuses_while_another_program_uses_the_database(
    tmp_path: Path, database: tuple[str, Callable[[], None]]
) -> None:
    with Server(tmp_path, database[0]) as server:
        server.run_command("setup", "1")
        archive = backup(server, "backup").split()[0]
        with closing(_connect(database[0])) as connection:
            connection.execute("SELECT count(*) FROM ecommerce_purchase").fetchone()
            assert "in use by" in backup(server, "restore", archive, fails=True)
        server.environ["DOWN_SINCE"] = "noon"
        assert "DOWN_SINCE=noon is not a time" in backup(server, "restore", archive, fails=True)
        server.environ["DOWN_SINCE"] = "2026-11-24 10:00"
        assert "before 2026-11-24 10:00:00 UTC" in backup(server, "restore", archive)
        del server.environ["DOWN_SINCE"]  # the last restore counts like an e-mail
        assert "before 2026-11-24 10:00:00 UTC" in backup(server, "restore", archive)


def _is_locked(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _connect(url: str) -> Any:
    return sqlite3.connect(url.removeprefix("sqlite:///")) if "sqlite" in url else psycopg.connect(url)


def test_damaged_or_missing_archive_changes_nothing(
    tmp_path: Path, database: tuple[str, Callable[[], None]]
) -> None:
    with Server(tmp_path, database[0]) as server:
        server.run_command("setup", "1")
        before = server.run_command("purchases")
        (tmp_path / "half.tar.gz").write_bytes(Path(backup(server, "backup").split()[0]).read_bytes()[:2000])
        assert "is damaged" in backup(server, "restore", str(tmp_path / "half.tar.gz"), fails=True)
        assert "no archive" in backup(server, "restore", str(tmp_path / "none.tar.gz"), fails=True)
        assert "No archive" in backup(server, "restore", "", fails=True)
        assert server.run_command("purchases") == before
