"""kill -9 of the server at random moments during checkouts: nothing lost, nothing doubled.

`make test` plays a few; `make drill-kill` plays 200 (CHECKOUTS=…, KILLS=…).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .drill import drill

CHECKOUTS = int(os.environ.get("CHECKOUTS", "10"))
KILLS = int(os.environ.get("KILLS", "3"))


@pytest.mark.timeout(60 + 30 * CHECKOUTS)
def test_a_killed_server_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    found = drill(tmp_path, CHECKOUTS, KILLS, seed=CHECKOUTS)
    print(f"{len(found['paid'])} of {CHECKOUTS} paid, {found['repaired']} repaired, {found['found']} found")
    assert found["faults"] == []
    assert len(found["paid"]) >= CHECKOUTS // 2
