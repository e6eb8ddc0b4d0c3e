"""Every text of the shop is in the catalogue of every shipped language, translated, and compiled."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings

from scripts.messages import LOCALE, compile_catalog, extract_texts, load, untranslated_messages

FOLDERS = sorted(path.parent for path in LOCALE.glob("*/LC_MESSAGES"))
OF_ALLAUTH = sorted(path.parent for path in LOCALE.glob("allauth/*/LC_MESSAGES"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|<a [^>]*>|</?\w+>")
HELP = "Run `make messages`, translate what is empty in locale/, and run it again."


def texts(message: Message) -> list[tuple[str, str]]:
    """Each original with its translation."""
    if not message.pluralizable:
        return [(str(message.id), str(message.string))]
    return [(message.id[0 if number == 0 else 1], string) for number, string in enumerate(message.string)]


@pytest.fixture(scope="module")
def texts_of_the_code() -> Catalog:
    return extract_texts()


def test_every_shipped_language_but_english_has_a_catalogue() -> None:
    assert {path.name for path in FOLDERS} == set(settings.TRANSLATIONS) - {"en"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_nothing_is_missing(folder: Path, texts_of_the_code: Catalog) -> None:
    catalog = load(folder)
    known = {(m.id if isinstance(m.id, str) else tuple(m.id)) for m in catalog}
    code = {(m.id if isinstance(m.id, str) else tuple(m.id)) for m in texts_of_the_code}
    assert code - known == set(), HELP
    assert known - code == set(), HELP
    assert [m.id for m in untranslated_messages(catalog)] == [], HELP


@pytest.mark.parametrize("folder", OF_ALLAUTH, ids=lambda path: path.name)
def test_replaced_translations_belong_to_texts_of_allauth(folder: Path) -> None:
    po = Path(allauth.__path__[0]) / "locale" / folder.name / "LC_MESSAGES" / "django.po"
    with po.open("rb") as file:
        known = {m.id for m in read_po(file)}
    assert {m.id for m in load(folder)} - known == set()


@pytest.mark.parametrize("folder", [*FOLDERS, *OF_ALLAUTH], ids=str)
def test_placeholders_and_tags_survive(folder: Path) -> None:
    for message in load(folder):
        for original, translation in texts(message) if message.id else []:
            if "rel=" in original:
                continue
            assert set(PLACEHOLDER.findall(translation)) == set(PLACEHOLDER.findall(original)), original


@pytest.mark.parametrize("folder", [*FOLDERS, *OF_ALLAUTH], ids=str)
def test_the_compiled_file_is_the_readable_one(folder: Path) -> None:
    assert (folder / "LC_MESSAGES" / "django.mo").read_bytes() == compile_catalog(load(folder)), HELP
