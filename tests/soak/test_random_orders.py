"""Random schedules of payments, faults and kills (state_machine.py).

`make test-soak` runs the same ones each time; `make soak` runs 10,000 others (SCHEDULES=…), and SEED=… repeats a failed
one. ACTS=… is a file that gets all acts, and what came of them.
https://hypothesis.readthedocs.io/en/latest/stateful.html
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .state_machine import Shop
from .world import World

SCHEDULES_PER_SEED = 10  # one line of the output
SCHEDULES = int(os.environ.get("SCHEDULES", "40"))
FIRST_SEED = int(os.environ.get("SEED", "1"))
REPRODUCE = "SEED" in os.environ and "SCHEDULES" not in os.environ  # repeat one failure, and shrink it
SEEDS = range(FIRST_SEED, FIRST_SEED + (1 if REPRODUCE else max(SCHEDULES // SCHEDULES_PER_SEED, 1)))


@pytest.fixture(autouse=True)
def _without_garbage_collection() -> Iterator[None]:
    """Garbage collection takes a fifth of the time."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("number", SEEDS, ids=lambda number: f"SEED={number}")
@pytest.mark.timeout(3600 if REPRODUCE else 1800)
def test_store_agrees_with_stripe_after_any_order_of_events(world: World, number: int) -> None:
    _run_schedules(world, number, min(SCHEDULES_PER_SEED, SCHEDULES))


@pytest.mark.timeout(600)
def test_seed_runs_the_same_schedules(world: World) -> None:
    """Compare acts and results. Threads take turns on SQLite only."""
    if connection.vendor == "sqlite":
        assert _run_schedules(world, FIRST_SEED, 4) == _run_schedules(world, FIRST_SEED, 4)


def _run_schedules(world: World, number: int, schedules: int) -> list[list[tuple[str, str]]]:
    """Run schedules of a seed. Return the acts of each."""
    machine = type("Shop", (Shop,), {"world": world, "played": []})
    try:
        _run(machine, number, schedules)
    finally:
        if path := os.environ.get("ACTS"):
            with Path(path).open("a") as file:
                file.writelines(f"{act} {result}\n" for acts in machine.played for act, result in acts)
    return machine.played


def _run(machine: type[Shop], number: int, schedules: int) -> None:
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=schedules,
            stateful_step_count=10,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink) if REPRODUCE else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
