"""Kill the server at random moments during checkouts.

`make test` runs a few; `make drill-kill` runs 200 (CHECKOUTS=…, KILLS=…).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .drill import drill

CHECKOUTS = int(os.environ.get("CHECKOUTS", "10"))
KILLS = int(os.environ.get("KILLS", "3"))


@pytest.mark.timeout(60 + 30 * CHECKOUTS)
def test_killed_server_loses_and_duplicates_no_purchase(tmp_path: Path) -> None:
    found = drill(tmp_path, CHECKOUTS, KILLS, seed=CHECKOUTS)
    print(f"{len(found['paid'])} of {CHECKOUTS} paid, {found['repaired']} repaired, {found['found']} found")
    assert found["faults"] == []
    assert len(found["paid"]) >= CHECKOUTS // 2
