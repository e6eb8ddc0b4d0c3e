"""The demo catalogue contains what its descriptions promise."""

import json
import re
import struct
import tomllib
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from PIL import ImageFont

from apps.devtools.demo_goods import DEMO_DIR, make_zip
from stripe_sandbox.demo.catalogue import PRODUCTS
from tests.colours import colour, contrast

ART = Path(settings.BASE_DIR) / "packages/stripe-sandbox/src/stripe_sandbox/static/stripe_sandbox/art"
MAX_BYTES = 6_000_000  # the goods and the art together
MAX_MEDIA_BYTES = {".mp4": 250_000, ".opus": 350_000}
SLUGS = [product.slug for product in PRODUCTS]
CATALOGUE = {product.slug: product for product in PRODUCTS}
SVG = "{http://www.w3.org/2000/svg}"
WEIGHTS = {"Light": 300, "Regular": 400, "Bold": 700, "Black": 900}


def goods(slug: str) -> dict[str, Any]:
    return tomllib.loads((DEMO_DIR / slug / "product.toml").read_text())


def files(slug: str) -> Path:
    return DEMO_DIR / slug / "files"


def promises(slug: str) -> str:
    """Return everything that shoppers read about a product."""
    product = CATALOGUE[slug]
    answers = [entry["answer"] for entry in goods(slug)["faq"]]
    return "\n".join(
        [product.tagline, product.description, *product.features, goods(slug)["specifications"], *answers]
    )


def versions(slug: str) -> list[dict[str, Any]]:
    return [version for file in goods(slug)["files"] for version in file["versions"]]


def contrast_of(first: str, second: str) -> float:
    return contrast(colour(first, "light", {}), colour(second, "light", {}))


def lessons(slug: str) -> list[Path]:
    names = [name for section in goods(slug).get("sections", []) for name in section["lessons"]]
    return [DEMO_DIR / slug / "lessons" / f"{name}.md" for name in names]


# --- every product ----------------------------------------------------------------------------------------


def test_each_product_has_a_folder() -> None:
    assert {folder.name for folder in DEMO_DIR.iterdir() if folder.is_dir()} == set(SLUGS)


def test_demo_files_stay_small() -> None:
    everything = [*DEMO_DIR.rglob("*"), *ART.iterdir()]
    assert sum(file.stat().st_size for file in everything if file.is_file()) < MAX_BYTES
    for file in everything:
        assert file.stat().st_size <= MAX_MEDIA_BYTES.get(file.suffix, MAX_BYTES), file


@pytest.mark.parametrize("slug", SLUGS)
def test_every_file_is_named_and_exists(slug: str) -> None:
    named = {path for version in versions(slug) for path in version["paths"]}
    for path in named:
        assert (files(slug) / path).exists(), path
    for file in files(slug).rglob("*"):
        path = str(file.relative_to(files(slug)))
        assert file.is_dir() or any(path == name or path.startswith(f"{name}/") for name in named), path
    texts = {file.stem for file in (DEMO_DIR / slug / "lessons").glob("*.md")}
    videos = {file.stem for file in (DEMO_DIR / slug / "lessons").glob("*.mp4")}
    assert texts == {file.stem for file in lessons(slug)}
    assert videos <= texts


@pytest.mark.parametrize("slug", SLUGS)
def test_page_of_each_product_is_complete(slug: str) -> None:
    product, found = CATALOGUE[slug], goods(slug)
    assert 2 <= len(found["faq"]) <= 15
    assert found["tags"]
    assert all(": " in line for line in found["specifications"].strip().splitlines())
    assert 2 <= len(product.features) <= 15
    assert all(len(feature) <= 80 for feature in product.features)
    assert product.pictures >= 2
    plans = {price.nickname for price in product.prices}
    lesson_names = {file.stem for file in lessons(slug)}
    for file in found["files"]:
        assert file.get("plan", "") in plans | {""}
        assert file.get("lesson") in lesson_names | {None}
    assert found.get("preview") in lesson_names | {None}
    assert (
        any(file.get("is_sample") for file in found["files"])
        or found.get("preview")
        or slug == "seven-palettes"
    )


def test_gallery_pictures_differ() -> None:
    pictures = [
        (ART / f"{product.slug}{number}.svg").read_text()
        for product in PRODUCTS
        for number in ["", *(f"-{number}" for number in range(2, product.pictures + 1))]
    ]
    assert len(set(pictures)) == len(pictures) == len(list(ART.glob("*.svg")))


@pytest.mark.parametrize("page", sorted(DEMO_DIR.rglob("*.html")), ids=lambda page: page.name)
def test_links_between_files_work(page: Path) -> None:
    html = page.read_text()
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", html)
    for name in re.findall(r'(?:src|href)="([^"#]+)[^"]*"|url\(([^)]+)\)', html):
        assert (page.parent / "".join(name)).is_file(), name


def test_archives_are_reproducible() -> None:
    first, second = (make_zip(files("launch-pages"), ["templates"]) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert "templates/index.html" in archive.namelist()


# --- icons, fonts, colors and templates -------------------------------------------------------------------


def test_icons_are_240_drawings_on_a_24_pixel_grid() -> None:
    names = {
        style: {file.stem for file in (files("tiny-tools") / style).iterdir()} for style in ("line", "solid")
    }
    names["two-color"] = {file.stem for file in (files("tiny-tools") / "two-color").iterdir()}
    assert len(names["line"]) == 80
    assert names["line"] == names["solid"] == names["two-color"]
    icons = [file for style in names for file in (files("tiny-tools") / style).glob("*.svg")]
    assert len({file.read_bytes() for file in icons}) == 240
    for file in icons:
        root = ElementTree.parse(file).getroot()
        assert (root.tag, root.get("viewBox")) == (f"{SVG}svg", "0 0 24 24")
        assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
            "svg",
            "g",
            "path",
            "circle",
            "rect",
            "mask",
        }
        assert "currentColor" in file.read_text()
        if file.parent.name == "two-color":
            assert root.findall(".//*[@class='accent']"), file
    assert "240 SVG files" in promises("tiny-tools")


def test_typeface_has_four_weights_and_a_variable_font() -> None:
    fonts = files("tsumiki") / "fonts"
    for style in WEIGHTS:
        assert ImageFont.truetype(fonts / f"Tsumiki-{style}.ttf").getname()[0] in (
            "Tsumiki",
            f"Tsumiki {style}",
        )
    variable = ImageFont.truetype(fonts / "Tsumiki-Variable.ttf")
    (axis,) = variable.get_variation_axes()
    assert (axis["minimum"], axis["maximum"]) == (300, 900)
    assert {file.stem for file in fonts.glob("*.woff2")} == {file.stem for file in fonts.glob("*.ttf")}
    assert all(file.read_bytes()[:4] == b"wOF2" for file in fonts.glob("*.woff2"))


@pytest.mark.parametrize("style", WEIGHTS)
def test_typeface_draws_every_character_of_its_specimen(style: str) -> None:
    font = ImageFont.truetype(files("tsumiki") / f"fonts/Tsumiki-{style}.ttf", 100)
    specimen = ElementTree.fromstring(
        "<p>"
        + (files("tsumiki") / "specimen.html").read_text().rpartition('<p class="big">')[2].split("</p>")[0]
        + "</p>"
    ).text
    assert specimen
    assert f"{len(specimen) + 1} characters" in promises("tsumiki")  # the space is not shown
    missing = bytes(font.getmask("\uffff"))
    assert [character for character in specimen if bytes(font.getmask(character)) == missing] == []
    assert set("ABCXYZabcxyz0189.,!?ÄÖÜßéèñçøłšž") <= set(specimen)
    assert len({font.getlength(digit) for digit in "0123456789"}) == 1


def test_palettes_agree_and_are_readable() -> None:
    palettes: dict[str, dict[str, str]] = json.loads((files("seven-palettes") / "palettes.json").read_text())
    colours = [colour for palette in palettes.values() for colour in palette.values()]
    assert (len(palettes), len(colours)) == (7, 28)
    css = (files("seven-palettes") / "palettes.css").read_text()
    assert re.findall(r"#[0-9a-f]{6}", css) == colours
    gpl = (files("seven-palettes") / "palettes.gpl").read_text().splitlines()[4:]
    assert ["#{:02x}{:02x}{:02x}".format(*map(int, line.split()[:3])) for line in gpl] == colours
    assert read_swatches((files("seven-palettes") / "palettes.ase").read_bytes()) == colours
    card = (files("seven-palettes") / "card.svg").read_text()
    assert set(colours) <= set(re.findall(r'fill="(#[0-9a-f]{6})"', card))
    assert {file.stem for file in (files("seven-palettes") / "svg").iterdir()} == {
        name.lower() for name in palettes
    }
    for palette in palettes.values():
        assert contrast_of(palette["text"], palette["background"]) >= 12
        assert contrast_of(palette["button"], palette["background"]) >= 4.5


def read_swatches(data: bytes) -> list[str]:
    """Return the colors of an Adobe Swatch Exchange file."""
    magic, _version, blocks = struct.unpack(">4sII", data[:12])
    assert magic == b"ASEF"
    colours, start = [], 12
    for _ in range(blocks):
        kind, size = struct.unpack(">HI", data[start : start + 6])
        block, start = data[start + 6 : start + 6 + size], start + 6 + size
        if kind == 1:
            red, green, blue = struct.unpack(">fff", block[-14:-2])
            colours.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    assert start == len(data)
    return colours


def test_templates_are_twelve_pages_with_one_style_sheet() -> None:
    pages = sorted((files("launch-pages") / "templates").glob("*.html"))
    assert len(pages) == 12
    assert "12 HTML templates" in promises("launch-pages")
    for page in pages:
        html = page.read_text()
        assert html.startswith('<!doctype html>\n<html lang="en">')
        assert len(re.findall("<h1[ >]", html)) == len(re.findall("<main[ >]", html)) == 1, page
        assert '<link rel="stylesheet" href="style.css">' in html
        assert 'name="viewport"' in html
    css = (files("launch-pages") / "templates/style.css").read_text()
    pairs = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", css))
    for text, area in (
        ("text", "background"),
        ("quiet", "background"),
        ("quiet", "panel"),
        ("on-button", "button"),
    ):
        for one, other in zip(pairs[text].split(", "), pairs[area].split(", "), strict=True):
            assert contrast_of(one, other) >= 4.5, (text, area)


# --- lessons, videos, sounds and books --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "count", "words", "promise"),
    [
        ("ship-small", 6, 250, "6 lessons"),
        ("workshop", 3, 250, "3 sessions"),
        ("sunday-letter", 3, 350, "3 letters"),
    ],
)
def test_lessons_have_text_and_attachments(slug: str, count: int, words: int, promise: str) -> None:
    assert len(lessons(slug)) == count
    assert promise in promises(slug)
    attached = {file.get("lesson") for file in goods(slug)["files"]}
    for lesson in lessons(slug):
        assert re.match(r"# .+\n\n", lesson.read_text())
        assert len(lesson.read_text().split()) >= words
        assert slug == "sunday-letter" or (lesson.stem in attached and lesson.with_suffix(".mp4").is_file())
    assert goods(slug)["preview"]


@pytest.mark.parametrize("video", sorted(DEMO_DIR.rglob("*.mp4")), ids=lambda video: video.stem)
def test_videos_start_before_they_are_complete(video: Path) -> None:
    data = video.read_bytes()
    boxes, start = [], 0
    while start < len(data):
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        boxes.append(kind.decode())
        start += size
    assert boxes[0] == "ftyp"
    assert boxes.index("moov") < boxes.index("mdat")
    assert b"avc1" in data  # H.264
    header = data.index(b"mvhd") + 16
    timescale, duration = struct.unpack(">II", data[header : header + 8])
    assert 15 <= duration / timescale <= 30


def test_recordings_are_nine_loops_of_one_minute() -> None:
    sounds = sorted(files("quiet-hours").glob("*.opus"))
    assert len(sounds) == 9
    assert "9 seamless loops" in promises("quiet-hours")
    for sound in sounds:
        data = sound.read_bytes()
        assert data[:4] == b"OggS"
        head = data.index(b"OpusHead")
        skipped = struct.unpack("<H", data[head + 10 : head + 12])[0]
        last = data.rindex(b"OggS")
        samples = struct.unpack("<q", data[last + 6 : last + 14])[0] - skipped
        assert samples == 60 * 48_000, sound


def test_book_has_its_pages_and_exercises() -> None:
    pages = len(re.findall(rb"/Type /Page\b", (files("fair-price") / "a-fair-price.pdf").read_bytes()))
    assert f"{pages} pages as PDF and EPUB" in promises("fair-price")
    with zipfile.ZipFile(files("fair-price") / "a-fair-price.epub") as book:
        first = book.infolist()[0]
        assert (first.filename, first.compress_type, book.read(first)) == (
            "mimetype",
            zipfile.ZIP_STORED,
            b"application/epub+zip",
        )
        package = ElementTree.fromstring(book.read("book/book.opf"))
        items = [item.get("href") for item in package.iter("{http://www.idpf.org/2007/opf}item")]
        assert {f"book/{item}" for item in items} <= set(book.namelist())
        chapters = [book.read(name) for name in book.namelist() if name.endswith(".xhtml")]
        for chapter in chapters:
            ElementTree.fromstring(chapter)
        text = b"".join(chapters).decode()
    assert f"{text.count('<h2>Exercise')} exercises" in promises("fair-price")
    assert len(re.sub("<[^>]+>", " ", text).split()) > 3000


@pytest.mark.parametrize("pdf", sorted(DEMO_DIR.rglob("*.pdf")), ids=lambda pdf: pdf.stem)
def test_documents_are_complete(pdf: Path) -> None:
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-1.")
    assert data.rstrip().endswith(b"%%EOF")
