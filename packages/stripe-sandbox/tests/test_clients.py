"""A store's calls with the installed SDK over HTTP. tests/clients/run_all.py does the same with all SDKs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from clients.run_all import END, NAMES, README, START, serve

CLIENT = Path(__file__).parent / "clients" / "python_client.py"


def test_store_calls_with_the_installed_sdk() -> None:
    with serve() as port:
        done = subprocess.run(
            [sys.executable, CLIENT, str(port)], capture_output=True, text=True, check=False, timeout=100
        )
    _, *calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert [call for call in calls if call["error"]] == []
    assert done.returncode == 0, done.stderr
    assert len(calls) > 40


def test_client_reports_failed_calls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = subprocess.run(
        [sys.executable, CLIENT, str(port)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode > 0
    assert "APIConnectionError" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_readme_has_a_result_for_each_client(name: str) -> None:
    table = README.read_text().split(START)[1].split(END)[0]
    kind, _, major = name.rpartition("-")
    sdk = {"python": f"| stripe-python {major}.", "node": f"| npm stripe {major}."}.get(kind)
    assert (sdk or name) in table
