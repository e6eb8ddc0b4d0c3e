"""`make messages`: update locale/*/LC_MESSAGES/django.po from the code and templates, and compile it with Babel.

Run it, translate the empty texts, run it again. The texts of apps/shop are in apps/shop/locale, which can also replace
translations of locale/, Django and packages. A language that is only there, such as apps/shop/locale/es/LC_MESSAGES,
gets all texts.
Developer tools are not translated. locale/allauth replaces some of allauth's translations, and is only compiled.
"""

from __future__ import annotations

import copy
import io
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation import get_language_info, to_language, to_locale
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
SHOP = ROOT / "apps" / "shop"
FIXED_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # a file must change only if its texts change
UNTRANSLATED = re.compile("templates/devtools/|/migrations/|/tests/")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


def extract_texts(folder: Path) -> Catalog:
    """Return the texts for this language folder, in the order of the files."""
    if not folder.is_relative_to(SHOP):
        return _extract(path for path in _sources() if not path.is_relative_to(SHOP))
    catalog, changed, translated = _extract(_sources()), load(folder), load(LOCALE / folder.name)
    for message in list(catalog):
        key = message.id, message.context
        if message.id and translated.get(*key) and not changed.get(*key):
            catalog.delete(*key)
    for message in changed:  # texts of Django and of packages, which are not in our files
        if message.id and any(message.string) and not catalog.get(message.id, message.context):
            catalog.add(message.id, context=message.context)
    return catalog


def language_folders() -> list[Path]:
    return sorted(path.parent for place in (LOCALE, SHOP / "locale") for path in place.glob("*/LC_MESSAGES"))


def _is_language(name: str) -> bool:
    try:
        return bool(get_language_info(to_language(name))) and to_locale(to_language(name)) == name
    except KeyError:
        return False


def _extract(paths: Iterable[Path]) -> Catalog:
    catalog = Catalog(charset="utf-8")
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text()
        if path.suffix != ".py":
            text = templatize(text, origin=name)
        texts = extract("python", io.BytesIO(text.encode()), KEYWORDS, options={"encoding": "utf-8"})
        for _line, message, _comments, context in texts:
            if message:
                catalog.add(message, locations=[(name, 1)], context=context)
    return catalog


def _sources() -> Iterator[Path]:
    for pattern in (
        "apps/**/*.py",
        "templates/**/*.html",
        "templates/**/*.txt",
        "apps/shop/**/templates/**/*.*",
    ):
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in (".py", ".html", ".txt") and not UNTRANSLATED.search(name):
                yield path


def load(folder: Path) -> Catalog:
    language = folder.name
    po = folder / "LC_MESSAGES" / "django.po"
    if not po.is_file():
        return Catalog(locale=language, charset="utf-8")
    with po.open("rb") as file:
        return read_po(file, locale=language)


def untranslated_messages(catalog: Catalog) -> list[Message]:
    return [m for m in catalog if m.id and (m.fuzzy or not all(m.string if m.pluralizable else [m.string]))]


def compile_catalog(catalog: Catalog) -> bytes:
    translated = copy.deepcopy(catalog)
    for message in translated:
        if message.pluralizable and not any(message.string):
            message.string = ""  # Babel would choose English forms by the plural rule of this language
    buffer = io.BytesIO()
    write_mo(buffer, translated)
    return buffer.getvalue()


def main() -> None:
    if not settings.configured:
        settings.configure()  # templatize needs settings
        django.setup()
    untranslated = 0
    folders = language_folders()
    if wrong := [folder for folder in folders if not _is_language(folder.name)]:
        sys.exit(f"{wrong[0].relative_to(ROOT)} is not named after a language, such as es or pt_BR.")
    for folder in folders:
        catalog = load(folder)
        catalog.update(extract_texts(folder), no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.creation_date = catalog.revision_date = FIXED_DATE
        po = io.BytesIO()
        write_po(po, catalog, width=110, include_lineno=False, ignore_obsolete=True)
        (folder / "LC_MESSAGES" / "django.po").write_bytes(po.getvalue())
        (folder / "LC_MESSAGES" / "django.mo").write_bytes(compile_catalog(catalog))
        # An empty English text means that the original is used.
        missing = [] if folder.name == "en" else untranslated_messages(catalog)
        untranslated += len(missing)
        print(f"{folder.relative_to(ROOT)}: {len(catalog)} texts, {len(missing)} to translate")
    for folder in (LOCALE / "allauth").iterdir():
        (folder / "LC_MESSAGES" / "django.mo").write_bytes(compile_catalog(load(folder)))
    sys.exit(1 if untranslated else 0)


if __name__ == "__main__":
    main()
