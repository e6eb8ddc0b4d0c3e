"""The style page shows every component, icon and state."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.core.stylesheet import COMMENT
from apps.ecommerce.purchases.messages.status_texts import MESSAGES

COMPONENTS = sorted(Path("static/css/components").glob("*.css"))
# No sample can show these: the frame of a stored e-mail, and what htmx sets during requests.
NOT_ON_STYLE_PAGE = {"mail__html", "htmx-request"}


@pytest.fixture
def shown(client: Client, settings: Any) -> str:
    """Return the style page, rendered without a database."""
    settings.DEBUG = True
    response = client.get("/dev/style/")
    assert response.status_code == 200
    return str(response.content.decode())


def test_each_class_of_each_component_is_shown(shown: str) -> None:
    classes = {name for names in re.findall(r'class="([^"]*)"', shown) for name in names.split()}
    missing = {}
    for file in COMPONENTS:
        rules = re.sub(r"\{[^{}]*\}", "{}", COMMENT.sub("", file.read_text()))
        if unseen := set(re.findall(r"\.([a-z][\w-]*)", rules)) - classes - NOT_ON_STYLE_PAGE:
            missing[file.name] = sorted(unseen)
    assert not missing, f"Add these to templates/devtools/style/: {missing}"


@pytest.mark.parametrize(("sprite", "attribute"), [("icons", "data-icon"), ("drawings", "data-drawing")])
def test_each_icon_is_shown(shown: str, sprite: str, attribute: str) -> None:
    drawn = re.findall(r'<symbol id="([\w-]+)"', Path(f"static/{sprite}.svg").read_text())
    assert set(drawn) == set(re.findall(rf'{attribute}="([\w-]+)"', shown))


def test_each_state_and_colour_is_shown_in_light_and_dark(shown: str) -> None:
    for key in map(str, MESSAGES):
        assert shown.count(f'data-state="{key}"') >= 2, key
    tokens = set(re.findall(r"^\s*(--color-[\w-]+)", Path("static/css/tokens.css").read_text(), re.MULTILINE))
    assert tokens == set(re.findall(r'data-colour="(--[\w-]+)"', shown))
    styled = set(re.findall(r'\[data-colour="(--[\w-]+)"\]', Path("static/css/style-page.css").read_text()))
    assert tokens == styled
    assert shown.count('data-theme="light"') == shown.count('data-theme="dark"') > 10
