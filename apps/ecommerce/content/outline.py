"""The lessons of a product in their order, with what one user may open and has done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.urls import reverse

from apps.ecommerce.content.progress import user_progress
from apps.ecommerce.models import Lesson, LessonProgress, ProductConfiguration, Section
from apps.users.guests import Buyer

MAX_UNFOLDED = 30


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    lesson: Lesson
    url: str  # "" if the user may not open it
    plan: str  # the name of the plan that the user needs
    opened_at: datetime | None = None
    is_done: bool = False


@dataclass(slots=True)
class OutlineSection:
    section: Section
    entries: list[OutlineEntry] = field(default_factory=list)
    is_open: bool = False

    @property
    def done_count(self) -> int:
        return sum(entry.is_done for entry in self.entries)


@dataclass
class Outline:
    sections: list[OutlineSection]

    @cached_property
    def entries(self) -> list[OutlineEntry]:
        return [entry for section in self.sections for entry in section.entries]

    @cached_property
    def open_entries(self) -> list[OutlineEntry]:
        return [entry for entry in self.entries if entry.url]

    @property
    def done_count(self) -> int:
        return sum(entry.is_done for entry in self.open_entries)

    @cached_property
    def resume(self) -> OutlineEntry | None:
        """Return the lesson that was opened last. If it is done, return the next one that is not, or else the first."""
        opened = [entry for entry in self.open_entries if entry.opened_at]
        last = max(opened, key=lambda entry: entry.opened_at, default=None)  # type: ignore[arg-type, return-value]
        start = self.open_entries.index(last) if last else 0
        following = [*self.open_entries[start:], *self.open_entries[:start]]
        return next((entry for entry in following if not entry.is_done), None)

    @property
    def is_started(self) -> bool:
        return any(entry.opened_at for entry in self.open_entries)

    def unfold(self, lesson: Lesson | None) -> None:
        """Open the lesson's section, or the first one. Open all if there are few lessons."""
        current = lesson.section_id if lesson else None
        for number, part in enumerate(self.sections):
            is_current = part.section.pk == current if current else number == 0
            part.is_open = is_current or len(self.entries) <= MAX_UNFOLDED

    def around(self, lesson: Lesson) -> tuple[OutlineEntry | None, OutlineEntry | None]:
        """Return the lessons before and after this one that the user may open."""
        position = [entry.lesson.pk for entry in self.entries].index(lesson.pk)
        before = [entry for entry in self.entries[:position] if entry.url]
        after = [entry for entry in self.entries[position + 1 :] if entry.url]
        return next(reversed(before), None), next(iter(after), None)


def owner_outline(
    configuration: ProductConfiguration, user: Buyer, plans: Collection[str], current: Lesson | None = None
) -> Outline:
    """Return the outline for an owner with these plans."""
    progress = user_progress(user, configuration)
    outline = _outline(configuration, "lesson", plans, progress, previews_only=False)
    outline.unfold(current or (outline.resume.lesson if outline.resume else None))
    return outline


def public_outline(configuration: ProductConfiguration, current: Lesson | None = None) -> Outline:
    """Return the outline for the product page: only free previews have a URL."""
    outline = _outline(configuration, "lesson_preview", (), {}, previews_only=True)
    outline.unfold(current)
    return outline


def needs_plan(lesson: Lesson, plans: Collection[str]) -> bool:
    """Return whether an owner with these plans may not open the lesson. Free previews need no plan."""
    return bool(lesson.plan) and not lesson.is_preview and lesson.plan not in plans


def _outline(
    configuration: ProductConfiguration,
    view: str,
    plans: Collection[str],
    progress: Mapping[int, LessonProgress],
    *,
    previews_only: bool,
) -> Outline:
    sections: dict[int, OutlineSection] = {}
    names = _plan_names(configuration)
    lessons = Lesson.objects.filter(section__configuration=configuration).select_related("section")
    for lesson in lessons.only("title", "plan", "is_preview", "section__title"):
        is_locked = needs_plan(lesson, plans)
        is_closed = not lesson.is_preview if previews_only else is_locked
        seen = progress.get(lesson.pk)
        entry = OutlineEntry(
            lesson,
            url="" if is_closed else reverse(view, args=[configuration.slug, lesson.pk]),
            plan=names.get(lesson.plan, lesson.plan) if is_locked else "",
            opened_at=seen.opened_at if seen else None,
            is_done=bool(seen and seen.completed_at),
        )
        sections.setdefault(lesson.section_id, OutlineSection(lesson.section)).entries.append(entry)
    return Outline(list(sections.values()))


def _plan_names(configuration: ProductConfiguration) -> dict[str, str]:
    """Return the names that buyers know: the nickname of a price that sells the plan, or else the plan itself."""
    prices = configuration.product.prices.all()
    return {price.plan: price.nickname or price.plan for price in prices if price.plan}
