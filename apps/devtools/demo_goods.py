"""Fill the demo products with content from the folders demo/<slug>/.

`product.toml` has the category, tags, specifications, questions, sections and files. `content.md` is the owners' page.
`lessons/` has a Markdown file for each lesson, whose first line is the title, and the video of the same name. `files/`
has the files, which owners get as they are or as parts of a ZIP archive.
"""

import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify

from apps.ecommerce.models import (
    Category,
    FaqEntry,
    FileVersion,
    Lesson,
    ProductConfiguration,
    ProductFile,
    Section,
    Tag,
)

DEMO_DIR = Path(__file__).parent / "demo"
FIELDS = ("licence_keys", "max_activations")
LabelT = TypeVar("LabelT", Category, Tag)


def fill_product(configuration: ProductConfiguration) -> bool:
    """Return False, and change nothing, if it is not a demo product or already has content."""
    folder = DEMO_DIR / configuration.slug
    if not (folder / "product.toml").is_file() or _has_content(configuration):
        return False
    goods = tomllib.loads((folder / "product.toml").read_text())
    with transaction.atomic():
        configuration.content = (folder / "content.md").read_text()
        configuration.specifications = goods["specifications"].strip()
        configuration.category = _label(Category, goods["category"])
        for name in FIELDS:
            setattr(configuration, name, goods.get(name, getattr(configuration, name)))
        configuration.tags.set([_label(Tag, name) for name in goods["tags"]])
        configuration.save()
        lessons = _create_lessons(configuration, folder / "lessons", goods)
        _create_files(configuration, folder / "files", goods.get("files", []), lessons)
        FaqEntry.objects.bulk_create(
            FaqEntry(configuration=configuration, position=position, **entry)
            for position, entry in enumerate(goods["faq"])
        )
    return True


def make_zip(folder: Path, paths: Sequence[str]) -> bytes:
    """Return the same bytes for the same files, so that the checksum stays the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in _expand(folder, paths):
            info = zipfile.ZipInfo(str(file.relative_to(folder)))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
    return buffer.getvalue()


def _has_content(configuration: ProductConfiguration) -> bool:
    texts = (configuration.content, configuration.description, configuration.specifications)
    rows = (configuration.sections, configuration.files, configuration.faq)
    return any(texts) or configuration.category_id is not None or any(row.exists() for row in rows)


def _label(model: type[LabelT], name: str) -> LabelT:
    slug = slugify(name)
    found = model.objects.filter(Q(name=name) | Q(slug=slug)).first()
    return found or model.objects.create(name=name, slug=slug)


def _create_lessons(
    configuration: ProductConfiguration, folder: Path, goods: dict[str, Any]
) -> dict[str, Lesson]:
    lessons: dict[str, Lesson] = {}
    for position, section in enumerate(goods.get("sections", [])):
        row = Section.objects.create(configuration=configuration, title=section["title"], position=position)
        for number, name in enumerate(section["lessons"]):
            title, _, text = (folder / f"{name}.md").read_text().partition("\n")
            lesson = Lesson(section=row, title=title.removeprefix("# "), text=text.strip(), position=number)
            lesson.is_preview = name == goods.get("preview")
            if (video := folder / f"{name}.mp4").is_file():
                lesson.video_file.save(video.name, ContentFile(video.read_bytes()), save=False)
            lesson.save()
            lessons[name] = lesson
    return lessons


def _create_files(
    configuration: ProductConfiguration, folder: Path, files: list[dict[str, Any]], lessons: dict[str, Lesson]
) -> None:
    for position, file in enumerate(files):
        row = ProductFile.objects.create(
            configuration=configuration,
            lesson=lessons.get(file.get("lesson", "")),
            name=file["name"],
            position=position,
            is_sample=file.get("is_sample", False),
            plan=file.get("plan", ""),
        )
        for version in file["versions"]:
            _create_version(row, folder, version)


def _create_version(file: ProductFile, folder: Path, version: dict[str, Any]) -> None:
    paths: list[str] = version["paths"]
    name = version.get("archive", Path(paths[0]).name)
    data = make_zip(folder, paths) if "archive" in version else (folder / paths[0]).read_bytes()
    row = FileVersion(file=file, label=version.get("label", ""), notes=version.get("notes", ""))
    row.size, row.sha256 = len(data), hashlib.sha256(data).hexdigest()
    row.upload.save(name, ContentFile(data))


def _expand(folder: Path, paths: Sequence[str]) -> Iterator[Path]:
    for path in paths:
        place = folder / path
        yield from sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
