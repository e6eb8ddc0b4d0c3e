"""Every text of the shop is in the catalogue of every shipped language, translated, and compiled."""

from __future__ import annotations

import os
import re
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import allauth
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import to_language

from config.env import Env
from config.env_file import read_env_file
from config.service_settings import translations
from scripts.messages import (
    LOCALE,
    ROOT,
    compile_catalog,
    extract_texts,
    language_folders,
    load,
    main,
    untranslated_messages,
)

FOLDERS = language_folders()
# A shop that sells in English only (LANGUAGES=en) needs no translations.
VARIABLES = {**(read_env_file(ROOT / ".env")[0] if (ROOT / ".env").exists() else {}), **os.environ}
LANGUAGES = [code.strip() for code in VARIABLES.get("LANGUAGES", "").split(",") if code.strip()]
OFFERED_FOLDERS = [path for path in FOLDERS if not LANGUAGES or to_language(path.name) in LANGUAGES]
FOLDERS_OF_ALLAUTH = sorted(path.parent for path in LOCALE.glob("allauth/*/LC_MESSAGES"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|<a [^>]*>|</?\w+>")
HELP = "Run `make messages`, translate what is empty in locale/, and run it again."


def texts(message: Message) -> list[tuple[str, str]]:
    """Return each original with its translation."""
    if not message.pluralizable:
        return [(str(message.id), str(message.string))]
    return [(message.id[0 if number == 0 else 1], string) for number, string in enumerate(message.string)]


def test_each_folder_is_a_language() -> None:
    assert {to_language(path.name) for path in FOLDERS} | {"en"} == set(settings.TRANSLATIONS)


@pytest.mark.parametrize("folder", OFFERED_FOLDERS, ids=lambda path: path.name)
def test_all_texts_are_translated(folder: Path) -> None:
    catalog = load(folder)
    known = {(m.id if isinstance(m.id, str) else tuple(m.id)) for m in catalog}
    code = {(m.id if isinstance(m.id, str) else tuple(m.id)) for m in extract_texts(folder)}
    assert code - known == set(), HELP
    assert known - code == set(), HELP
    assert folder.name == "en" or [m.id for m in untranslated_messages(catalog)] == [], HELP


def test_shop_folder_keeps_translations_and_gets_only_new_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.messages.SHOP", tmp_path)
    folder = tmp_path / "locale" / "de"
    po = folder / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    po.write_text('msgid "A text of Django"\nmsgstr "Ein Text"\n\nmsgid "Store"\nmsgstr "Laden"\n')
    assert [m.id for m in extract_texts(folder) if m.id] == ["Store", "A text of Django"]


def test_texts_of_an_app_inside_the_shop_are_extracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "apps/shop"
    for folder in ("templates/shop", "blog/templates/blog"):
        (shop / folder).mkdir(parents=True)
        (shop / folder / "page.html").write_text(f"{{% translate 'A text in {folder}' %}}")
    monkeypatch.setattr("scripts.messages.ROOT", tmp_path)
    monkeypatch.setattr("scripts.messages.SHOP", shop)
    texts = {m.id for m in extract_texts(shop / "locale/de") if m.id}
    assert texts == {"A text in templates/shop", "A text in blog/templates/blog"}


@pytest.mark.parametrize("name", ["spanish", "pt-br"])
def test_folder_that_is_not_a_language_is_reported(tmp_path: Path, name: str) -> None:
    for folder in ("es", name):
        (tmp_path / folder / "LC_MESSAGES").mkdir(parents=True)
    env = Env()
    assert list(translations(env, [tmp_path])) == ["en", "es"]
    (problem,) = env.problems.values()
    assert name in problem


def test_messages_refuses_a_folder_that_is_no_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.messages.ROOT", tmp_path)
    monkeypatch.setattr("scripts.messages.language_folders", lambda: [tmp_path / "locale/pt-br"])
    with pytest.raises(SystemExit, match="locale/pt-br is not named after a language"):
        main()


@pytest.mark.parametrize(("language", "amount"), [("ar", 1), ("zh_Hans", 2)])
def test_untranslated_plural_is_shown_in_english(language: str, amount: int) -> None:
    catalog = Catalog(locale=language)
    catalog.add(("%(count)s product", "%(count)s products"))
    catalog.add("Store", "X")
    translations = GNUTranslations(BytesIO(compile_catalog(catalog)))
    english = "%(count)s product" if amount == 1 else "%(count)s products"
    assert translations.ngettext("%(count)s product", "%(count)s products", amount) == english
    assert translations.gettext("Store") == "X"


@pytest.mark.parametrize("folder", FOLDERS_OF_ALLAUTH, ids=lambda path: path.name)
def test_replaced_translations_belong_to_texts_of_allauth(folder: Path) -> None:
    po = Path(allauth.__path__[0]) / "locale" / folder.name / "LC_MESSAGES" / "django.po"
    with po.open("rb") as file:
        known = {m.id for m in read_po(file)}
    assert {m.id for m in load(folder)} - known == set()


@pytest.mark.parametrize("folder", [*FOLDERS, *FOLDERS_OF_ALLAUTH], ids=str)
def test_translations_keep_placeholders_and_tags(folder: Path) -> None:
    for message in load(folder):
        for original, translation in texts(message) if message.id else []:
            if "rel=" in original:
                continue
            assert set(PLACEHOLDER.findall(translation)) == set(PLACEHOLDER.findall(original)), original


@pytest.mark.parametrize("folder", [*FOLDERS, *FOLDERS_OF_ALLAUTH], ids=str)
def test_compiled_files_are_up_to_date(folder: Path) -> None:
    assert (folder / "LC_MESSAGES" / "django.mo").read_bytes() == compile_catalog(load(folder)), HELP
