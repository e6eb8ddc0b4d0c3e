"""Print the measurements as a table and write var/bench/report.md."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "var" / "bench"


@dataclass
class Row:
    name: str
    measured: str
    target: str = ""
    is_reached: bool | None = None  # None without a target


@dataclass
class Report:
    setup: str
    sections: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, section: str, rows: list[Row]) -> None:
        self.sections[section] = rows
        print(f"\n{_section(section, rows)}", flush=True)

    def write(self) -> Path:
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / "report.md"
        parts = [_section(name, rows) for name, rows in self.sections.items()]
        path.write_text("\n\n".join([_head(self.setup), *parts]) + "\n")
        return path

    @property
    def missed(self) -> list[str]:
        return [row.name for rows in self.sections.values() for row in rows if row.is_reached is False]


def at_least(name: str, ratio: float, target: float, detail: str) -> Row:
    return Row(name, f"{ratio:.2f} ({detail})", f"≥ {target:g}", ratio >= target)


def at_most(name: str, value: float, target: float, unit: str = "", detail: str = "") -> Row:
    measured = f"{value:.3g}{unit}" + (f" ({detail})" if detail else "")
    return Row(name, measured, f"≤ {target:g}{unit}", value <= target)


def _head(setup: str) -> str:
    load = f"load {os.getloadavg()[1]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{os.cpu_count()} cores, {load}, Python {platform.python_version()}"
    return f"# Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n\n{machine}. {setup}"


def _section(name: str, rows: list[Row]) -> str:
    marks = {True: "reached", False: "MISSED", None: ""}
    lines = [f"| {row.name} | {row.measured} | {row.target} | {marks[row.is_reached]} |" for row in rows]
    return "\n".join([f"## {name}", "", "| | measured | target | |", "|---|---|---|---|", *lines])
