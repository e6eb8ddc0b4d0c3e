"""The kill drill: buyers buy over HTTP while the server is killed and restarted."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
CONCURRENT_BUYERS = 4
MAX_TRIES = 8
CARD = {
    "email": "",
    "cardNumber": "4242424242424242",
    "cardExpiry": "12 / 40",
    "cardCvc": "123",
    "billingName": "A Buyer",
    "billingCountry": "GB",
    "billingPostalCode": "SW1A 1AA",
}


class Server:
    """A production server in its own process group, with its own VAR_DIR and port.

    It uses SQLite in VAR_DIR unless `database_url` is given.
    """

    def __init__(self, folder: Path, database_url: str = "", **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address, self.folder = f"http://127.0.0.1:{port}", folder
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("STRIPE", "DJANGO"))
        }
        self.environ = inherited | {
            "VAR_DIR": str(folder),
            "SITE_URL": self.address,
            "SECRET_KEY": "drill",
            "DEBUG": "true",
            "ENV_FILE": os.devnull,
            "LOG_LEVEL": "ERROR",
            "PORT": str(port),
            "WEB_WORKERS": "1",
            "WEB_THREADS": "8",
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'db.sqlite3'}",
            "CACHE_URL": "",
            **environment,
        }
        self.is_up = threading.Event()
        self.responses = 0
        self.process: subprocess.Popen[bytes] | None = None

    def run_command(self, *arguments: str) -> Any:
        """Run drill_site with these arguments and return its output."""
        command = [sys.executable, "-m", "tests.soak.drill_site", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def start(self) -> None:
        """Start the server and wait until it responds."""
        command = [sys.executable, "-m", "config.server"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        pause = threading.Event()
        deadline = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{self.address}/healthz", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
                pause.wait(0.05)  # the server is not ready yet
        self.is_up.set()

    def kill(self) -> None:
        """Kill the process group with SIGKILL."""
        assert self.process is not None
        self.is_up.clear()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM, as systemd and Docker do; return the exit status."""
        assert self.process is not None
        self.is_up.clear()
        self.process.terminate()
        return self.process.wait(60)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


class Buyer:
    """A buyer with one checkout, whose browser retries failed requests."""

    def __init__(self, server: Server, cookie: str, slug: str, price: str, pays: bool) -> None:
        self.server, self.slug, self.price, self.pays = server, slug, price, pays
        self.browser = requests.Session()
        self.browser.cookies.set("sessionid", cookie)
        self.saw_payment = False

    def shop(self) -> None:
        """Press Buy, pay if this buyer pays, and return to the shop."""
        with self.browser:
            page = self._post(f"/store/{self.slug}/", f"/store/{self.slug}/buy/", {"price": self.price})
            if "/stripe-sandbox/checkout/" not in page or not self.pays:
                return
            back = self.pay(page.removeprefix(self.server.address))
            if "session_id=" in back:
                answer = self._send("GET", back.removeprefix(self.server.address))
                self.saw_payment = 'data-state="paid"' in answer.text

    def pay(self, page: str) -> str:
        """Pay on the hosted page; return the redirect's URL, or "" without a redirect."""
        return self._post(page, page, CARD)

    def press_buy(self) -> Any:
        """Press Buy once and return the response."""
        self._send("GET", f"/store/{self.slug}/")
        form = {"price": self.price, "csrfmiddlewaretoken": self.browser.cookies.get("csrftoken") or ""}
        return self._send("POST", f"/store/{self.slug}/buy/", form)

    def _post(self, page: str, path: str, form: dict[str, str]) -> str:
        """Open the page and send its form; return the redirect's URL, or "" without a redirect."""
        for _ in range(MAX_TRIES):
            self._send("GET", page)
            token = {"csrfmiddlewaretoken": self.browser.cookies.get("csrftoken") or ""}
            answer = self._send("POST", path, {**form, **token}, retry=False)
            location = answer.headers.get("Location", "") if answer is not None else ""
            if "session_id=" in location or "/stripe-sandbox/checkout/" in location:
                return location
        return ""

    def _send(self, method: str, path: str, form: Any = None, retry: bool = True) -> Any:
        while True:
            assert self.server.is_up.wait(60), "the server has not restarted"
            try:
                answer = self.browser.request(
                    method, self.server.address + path, data=form, timeout=30, allow_redirects=False
                )
            except requests.RequestException:
                if not retry:
                    return None
            else:
                self.server.responses += 1
                assert answer.status_code < 500, answer.text[:2000]
                return answer


def drill(folder: Path, checkouts: int, kills: int, seed: int) -> dict[str, Any]:
    """Run these checkouts, three of four paid, during `kills` kills. Return the output of drill_site's check."""
    chance = random.Random(seed)
    with Server(folder) as server:
        shop = server.run_command("setup", str(checkouts))
        buyers = [
            Buyer(server, cookie, shop["slug"], shop["price"], pays=chance.random() < 0.75)
            for cookie in shop["cookies"]
        ]
        errors = _run_buyers(server, buyers, kills, chance)
        if errors:
            raise errors[0]
        server.kill()
        found: dict[str, Any] = server.run_command("check")
    seen = [f"buyer{number}@example.com" for number, buyer in enumerate(buyers) if buyer.saw_payment]
    found["faults"] += [
        f"{email} saw the payment, but the purchase is not paid"
        for email in seen
        if email not in found["paid"]
    ]
    return found


def _run_buyers(
    server: Server, buyers: list[Buyer], kills: int, chance: random.Random
) -> list[BaseException]:
    queue: SimpleQueue[Buyer] = SimpleQueue()
    for buyer in buyers:
        queue.put(buyer)
    errors: list[BaseException] = []
    is_finished = threading.Event()

    def run_buyers() -> None:
        try:
            while not errors:
                queue.get_nowait().shop()
        except Empty:
            pass
        except BaseException as error:
            errors.append(error)
        if not any(thread.is_alive() for thread in threads if thread is not threading.current_thread()):
            is_finished.set()

    threads = [threading.Thread(target=run_buyers) for _ in range(CONCURRENT_BUYERS)]
    server.start()
    for thread in threads:
        thread.start()
    # Maximum of requests between two kills. A checkout needs about five.
    share = max(len(buyers) * 5 // (kills + 1), 2)
    for _ in range(kills):
        target = server.responses + chance.randint(1, share)
        while server.responses < target and not is_finished.wait(0.005):
            pass
        is_finished.wait(chance.random() / 20)  # so that the kill hits requests at random points
        if is_finished.is_set():
            break
        server.kill()
        server.start()
    for thread in threads:
        thread.join()
    return errors
