"""requirements*.txt are compiled from requirements*.in (`make requirements`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path.name for path in ROOT.glob("requirements*.in"))


def requirements(source: str) -> list[str]:
    """Return the lines that name a package: "django[argon2]>=5.2,<5.3"."""
    return [line for line in (ROOT / source).read_text().splitlines() if re.match(r"\w", line)]


def pins(source: str) -> dict[str, tuple[str, int]]:
    """Return name ▶ (version, number of hashes) of the compiled file."""
    compiled = (ROOT / source).with_suffix(".txt").read_text()
    entries = re.findall(r"^([\w.-]+)==(\S+)(.*\n(?: +--hash=.*\n)*)", compiled, re.MULTILINE)
    return {name: (version, rest.count("--hash=sha256:")) for name, version, rest in entries}


@pytest.mark.parametrize("source", SOURCES)
def test_every_requirement_is_pinned_with_hashes(source: str) -> None:
    from packaging.requirements import Requirement

    pinned = pins(source)
    for requirement in map(Requirement, requirements(source)):
        assert requirement.name in pinned, f"{requirement} is missing: make requirements"
        assert requirement.specifier.contains(pinned[requirement.name][0])
    assert [name for name, (_version, hashes) in pinned.items() if not hashes] == []


def test_compiled_files_pin_the_same_versions() -> None:
    versions: dict[str, set[str]] = {}
    for source in SOURCES:
        for name, (version, _hashes) in pins(source).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("source", SOURCES)
def test_compiled_files_name_no_index_and_no_folder(source: str) -> None:
    compiled = (ROOT / source).with_suffix(".txt").read_text()
    assert re.findall(r"://|--(?:index|extra|find)|(?:^|\s)/", compiled) == []


def test_shop_requires_at_most_twenty_packages() -> None:
    assert len((ROOT / "requirements.in").read_text().splitlines()) <= 20
