"""The image and compose.yaml without Docker; `make try-container` tests them with Docker."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from config.cron import JOBS, due_jobs, next_minute
from tests.dockerfile import ROOT, Image, compose

DEMO = {
    "SITE_URL": "https://shop.example.com",
    "ALLOWED_HOSTS": "shop.example.com",
    "BEHIND_TLS_PROXY": "true",
    "SECRET_KEY": "".join(chr(97 + number % 26) for number in range(60)),
    "STRIPE_SANDBOX": "true",
    "TASKS_BACKEND": "database",
    "WEB_WORKERS": "1",
}
SHOPPER = {"Host": "shop.example.com", "X-Forwarded-Proto": "https"}
SHOP_SERVICES = ("web", "worker", "scheduler", "migrate")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    image = Image(tmp_path_factory.mktemp("image"), STRIPE_SANDBOX="true")
    image.build()
    yield image
    image.make_writable()


@pytest.fixture
def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def has_sigterm_handler(process: subprocess.Popen[str]) -> bool:
    """Return whether the process has started so far that it stops cleanly, as Linux tells it."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return True
    caught = int(re.findall(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE)[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def wait_and_read(process: subprocess.Popen[str]) -> str:
    """Wait for the process, check that its exit status is 0, and return its output."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


@pytest.mark.timeout(180)
def test_services_start_unprivileged_on_a_read_only_disk(image: Image, port: str) -> None:
    before, services = image.files(), compose()["services"]
    wait_and_read(image.start(services["migrate"]["command"], **DEMO))
    background = [image.start(services[name]["command"], **DEMO) for name in ("worker", "scheduler")]
    web = image.start(" ".join(json.loads(image.argument_of("CMD"))), PORT=port, **DEMO)
    check = image.argument_of("HEALTHCHECK").partition("CMD ")[2]
    health_command = " ".join(json.loads(check))
    try:
        deadline = time.monotonic() + 60
        while image.run(health_command, PORT=port) != 0 or not all(map(has_sigterm_handler, background)):
            assert web.poll() is None, web.stdout and web.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        page = requests.get(f"http://127.0.0.1:{port}/", headers=SHOPPER, timeout=30)
        assert page.status_code == 200
        script = re.findall(r'src="(/static/[^"]+\.[0-9a-f]{12}\.js)"', page.text)[0]
        answer = requests.get(f"http://127.0.0.1:{port}{script}", headers=SHOPPER, timeout=30)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Encoding"] == "gzip"
        assert [process.poll() for process in background] == [None, None]
    finally:
        for process in (web, *background):
            process.terminate()
    for process in (web, *background):
        wait_and_read(process)
    assert image.run(health_command, PORT=port) == 1
    assert image.files() == before


def test_copied_paths_exist_and_are_not_ignored(image: Image) -> None:
    not_ignored = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    text = (ROOT / "Dockerfile").read_text()
    copied = {
        words.split()[0].partition("/")[0] for words in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE)
    }
    assert copied == not_ignored
    assert all((ROOT / name).exists() for name in copied)


def test_dockerignore_excludes_secrets_and_data() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert "**/.env*" in lines
    assert not {"!.env", "!var", "!.git", "!tests"} & {*lines}


def test_image_has_one_pinned_base_and_runs_unprivileged(image: Image) -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    assert image.argument_of("USER") == "10001:10001"
    assert image.environment["HOST"] == "0.0.0.0"


@pytest.mark.parametrize("name", compose()["services"])
def test_services_have_minimal_privileges(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] not in ("", "root", "0")
    assert service["restart"] == ("on-failure:3" if name == "migrate" else "unless-stopped")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_services_depend_on_healthy_services() -> None:
    services: dict[str, Any] = compose()["services"]
    for name in SHOP_SERVICES:
        for other, dependency in services[name]["depends_on"].items():
            assert other in services
            has_healthcheck = "test" in services[other].get("healthcheck", {})
            assert dependency["condition"] == (
                "service_healthy" if has_healthcheck else "service_completed_successfully"
            )
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(compose()["volumes"])


def test_compose_sets_only_known_variables() -> None:
    known = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(compose()["services"]["web"]["environment"]) <= known


def test_scheduler_and_crontab_run_the_same_jobs() -> None:
    lines = [line for line in (ROOT / "deploy/crontab").read_text().splitlines() if "manage.py" in line]
    crontab = {re.search(r"manage\.py (\w+)", line)[1]: line.split("  ")[0].split() for line in lines}  # type: ignore[index]
    for job in JOBS:
        minute, hour, *rest = crontab.pop(job.command)
        minutes = int(job.at.total_seconds() // 60)
        every = int(job.every.total_seconds() // 60)
        assert rest == ["*", "*", "*"]
        assert (minute, hour) == (
            (f"*/{every}", "*") if every < 60 else (str(minutes % 60), str(minutes // 60))
        )
    assert crontab == {}
    night = datetime(2026, 11, 25, 4, 16, 30, tzinfo=UTC)
    assert [job.command for job in due_jobs(next_minute(night))] == ["prune"]
    assert [job.command for job in due_jobs(night.replace(minute=20, second=0))] == ["reconcile_purchases"]


def test_compose_builds_the_dockerfile_of_the_project() -> None:
    assert Path(ROOT / compose()["services"]["web"]["build"]["context"] / "Dockerfile").is_file()
