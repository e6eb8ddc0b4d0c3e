"""Change the order of a product's sections and lessons.

The order is one list of keys, "section-3", "lesson-7", "lesson-8", "section-4" …: lessons follow their section.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from django.db import transaction

from apps.core import page_cache
from apps.ecommerce.models import Lesson, ProductConfiguration, Section


class OrderChanged(Exception):
    """Another person has added, moved or deleted a section or a lesson."""


def current_order(configuration: ProductConfiguration) -> list[str]:
    lessons: dict[int, list[str]] = {}
    rows = Lesson.objects.filter(section__configuration=configuration)
    for pk, section_id in rows.values_list("pk", "section_id"):
        lessons.setdefault(section_id, []).append(f"lesson-{pk}")
    sections = configuration.sections.values_list("pk", flat=True)
    return [key for pk in sections for key in (f"section-{pk}", *lessons.get(pk, []))]


def save_order(configuration: ProductConfiguration, keys: Sequence[str]) -> None:
    """Raise OrderChanged unless these are all sections and lessons of the product, beginning with a section."""
    with transaction.atomic():
        ProductConfiguration.objects.select_for_update().get(pk=configuration.pk)
        if sorted(keys) != sorted(current_order(configuration)) or (keys and not _is_section(keys[0])):
            raise OrderChanged
        _write(keys)
    page_cache.invalidate()


def move(configuration: ProductConfiguration, key: str, step: int) -> None:
    """Move a section with its lessons, or a lesson, also into the section before or after. Raise OrderChanged."""
    keys = current_order(configuration)
    if key not in keys:
        raise OrderChanged
    moved = _move_section(keys, key, step) if _is_section(key) else _move_lesson(keys, key, step)
    if moved:
        save_order(configuration, moved)


def _move_lesson(keys: list[str], key: str, step: int) -> list[str]:
    place = keys.index(key)
    if not 1 <= place + step < len(keys):
        return []
    keys[place], keys[place + step] = keys[place + step], keys[place]
    return keys


def _move_section(keys: list[str], key: str, step: int) -> list[str]:
    starts = [number for number, one in enumerate(keys) if _is_section(one)]
    blocks = [keys[start:end] for start, end in pairwise([*starts, len(keys)])]
    place = next(number for number, block in enumerate(blocks) if block[0] == key)
    if not 0 <= place + step < len(blocks):
        return []
    blocks[place], blocks[place + step] = blocks[place + step], blocks[place]
    return [one for block in blocks for one in block]


def _write(keys: Sequence[str]) -> None:
    sections, lessons = [], []
    for position, key in enumerate(keys):
        pk = int(key.rpartition("-")[2])
        if _is_section(key):
            sections.append(Section(pk=pk, position=position))
        else:
            lessons.append(Lesson(pk=pk, position=position, section_id=sections[-1].pk))
    Section.objects.bulk_update(sections, ["position"])
    Lesson.objects.bulk_update(lessons, ["position", "section"])


def _is_section(key: str) -> bool:
    return key.startswith("section-")
