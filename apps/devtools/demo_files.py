"""The demo shop's goods: what owners of each demo product read, and the small real file they download."""

import io
import random
import re
import textwrap
import wave
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from django.conf import settings

HERE = Path(__file__).parent / "demo"

PALETTES = {
    "ink": ("#14213d", "#2b3fd6", "#9fabff", "#eef0ff"),
    "clay": ("#3b1f14", "#c8553d", "#f2b79f", "#fdf0ea"),
    "moss": ("#14301f", "#3f8f5b", "#a9dcc3", "#ecf7f0"),
    "plum": ("#35122f", "#9c3f8c", "#e3b0d8", "#fbeef8"),
    "sea": ("#082f3c", "#12767a", "#8fd0d0", "#e9f6f6"),
    "straw": ("#3a2d0a", "#b07d12", "#edd083", "#fcf6e3"),
    "stone": ("#1f2126", "#666b78", "#c2c6cf", "#f3f4f6"),
}


def content(slug: str) -> str:
    """Markdown for the owners of a demo product; empty for products that are not of the demo shop."""
    page = HERE / f"{slug}.md"
    return page.read_text() if page.is_file() else ""


def download(slug: str) -> tuple[str, bytes] | None:
    """File name and bytes of a demo product's download, or None if it has none."""
    return DOWNLOADS[slug]() if slug in DOWNLOADS else None


def _course() -> tuple[str, bytes]:
    lessons = re.findall(r"\d\. \*\*(.+?)\*\*", content("ship-small"))
    sheets = {
        f"worksheet-{number}.md": f"# {lesson}\n\nWhat did you decide?\n\n\nWhat will you leave out?\n\n"
        for number, lesson in enumerate(lessons, 1)
    }
    return "ship-small-worksheets.zip", _zip(sheets)


def _icons() -> tuple[str, bytes]:
    sprite = (settings.BASE_DIR / "static" / "icons.svg").read_text()
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="none" '
        'stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">'
    )
    drawings = re.findall(r'<symbol id="((?!state-)[\w-]+)"[^>]*>(.*?)</symbol>', sprite)
    return "tiny-tools.zip", _zip({f"{name}.svg": f"{opening}{shape}</svg>\n" for name, shape in drawings})


def _book() -> tuple[str, bytes]:
    return "a-fair-price.pdf", _pdf(
        "A Fair Price",
        "Most of us ask for too little and then explain ourselves. This sample holds the exercise of chapter three.",
        "Write down what your last three customers got from you, in their words. Write down what it would have cost "
        "them not to have it. Now write the number at which you would feel slightly embarrassed. The price is between "
        "the second number and the third, and closer to the second than you think.",
        "Say it to one person this week. Then stop talking.",
    )


def _pages() -> tuple[str, bytes]:
    page = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<title>EDIT {0}</title>\n<link rel="stylesheet" href="style.css">\n'
        "<h1>EDIT {0}</h1>\n<p>EDIT One sentence that says what you sell.</p>\n</html>\n"
    )
    pages = {
        f"{name}.html": page.format(name.title()) for name in ("index", "pricing", "waiting", "changelog")
    }
    style = (
        ":root { --ink: #17181d; --page: #fafaf7; }\nbody { color: var(--ink); background: var(--page); }\n"
    )
    return "launch-pages.zip", _zip({**pages, "style.css": style})


def _specimen() -> tuple[str, bytes]:
    blocks = "".join(
        f'<rect x="{x}" y="60" width="80" height="80" rx="{radius}"/>'
        for x, radius in ((20, 0), (120, 40), (220, 20), (320, 0))
    )
    sheet = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 200">{blocks}</svg>\n'
    return "tsumiki.zip", _zip({"specimen.svg": sheet, "licence.txt": "For up to five people. Enjoy.\n"})


def _palettes() -> tuple[str, bytes]:
    variables = "".join(
        f"  --{family}-{step}: {colour};\n"
        for family, colours in PALETTES.items()
        for step, colour in enumerate(colours, 1)
    )
    card = "".join(
        f'<rect x="{step * 100}" y="{row * 100}" width="100" height="100" fill="{colour}"/>'
        for row, colours in enumerate(PALETTES.values())
        for step, colour in enumerate(colours)
    )
    return "seven-palettes.zip", _zip(
        {
            "palettes.css": f":root {{\n{variables}}}\n",
            "card.svg": f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 700">{card}</svg>\n',
        }
    )


def _recording() -> tuple[str, bytes]:
    """Four seconds of soft noise: what rain is, from afar."""
    chance, level, samples = random.Random(7), 0.0, bytearray()  # noqa: S311 (a sound, not a secret)
    for _ in range(4 * 8000):
        level += (chance.uniform(-1, 1) - level) / 4
        samples += int(level * 9000).to_bytes(2, "little", signed=True)
    packed = io.BytesIO()
    with wave.open(packed, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(samples))
    return "quiet-hours.wav", packed.getvalue()


DOWNLOADS: dict[str, Callable[[], tuple[str, bytes]]] = {
    "ship-small": _course,
    "tiny-tools": _icons,
    "fair-price": _book,
    "launch-pages": _pages,
    "tsumiki": _specimen,
    "quiet-hours": _recording,
    "seven-palettes": _palettes,
}


def _zip(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # no clock in it: the same bytes every time
    return packed.getvalue()


def _pdf(title: str, *paragraphs: str) -> bytes:
    """One A4 page of plain text, in the smallest PDF that readers accept."""
    lines = [line for text in paragraphs for line in [*textwrap.wrap(text, 68), ""]]
    shown = " ".join(f"({line}) '" for line in lines)
    page = f"BT /F1 26 Tf 72 740 Td ({title}) Tj /F1 12 Tf 18 TL 0 -30 Td {shown} ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content_ in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content_)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(body))
    )
