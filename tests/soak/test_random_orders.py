"""Random schedules of payments, faults and kills (state_machine.py).

`make test` runs the same 200 each time; `make soak` runs 10,000 others (SCHEDULES=…), and SEED=… repeats a failed one.
https://hypothesis.readthedocs.io/en/latest/stateful.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .state_machine import Shop
from .world import World, create_world

SCHEDULES_PER_SEED = 50  # schedules per seed
SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
FIRST_SEED = int(os.environ.get("SEED", "1"))
REPRODUCE = "SEED" in os.environ and "SCHEDULES" not in os.environ  # repeat one failure, and shrink it
SEEDS = range(FIRST_SEED, FIRST_SEED + (1 if REPRODUCE else max(SCHEDULES // SCHEDULES_PER_SEED, 1)))


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[World]:
    with create_world(tmp_path, settings) as new:
        yield new


@pytest.mark.parametrize("number", SEEDS, ids=lambda number: f"SEED={number}")
@pytest.mark.timeout(3600 if REPRODUCE else 600)
def test_store_agrees_with_stripe_after_any_order_of_events(world: World, number: int) -> None:
    machine = type("Shop", (Shop,), {"world": world})
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=min(SCHEDULES_PER_SEED, SCHEDULES),
            stateful_step_count=10,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink) if REPRODUCE else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
