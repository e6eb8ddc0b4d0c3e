"""The image and compose.yaml, as far as that can be tried without Docker. `make try-container` tries the rest."""

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
OURS = ("web", "worker", "scheduler", "migrate")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    image = Image(tmp_path_factory.mktemp("image"), STRIPE_SANDBOX="true")
    image.build()
    yield image
    image.thaw()


@pytest.fixture
def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def finish(process: subprocess.Popen[str], sign: int | None = None) -> str:
    """Wait for the process or stop it, and return its output. Fail if the exit status is not 0."""
    if sign:
        process.send_signal(sign)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


@pytest.mark.timeout(180)
def test_services_start_unprivileged_on_a_read_only_disk(image: Image, port: str) -> None:
    before, services = image.files(), compose()["services"]
    finish(image.start(services["migrate"]["command"], **DEMO))
    beside = [image.start(services[name]["command"], **DEMO) for name in ("worker", "scheduler")]
    web = image.start(" ".join(json.loads(image.one("CMD"))), PORT=port, **DEMO)
    check = image.one("HEALTHCHECK").partition("CMD ")[2]
    alive = " ".join(json.loads(check))
    try:
        deadline = time.monotonic() + 60
        while image.run(alive, PORT=port) != 0:
            assert web.poll() is None, web.stdout and web.stdout.read()
            assert time.monotonic() < deadline
        page = requests.get(f"http://127.0.0.1:{port}/", headers=SHOPPER, timeout=30)
        assert page.status_code == 200
        script = re.findall(r'src="(/static/[^"]+\.[0-9a-f]{12}\.js)"', page.text)[0]
        answer = requests.get(f"http://127.0.0.1:{port}{script}", headers=SHOPPER, timeout=30)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Encoding"] == "gzip"
        assert [process.poll() for process in beside] == [None, None]
    finally:
        for process in (web, *beside):
            finish(process, signal.SIGTERM)
    assert image.run(alive, PORT=port) == 1
    assert image.files() == before


def test_what_the_image_copies_exists_and_is_let_in(image: Image) -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    text = (ROOT / "Dockerfile").read_text()
    copied = {
        words.split()[0].partition("/")[0] for words in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE)
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_no_secret_and_no_data_gets_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert "**/.env*" in lines
    assert not {"!.env", "!var", "!.git", "!tests"} & {*lines}


def test_the_image_names_its_base_exactly_and_is_nobody_special(image: Image) -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    assert image.one("USER") == "10001:10001"
    assert image.environment["HOST"] == "0.0.0.0"


@pytest.mark.parametrize("name", compose()["services"])
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] not in ("", "root", "0")
    assert service["restart"] == ("on-failure:3" if name == "migrate" else "unless-stopped")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_services_wait_for_what_they_need() -> None:
    services: dict[str, Any] = compose()["services"]
    for name in OURS:
        for other, how in services[name]["depends_on"].items():
            assert other in services
            tells = "test" in services[other].get("healthcheck", {})
            assert how["condition"] == ("service_healthy" if tells else "service_completed_successfully")
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(compose()["volumes"])


def test_settings_of_compose_are_settings_of_the_shop() -> None:
    known = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(compose()["services"]["web"]["environment"]) <= known


def test_the_schedule_is_the_crontabs() -> None:
    lines = [line for line in (ROOT / "deploy/crontab").read_text().splitlines() if "manage.py" in line]
    told = {re.search(r"manage\.py (\w+)", line)[1]: line.split("  ")[0].split() for line in lines}  # type: ignore[index]
    for job in JOBS:
        minute, hour, *rest = told.pop(job.command)
        minutes = int(job.at.total_seconds() // 60)
        every = int(job.every.total_seconds() // 60)
        assert rest == ["*", "*", "*"]
        assert (minute, hour) == (
            (f"*/{every}", "*") if every < 60 else (str(minutes % 60), str(minutes // 60))
        )
    assert told == {}
    night = datetime(2026, 11, 25, 4, 16, 30, tzinfo=UTC)
    assert [job.command for job in due_jobs(next_minute(night))] == ["prune"]
    assert [job.command for job in due_jobs(night.replace(minute=20, second=0))] == ["reconcile_purchases"]


def test_the_project_is_what_the_image_is_built_from() -> None:
    assert Path(ROOT / compose()["services"]["web"]["build"]["context"] / "Dockerfile").is_file()
