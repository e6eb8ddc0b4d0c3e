"""`make messages`: update locale/*/LC_MESSAGES/django.po from the code and templates, and compile the files.

Run it, translate the empty texts, and run it again. It uses Babel instead of GNU gettext. To add a language, create
locale/<language>/LC_MESSAGES, and add the language to TRANSLATIONS in config/settings.py. Developer tools are in
English only. locale/allauth replaces some of allauth's translations; these files are only compiled.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
FIXED_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # so that a file changes only with its texts
UNTRANSLATED_FOLDER = "templates/devtools/"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def extract_texts() -> Catalog:
    """Return all translatable texts of the shop, in the order of the files."""
    catalog = Catalog(charset="utf-8")
    for path in _sources():
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
    for pattern in ("apps/**/*.py", "templates/**/*.html", "templates/**/*.txt"):
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(UNTRANSLATED_FOLDER) and "/migrations/" not in name:
                yield path


def load(folder: Path) -> Catalog:
    """Return the translations in a folder locale/<language>."""
    language = folder.name
    po = folder / "LC_MESSAGES" / "django.po"
    if not po.is_file():
        return Catalog(locale=language, charset="utf-8")
    with po.open("rb") as file:
        return read_po(file, locale=language)


def untranslated_messages(catalog: Catalog) -> list[Message]:
    """Return the texts with an empty or fuzzy translation."""
    return [m for m in catalog if m.id and (m.fuzzy or not all(m.string if m.pluralizable else [m.string]))]


def compile_catalog(catalog: Catalog) -> bytes:
    """Return the content of the .mo file."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def main() -> None:
    if not settings.configured:
        settings.configure()  # templatize reads a setting
        django.setup()
    texts = extract_texts()
    untranslated = 0
    for folder in sorted(path.parent for path in LOCALE.glob("*/LC_MESSAGES")):
        catalog = load(folder)
        catalog.update(texts, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.creation_date = catalog.revision_date = FIXED_DATE
        po = io.BytesIO()
        write_po(po, catalog, width=110, include_lineno=False, ignore_obsolete=True)
        (folder / "LC_MESSAGES" / "django.po").write_bytes(po.getvalue())
        (folder / "LC_MESSAGES" / "django.mo").write_bytes(compile_catalog(catalog))
        missing = untranslated_messages(catalog)
        untranslated += len(missing)
        print(f"{folder.name}: {len(catalog)} texts, {len(missing)} to translate")
    for folder in (LOCALE / "allauth").iterdir():
        (folder / "LC_MESSAGES" / "django.mo").write_bytes(compile_catalog(load(folder)))
    sys.exit(1 if untranslated else 0)


if __name__ == "__main__":
    main()
