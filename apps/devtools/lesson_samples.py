"""Unsaved sample lessons for the style page."""

from typing import Any

from django.utils import timezone

from apps.ecommerce.content.outline import Outline, OutlineEntry, OutlineSection
from apps.ecommerce.content.videos import parse_video
from apps.ecommerce.models import Lesson, Section

LONG_TITLE = "What a grid is good for, and when to draw without one, with eleven examples of both"


def lesson_samples() -> dict[str, Any]:
    """Return an outline with a lesson that is done, an open one, one of another plan and a preview."""
    section = Section(pk=1, title="Basics")
    lessons = [
        Lesson(pk=pk, section=section, title=title)
        for pk, title in enumerate(("Start here", LONG_TITLE, "Work in a team", "A look inside"), start=1)
    ]
    entries = [
        OutlineEntry(lessons[0], url="#done", plan="", is_done=True, opened_at=timezone.now()),
        OutlineEntry(lessons[1], url="#open", plan=""),
        OutlineEntry(lessons[2], url="", plan="Team"),
        OutlineEntry(lessons[3], url="#preview", plan=""),
    ]
    sections = [OutlineSection(section, entries, is_open=True), OutlineSection(section, entries[1:])]
    video = parse_video("https://www.youtube.com/watch?v=aqz-KE-bpKQ")
    return {"outline": Outline(sections), "lesson": lessons[1], "video": video}
