"""Configuration of editors, pre-commit, development containers and Dependabot names files and commands that exist."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

ROOT: Path = settings.BASE_DIR


def load(name: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return data


def hooks() -> dict[str, dict[str, Any]]:
    (local,) = [repo for repo in load(".pre-commit-config.yaml")["repos"] if repo["repo"] == "local"]
    return {hook["id"]: hook for hook in local["hooks"]}


def tracked_files() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_remote_hooks_are_pinned_by_commit() -> None:
    repos = [repo for repo in load(".pre-commit-config.yaml")["repos"] if repo["repo"] != "local"]
    assert [repo["repo"] for repo in repos if not re.fullmatch("[0-9a-f]{40}", repo["rev"])] == []


def test_local_hooks_run_commands_of_the_project() -> None:
    for hook in hooks().values():
        words = shlex.split(hook["entry"])
        module = words[words.index("-m") + 1] if "-m" in words else None
        assert ".venv/bin/python" in words
        if module:
            requirements = (ROOT / "requirements-dev.in").read_text().splitlines()
            assert module in requirements
        else:
            assert words[words.index("manage.py") + 1] in get_commands()


def test_migrations_are_checked_when_models_change() -> None:
    pattern = hooks()["migrations"]["files"]
    models = [name for name in tracked_files() if re.match(r"apps/\w+/(models|migrations)\b", name)]
    assert models
    assert [name for name in models if name.endswith(".py") and not re.search(pattern, name)] == []
    assert not re.search(pattern, "apps/shop/urls.py")


def test_the_development_container_serves_the_port_of_make_run() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    port = re.findall(r"http://127\.0\.0\.1:(\d+)", (ROOT / "Makefile").read_text())[0]
    assert container["forwardPorts"] == [int(port)]
    assert set(container["portsAttributes"]) == {port}


def test_the_development_container_has_a_supported_python() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    major, minor = re.findall(r"/python:(\d+)\.(\d+)-", container["image"])[0]
    assert (int(major), int(minor)) >= (3, 12)


def test_the_development_container_runs_scripts_that_exist() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    scripts = re.findall(r"\S*scripts/\S+", container["postCreateCommand"])
    assert scripts
    assert [name for name in scripts if not (ROOT / name).is_file()] == []


def test_dependabot_updates_everything_that_is_pinned() -> None:
    found = {
        (update["package-ecosystem"], update["directory"])
        for update in load(".github/dependabot.yml")["updates"]
    }
    files = {"uv": "requirements.in", "github-actions": ".github/workflows/ci.yml", "docker": "Dockerfile"}
    files["docker-compose"] = "compose.yaml"
    assert found == {(ecosystem, "/") for ecosystem in files}
    assert [name for name in files.values() if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("source", sorted(path.name for path in ROOT.glob("requirements*.in")))
def test_dependabot_compiles_requirements_as_make_does(source: str) -> None:
    """Dependabot's uv updater reads these options from the header of the compiled file."""
    options = r"--universal|--python-version \S+?(?=[\s)])"
    recipe = (ROOT / "Makefile").read_text().partition("uv pip compile")[2].partition("--custom-compile")[0]
    header = (ROOT / source).with_suffix(".txt").read_text().partition("\n")[2].partition("\n")[0]
    assert len(re.findall(options, header)) == 2
    assert set(re.findall(options, header)) == set(re.findall(options, recipe))


def test_actions_name_their_version() -> None:
    """Dependabot updates the comment with the commit."""
    lines = re.findall(r"uses: .*", (ROOT / ".github/workflows/ci.yml").read_text())
    assert [line for line in lines if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_files_are_as_editorconfig_says() -> None:
    """LF, no trailing spaces, a final newline."""
    texts = ("py", "html", "css", "js", "md", "toml", "txt", "yaml", "yml", "sh", "json", "in")
    wrong = []
    for name in tracked_files():
        if name.rpartition(".")[2] in texts:
            content = (ROOT / name).read_bytes()
            if (
                b"\r" in content
                or re.search(rb"[ \t]$", content, re.MULTILINE)
                or content[-1:] not in (b"\n", b"")
            ):
                wrong.append(name)
    assert wrong == []


def test_files_are_short_enough_to_read() -> None:
    limits = {ROOT / "config" / "settings.py": 300}
    files = [path for folder in ("apps", "config") for path in (ROOT / folder).rglob("*.py")]
    ours = [path for path in files if not {"migrations", "shop"} & set(path.relative_to(ROOT).parts)]
    lines = {path: path.read_text().count("\n") for path in ours}
    assert {str(path): count for path, count in lines.items() if count > limits.get(path, 250)} == {}


def test_changelog_has_a_section_for_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(section for section in sections if section != "Unreleased") == version
