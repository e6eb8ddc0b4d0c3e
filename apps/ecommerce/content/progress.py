"""Store which lessons a user has opened and finished."""

from __future__ import annotations

from django.utils import timezone

from apps.ecommerce.models import Lesson, LessonProgress, ProductConfiguration
from apps.users.guests import Buyer
from apps.users.models import User
from apps.users.personal_data import JSON


def user_progress(user: Buyer, configuration: ProductConfiguration) -> dict[int, LessonProgress]:
    """Return the progress by lesson. None is stored for guests."""
    if not isinstance(user, User):
        return {}
    rows = LessonProgress.objects.filter(user=user, lesson__section__configuration=configuration)
    return {row.lesson_id: row for row in rows}


def record_opened(user: Buyer, lesson: Lesson) -> None:
    """Write when the user opened the lesson, in one query: two tabs can open it at the same time."""
    if not isinstance(user, User):
        return
    row = LessonProgress(user=user, lesson=lesson, opened_at=timezone.now())
    LessonProgress.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["user", "lesson"], update_fields=["opened_at"]
    )


def set_done(user: Buyer, lesson: Lesson, *, is_done: bool) -> None:
    """Set or clear the date. A lesson that is marked as done again keeps the first date."""
    if not isinstance(user, User):
        return
    record_opened(user, lesson)
    rows = LessonProgress.objects.filter(user=user, lesson=lesson)
    if is_done:
        rows.filter(completed_at=None).update(completed_at=timezone.now())
    else:
        rows.update(completed_at=None)


def export_progress(user: User) -> JSON:
    """Return the lessons that the user has opened, for the export of personal data. Times are ISO 8601 in UTC."""
    rows = LessonProgress.objects.filter(user=user).order_by("opened_at", "pk")
    return [
        {
            "product": row.lesson.section.configuration.product.name,
            "lesson": row.lesson.title,
            "opened": row.opened_at.isoformat(),
            "completed": row.completed_at.isoformat() if row.completed_at else None,
        }
        for row in rows.select_related("lesson__section__configuration__product")
    ]
