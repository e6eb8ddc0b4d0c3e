"""Start temporary PostgreSQL and Redis servers on free local ports. Only the standard library."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from environment import stop

PACKAGES = ("postgresql", "redis-server")
MAX_WAIT_SECONDS = 30
UNPRIVILEGED_USER = "nobody"  # PostgreSQL refuses to run as root


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    with postgres() as (database_url, _restart), redis() as cache_url:
        yield {"DATABASE_URL": database_url, "CACHE_URL": cache_url}


@contextmanager
def postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """Start an empty server without fsync. Yield its URL and a function that restarts it."""
    binaries = postgres_binaries()
    with _temporary_folder("postgres") as folder:
        password, port = secrets.token_hex(8), free_port()
        (folder / "password").write_text(password)
        shutil.chown(folder / "password", *_owner())
        initdb = [binaries / "initdb", "-D", folder / "data", "-U", "shop", "--pwfile", folder / "password"]
        initdb += ["-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
        _run_or_stop(initdb, folder)
        options = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
        }
        command = [binaries / "postgres", "-D", folder / "data"]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        accepts = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        with ExitStack() as running:

            def start() -> subprocess.Popen[bytes]:
                ready = lambda: subprocess.run(accepts, **_user_options()).returncode == 0  # noqa: E731
                return running.enter_context(_server(command, folder, ready))

            process = [start()]

            def restart() -> None:
                process[0].send_signal(signal.SIGINT)  # SIGINT is PostgreSQL's fast shutdown
                process[0].wait(MAX_WAIT_SECONDS)
                process[0] = start()

            yield f"postgres://shop:{password}@127.0.0.1:{port}/postgres", restart


@contextmanager
def pgbouncer(database_url: str, pool_size: int) -> Iterator[str]:
    """Start PgBouncer in transaction mode in front of a server of `postgres`. Yield the URL of the same database."""
    url, port = urlsplit(database_url), free_port()
    binary = pgbouncer_binary() or stop("PgBouncer is missing. On Debian and Ubuntu: apt install pgbouncer")
    with _temporary_folder("pgbouncer") as folder:
        (folder / "users").write_text(f'"{url.username}" "{url.password}"\n')
        options = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": pool_size,
        }
        lines = ["[databases]", f"* = host={url.hostname} port={url.port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in options.items()]
        (folder / "pgbouncer.ini").write_text("\n".join(lines))
        for file in folder.iterdir():
            shutil.chown(file, *_owner())
        command = [binary, folder / "pgbouncer.ini"]
        with _server(command, folder, lambda: _accepts_connections(port)):
            yield url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{port}").geturl()


def pgbouncer_binary() -> str | None:
    """Return its path. Debian installs it into a folder that is not in every user's PATH."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def redis() -> Iterator[str]:
    binary = shutil.which("redis-server") or shutil.which("valkey-server") or _stop_without_binaries()
    with _temporary_folder("redis") as folder:
        port = free_port()
        command = [binary, "--port", port, "--bind", "127.0.0.1", "--dir", folder]
        with _server(
            [*command, "--save", "", "--appendonly", "no"], folder, lambda: _accepts_connections(port)
        ):
            yield f"redis://127.0.0.1:{port}/0"


def postgres_binaries() -> Path:
    """Return the folder of the newest PostgreSQL. On Debian it is not in PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    initdb = debian[-1] if debian else shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else _stop_without_binaries()


def install_missing() -> None:
    """Install the servers with apt, only in CI."""
    present = list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")
    if present and pgbouncer_binary() and (shutil.which("redis-server") or shutil.which("valkey-server")):
        return
    if os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "check": True}
        subprocess.run(["apt-get", "update", "-q"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-q", *PACKAGES, "pgbouncer"], **quiet)


@contextmanager
def _server(
    command: Sequence[object], folder: Path, ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / "log"
    with log.open("ab") as out:
        arguments = list(map(str, command))
        process = subprocess.Popen(arguments, stdout=out, stderr=out, cwd=folder, **_user_options())
    try:
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                output = log.read_text(errors="replace")[-2000:]
                stop(f"{Path(arguments[0]).name} does not start:\n{output}")
            time.sleep(0.05)
        yield process
    finally:
        for sign in (signal.SIGINT, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(sign)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    continue


@contextmanager
def _temporary_folder(name: str) -> Iterator[Path]:
    """Create a folder for the server, and remove it at the end, also after SIGTERM."""
    folder = Path(tempfile.mkdtemp(prefix=f"shop-{name}-"))
    shutil.chown(folder, *_owner())
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        yield folder
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(folder, ignore_errors=True)


def _user_options() -> dict[str, Any]:
    if os.geteuid():
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _owner() -> tuple[int, int]:
    options = _user_options()
    return options.get("user", os.geteuid()), options.get("group", os.getegid())


def _run_or_stop(command: Sequence[object], folder: Path) -> None:
    arguments = list(map(str, command))
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, **_user_options())
    if done.returncode:
        stop(f"{Path(arguments[0]).name} failed: {done.stderr or done.stdout}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop_without_binaries() -> NoReturn:
    stop(
        "PostgreSQL and Redis must be installed, but need not run. "
        f"On Debian and Ubuntu: apt install {' '.join(PACKAGES)}; on macOS: brew install postgresql redis"
    )
