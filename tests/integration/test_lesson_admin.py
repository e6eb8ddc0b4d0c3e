"""Sections and lessons in the admin: forms, order, hostile input, two people editing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.ecommerce.models import Lesson, LessonProgress, Price, ProductConfiguration, Section
from apps.users.models import User
from tests.factories import add_file, buy, signed_in

pytestmark = pytest.mark.django_db

ADMIN = "/admin/ecommerce"
MP4 = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100
WEBM = b"\x1a\x45\xdf\xa3" + b"\x00" * 100


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = False


@pytest.fixture
def section(icons: ProductConfiguration) -> Section:
    return Section.objects.create(configuration=icons, title="Basics")


def order_page(configuration: ProductConfiguration) -> str:
    return f"{ADMIN}/lesson/of-product/{configuration.pk}/"


def lesson_form(section: Section, **fields: Any) -> dict[str, Any]:
    return {"section": section.pk, "title": "Grids", "text": "", "video": "", "plan": "", **fields}


def add(client: Client, section: Section, **fields: Any) -> Any:
    return client.post(f"{ADMIN}/lesson/add/?section={section.pk}", lesson_form(section, **fields))


def change(client: Client, lesson: Lesson, section: Section, **fields: Any) -> Any:
    path = f"{ADMIN}/lesson/{lesson.pk}/change/"
    fingerprint = client.get(path).context["adminform"].form["fingerprint"].value()
    return client.post(path, lesson_form(section, fingerprint=fingerprint, **fields))


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def test_founder_writes_a_course_from_the_product_page(as_olive: Client, icons: ProductConfiguration) -> None:
    product = as_olive.get(f"{ADMIN}/productconfiguration/{icons.pk}/change/").content.decode()
    assert order_page(icons) in product
    assert f"section/add/?configuration={icons.pk}" in as_olive.get(order_page(icons)).content.decode()
    form = {"configuration": icons.pk, "title": "Basics"}
    saved = as_olive.post(f"{ADMIN}/section/add/?configuration={icons.pk}", form)
    section = Section.objects.get()
    assert saved["Location"] == f"{order_page(icons)}#section-{section.pk}"
    saved = add(as_olive, section, video="youtu.be/dQw4w9WgXcQ?si=tracking&t=10")
    lesson = Lesson.objects.get()
    assert saved["Location"] == f"{order_page(icons)}#lesson-{lesson.pk}"
    assert lesson.video == "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=10s"
    add(as_olive, section, title="Curves")
    page = as_olive.get(order_page(icons)).content.decode()
    assert page.index("Grids") < page.index("Curves")
    changed = change(as_olive, lesson, section, title="Better grids", text="*New*")
    assert changed.status_code == 302
    lesson.refresh_from_db()
    assert (lesson.title, lesson.position) == ("Better grids", 0)


def test_second_of_two_editors_is_warned_before_overwriting(as_olive: Client, section: Section) -> None:
    lesson = Lesson.objects.create(section=section, title="Grids", text="First")
    path = f"{ADMIN}/lesson/{lesson.pk}/change/"
    opened = as_olive.get(path).context["adminform"].form["fingerprint"].value()
    form = lesson_form(section, fingerprint=opened)
    assert as_olive.post(path, form | {"text": "Hers"}).status_code == 302
    refused = as_olive.post(path, form | {"text": "His"})
    assert "Someone else has changed this lesson" in str(errors_of(refused)["__all__"])
    assert "His" in refused.content.decode()
    lesson.refresh_from_db()
    assert lesson.text == "Hers"
    again = refused.context["adminform"].form["fingerprint"].value()
    assert as_olive.post(path, form | {"text": "His", "fingerprint": again}).status_code == 302
    lesson.refresh_from_db()
    assert lesson.text == "His"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://user:pw@youtu.be/dQw4w9WgXcQ",
        "https://example.com/video.mp4",
        "https://www.youtube.com/playlist?list=PL123",
        '<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ"></iframe>',
        "x" * 600,
        "https://youtu.be/\u0000dQw4w9WgXcQ",
    ],
)
def test_odd_video_address_is_refused_at_its_field(as_olive: Client, section: Section, address: str) -> None:
    response = add(as_olive, section, video=address)
    assert list(errors_of(response)) == ["video"]
    assert not Lesson.objects.exists()


@pytest.mark.parametrize(("name", "content"), [("a.mp4", MP4), ("a.M4V", MP4), ("a.webm", WEBM)])
def test_video_file_is_stored_privately(
    as_olive: Client, section: Section, name: str, content: bytes
) -> None:
    assert add(as_olive, section, video_file=SimpleUploadedFile(name, content)).status_code == 302
    lesson = Lesson.objects.get()
    with lesson.video_file.open() as file:
        assert file.read() == content
    page = as_olive.get(f"{ADMIN}/lesson/{lesson.pk}/change/").content.decode()
    assert str(lesson.video_file.name) in page
    assert f'href="{lesson.video_file.name}' not in page


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mov", MP4),
        ("a.html", b"<script>alert(1)</script>"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.mp4", b"<html>" + b" " * 100),
        ("a.webm", MP4),
        ("a.mp4.exe", MP4),
        ("mp4", MP4),
        ("a.mp4", b"x"),
    ],
)
def test_other_files_are_refused_with_a_message(
    as_olive: Client, section: Section, name: str, content: bytes
) -> None:
    errors = errors_of(add(as_olive, section, video_file=SimpleUploadedFile(name, content)))
    assert list(errors) == ["video_file"]
    assert not Lesson.objects.exists()


def test_lesson_has_one_video(as_olive: Client, section: Section) -> None:
    upload = SimpleUploadedFile("a.mp4", MP4)
    response = add(as_olive, section, video="https://youtu.be/dQw4w9WgXcQ", video_file=upload)
    assert list(errors_of(response)) == ["video"]


def test_plans_of_the_product_are_offered(
    as_olive: Client, section: Section, team: Price, club: ProductConfiguration
) -> None:
    other = Section.objects.create(configuration=club, title="Minutes")
    form = as_olive.get(f"{ADMIN}/lesson/add/?section={section.pk}").context["adminform"].form
    assert {value for value, _label in form.fields["plan"].choices} == {"", "solo", "team"}
    assert list(form.fields["section"].queryset) == [section]
    assert add(as_olive, section, plan="team").status_code == 302
    assert list(errors_of(add(as_olive, section, plan="gold"))) == ["plan"]
    lesson = Lesson.objects.get()
    moved = change(as_olive, lesson, other, plan="team")
    assert list(errors_of(moved)) == ["section"]
    Price.objects.update(plan="other")
    kept = change(as_olive, lesson, section, plan="team")
    assert kept.status_code == 302


# --- order ------------------------------------------------------------------------------------------------------


@pytest.fixture
def course(icons: ProductConfiguration, section: Section) -> list[str]:
    """Create two sections with two lessons, and return their keys in order."""
    second = Section.objects.create(configuration=icons, title="Advanced", position=1)
    keys = []
    for row in (section, second):
        keys.append(f"section-{row.pk}")
        for number in range(2):
            lesson = Lesson.objects.create(section=row, title=f"{row.title} {number}", position=number)
            keys.append(f"lesson-{lesson.pk}")
    return keys


def shown_order(configuration: ProductConfiguration) -> list[str]:
    rows = []
    for section in Section.objects.filter(configuration=configuration):
        rows += [f"section-{section.pk}", *(f"lesson-{lesson.pk}" for lesson in section.lessons.all())]
    return rows


@pytest.mark.parametrize(
    ("moved", "direction", "expected"),
    [
        (1, "down", [0, 2, 1, 3, 4, 5]),
        (2, "up", [0, 2, 1, 3, 4, 5]),
        (2, "down", [0, 1, 3, 2, 4, 5]),  # to the next section
        (4, "up", [0, 1, 2, 4, 3, 5]),  # to the section before
        (1, "up", [0, 1, 2, 3, 4, 5]),
        (5, "down", [0, 1, 2, 3, 4, 5]),
        (3, "up", [3, 4, 5, 0, 1, 2]),
        (0, "down", [3, 4, 5, 0, 1, 2]),
        (0, "up", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_buttons_move_sections_and_lessons(
    as_olive: Client,
    icons: ProductConfiguration,
    course: list[str],
    moved: int,
    direction: str,
    expected: list[int],
) -> None:
    response = as_olive.post(order_page(icons), {"move": f"{direction} {course[moved]}"})
    assert response["Location"].endswith(f"?moved={direction}-{course[moved]}")
    assert shown_order(icons) == [course[number] for number in expected]
    assert "autofocus" in as_olive.get(response["Location"]).content.decode()


def test_dragged_order_is_saved(as_olive: Client, icons: ProductConfiguration, course: list[str]) -> None:
    wanted = [course[number] for number in (3, 1, 0, 5, 2, 4)]
    as_olive.post(order_page(icons), {"order": " ".join(wanted)})
    assert shown_order(icons) == wanted


def test_order_of_an_outdated_or_forged_page_is_refused(
    as_olive: Client, icons: ProductConfiguration, club: ProductConfiguration, course: list[str]
) -> None:
    other = Section.objects.create(configuration=club, title="Minutes")
    foreign = Lesson.objects.create(section=other, title="May", text="kept")
    for order in (
        course[:-1],
        [*course, course[1]],
        [*course, f"lesson-{foreign.pk}"],
        [f"section-{other.pk}", *course[1:]],
        [course[1], course[0], *course[2:]],
        ["lesson-x", *course],
        [],
    ):
        response = as_olive.post(order_page(icons), {"order": " ".join(order)}, follow=True)
        assert "was not saved" in response.content.decode(), order
        assert shown_order(icons) == course, order
    for key in (f"lesson-{foreign.pk}", "lesson-999999", "nonsense", ""):
        assert (
            "was not saved"
            in as_olive.post(order_page(icons), {"move": f"up {key}"}, follow=True).content.decode()
        )
    foreign.refresh_from_db()
    assert (foreign.section, foreign.text) == (other, "kept")


def test_moving_keeps_texts_and_progress(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, course: list[str]
) -> None:
    buy(as_ada, icons)
    lesson = Lesson.objects.get(title="Basics 1")
    Lesson.objects.filter(pk=lesson.pk).update(text="Kept", plan="", is_preview=True)
    as_ada.post(f"/purchases/icon-set/lessons/{lesson.pk}/done/")
    as_olive.post(order_page(icons), {"move": f"down lesson-{lesson.pk}"})
    lesson.refresh_from_db()
    assert (lesson.section.title, lesson.text, lesson.is_preview) == ("Advanced", "Kept", True)
    assert as_ada.get(f"/purchases/icon-set/lessons/{lesson.pk}/").status_code == 200
    assert LessonProgress.objects.get().completed_at


def test_staff_with_view_permission_cannot_change_the_order(
    icons: ProductConfiguration, course: list[str]
) -> None:
    stan = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    client = signed_in(stan)
    assert client.get(order_page(icons)).status_code == 403
    stan.user_permissions.add(Permission.objects.get(codename="view_lesson"))
    assert 'name="move"' not in client.get(order_page(icons)).content.decode()
    assert client.post(order_page(icons), {"move": f"down {course[1]}"}).status_code == 403
    assert shown_order(icons) == course


def test_deleting_names_lessons_and_counts_owners(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, course: list[str]
) -> None:
    buy(as_ada, icons)
    for lesson in Lesson.objects.all():
        as_ada.get(f"/purchases/icon-set/lessons/{lesson.pk}/")
    section = Section.objects.get(title="Basics")
    page = as_olive.get(f"{ADMIN}/section/{section.pk}/delete/").content.decode()
    assert "Basics 0" in page
    assert "1 owner" in page
    assert "ada@example.com" not in page
    deleted = as_olive.post(f"{ADMIN}/section/{section.pk}/delete/", {"post": "yes"})
    assert deleted["Location"] == order_page(icons)
    assert shown_order(icons) == course[3:]
    assert LessonProgress.objects.count() == 2


def test_titles_with_html_are_shown_as_text(as_olive: Client, icons: ProductConfiguration) -> None:
    evil = "<img src=x onerror=alert(1)>"
    section = Section.objects.create(configuration=icons, title=evil)
    lesson = Lesson.objects.create(section=section, title=evil, plan=evil)
    for path in (
        order_page(icons),
        f"{ADMIN}/lesson/{lesson.pk}/change/",
        f"{ADMIN}/lesson/{lesson.pk}/delete/",
        f"{ADMIN}/section/{section.pk}/delete/",
        f"{ADMIN}/lesson/",
    ):
        page = as_olive.get(path).content.decode()
        assert evil not in page, path
        assert "&lt;img" in page, path


def test_section_with_lessons_is_deleted_with_the_permission_for_lessons_only(section: Section) -> None:
    Lesson.objects.create(section=section, title="Grids")
    stan = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    codenames = ["delete_section", "view_section"]
    stan.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    path = f"{ADMIN}/section/{section.pk}/delete/"
    assert signed_in(stan).post(path, {"post": "yes"}).status_code == 403
    stan.user_permissions.add(Permission.objects.get(codename="delete_lesson"))
    signed_in(stan).post(path, {"post": "yes"})
    assert not Section.objects.exists()


def test_files_of_a_deleted_lesson_keep_its_plan(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, section: Section, team: Price
) -> None:
    lesson = Lesson.objects.create(section=section, title="Together", plan="team")
    file = add_file(icons, "Notes", lesson=lesson)
    buy(as_ada, icons)
    path = f"/purchases/icon-set/files/{file.pk}/"
    assert as_ada.get(path).status_code == 302
    page = as_olive.get(f"{ADMIN}/lesson/{lesson.pk}/delete/").content.decode()
    assert "Notes" in page
    as_olive.post(f"{ADMIN}/section/{section.pk}/delete/", {"post": "yes"})
    assert not Lesson.objects.exists()
    assert as_ada.get(path).status_code == 302
