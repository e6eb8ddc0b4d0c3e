"""The workflow, systemd units and platform files run the documented commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from tests.dockerfile import compose

ROOT = Path(__file__).resolve().parents[2]


def test_workflow_runs_make_targets_and_pinned_actions() -> None:
    """Make targets alone, and actions of one exact commit."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = {step["run"].split(" ARGS")[0] for step in steps if "run" in step}
    installs = {command for command in commands if command.startswith("sudo apt-get")}
    assert commands - installs == {
        "make test",
        "make test-sandbox",
        "make test-soak",
        "make test-queries",
        "make drill-fork",
        "make test-postgres",
        "make test-next",
        "make try-container",
    }
    used = {step["uses"] for step in steps if "uses" in step}
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert all("PYTHON" in workflow["jobs"][name]["env"] for name in ("test", "postgres", "next"))
    pythons = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert "3.11" in pythons
    assert max(int(version.partition(".")[2]) for version in pythons) >= 14


def test_units_write_only_to_var_and_allow_thirty_seconds_to_stop() -> None:
    for unit in (ROOT / "deploy").glob("*.service"):
        text = unit.read_text()
        assert "ReadWritePaths=/srv/shop/var" in text
        assert int(re.findall(r"TimeoutStopSec=(\d+)", text)[0]) >= 30
        program = re.findall(r"ExecStart=/srv/shop/\.venv/bin/python (.+)", text)[0]
        assert program in ("-m config.server", "manage.py db_worker")


def test_units_restrict_the_process() -> None:
    for unit in (ROOT / "deploy").glob("*.service"):
        lines = unit.read_text().splitlines()
        assert "UMask=0077" in lines
        assert "SystemCallFilter=@system-service" in lines
        assert "SystemCallErrorNumber=EPERM" in lines
        assert any(line.startswith("MemoryMax=") for line in lines)


def test_caddyfile_drops_headers_with_underscores() -> None:
    """tests/soak/test_behind_proxies.py tests this with Caddy."""
    assert "\n\trequest_header -*_*\n" in (ROOT / "deploy/Caddyfile").read_text()


def test_platforms_run_the_processes_of_compose() -> None:
    """Fly.io and Render run a web server, a worker and a scheduler, and migrate first."""
    services = compose()["services"]
    background = {services[name]["command"] for name in ("worker", "scheduler")}
    migrate = services["migrate"]["command"]

    fly = tomllib.loads((ROOT / "deploy/fly.toml").read_text())
    assert set(fly["processes"].values()) == {*background, "python -m config.server"}
    assert fly["deploy"]["release_command"] == migrate
    assert fly["http_service"]["checks"][0]["path"] == "/healthz"
    assert (ROOT / "deploy" / fly["build"]["dockerfile"]).is_file()

    render = yaml.safe_load((ROOT / "deploy/render.yaml").read_text())["services"]
    assert {service.get("dockerCommand") for service in render} == {*background, None}
    (web,) = [service for service in render if service["type"] == "web"]
    assert web["preDeployCommand"] == migrate
    assert web["healthCheckPath"] == "/healthz"
