"""Lessons: who may open which, progress, free previews, videos and the Content-Security-Policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core import file_slots
from apps.ecommerce.models import Lesson, LessonProgress, Price, ProductConfiguration, Purchase, Section
from apps.users.models import User
from apps.users.personal_data import collect, delete_account
from tests.factories import buy

pytestmark = pytest.mark.django_db

YOUTUBE = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
PEERTUBE = "https://framatube.org/w/kkGMgK9ZtnKfYAgnEtQxbv"
CONTENTS = "/purchases/icon-set/lessons/"
VIDEO = bytes(range(256)) * 4096  # 1 MiB


def add_lesson(
    configuration: ProductConfiguration, title: str, section: str = "Basics", **fields: Any
) -> Lesson:
    row, _created = Section.objects.get_or_create(configuration=configuration, title=section)
    return Lesson.objects.create(section=row, title=title, position=row.lessons.count(), **fields)


def text_of(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response
    return response.content.decode()


def player(lesson: Lesson) -> str:
    return f"{CONTENTS}{lesson.pk}/"


def preview(lesson: Lesson) -> str:
    return f"/store/icon-set/lessons/{lesson.pk}/"


# --- owners ---------------------------------------------------------------------------------------------------


def test_owner_reads_lessons_in_the_order_of_sections(as_ada: Client, icons: ProductConfiguration) -> None:
    second = add_lesson(icons, "Curves", "Advanced")
    first = add_lesson(icons, "Grids", text="*Draw* one.")
    Section.objects.filter(title="Advanced").update(position=1)
    buy(as_ada, icons)
    contents = text_of(as_ada, CONTENTS)
    assert contents.index(player(first)) < contents.index(player(second))
    page = text_of(as_ada, player(first))
    assert "<em>Draw</em>" in page
    assert f'href="{player(second)}" rel="next"' in page
    assert f'href="{player(first)}" rel="prev"' in text_of(as_ada, player(second))
    assert player(first) in text_of(as_ada, "/purchases/icon-set/")


def test_product_without_lessons_has_no_contents(as_ada: Client, icons: ProductConfiguration) -> None:
    Section.objects.create(configuration=icons, title="Empty")
    buy(as_ada, icons)
    assert as_ada.get(CONTENTS)["Location"] == "/purchases/icon-set/"
    assert CONTENTS not in text_of(as_ada, "/purchases/icon-set/")


def test_unknown_deleted_and_foreign_lessons_are_404(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    lesson, other = add_lesson(icons, "Grids"), add_lesson(club, "Minutes")
    buy(as_ada, icons)
    address = player(lesson)
    lesson.delete()
    for path in (address, player(other), f"{CONTENTS}999999999999999999999999/", f"{CONTENTS}0/"):
        assert as_ada.get(path).status_code == 404, path
        assert as_ada.post(f"{path}done/").status_code == 404, path
        assert as_ada.get(f"{path}video/").status_code == 404, path
    assert not LessonProgress.objects.exists()


def test_strangers_and_refunded_owners_get_no_lesson(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    lesson = add_lesson(icons, "Grids", text="The secret of grids")
    lesson.video_file.save("grids.mp4", ContentFile(VIDEO))
    buy(as_ada, icons)
    Purchase.objects.update(suspended_by="refunded")
    for client in (as_ada, as_bob, Client()):
        for path in (CONTENTS, player(lesson), f"{player(lesson)}video/"):
            assert client.get(path).status_code == 302, path
        assert client.post(f"{player(lesson)}done/").status_code == 302
        assert client.get(preview(lesson)).status_code == 404
        assert client.get(f"{preview(lesson)}video/").status_code == 404
    assert not LessonProgress.objects.exists()


def test_lesson_of_a_plan_is_locked_for_other_plans(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, team: Price
) -> None:
    free, locked = add_lesson(icons, "Grids"), add_lesson(icons, "Together", plan="team", text="Team secret")
    after = add_lesson(icons, "Curves")
    locked.video_file.save("team.mp4", ContentFile(VIDEO))
    buy(as_ada, icons)
    buy(as_bob, icons, team)
    page = text_of(as_ada, player(free))
    assert "Together" in page
    assert "Team" in page
    assert player(locked) not in page
    assert f'href="{player(after)}" rel="next"' in page
    for path in (player(locked), f"{player(locked)}video/"):
        assert as_ada.get(path)["Location"] == "/store/icon-set/"
    assert as_ada.post(f"{player(locked)}done/")["Location"] == "/store/icon-set/"
    refused = as_ada.get(player(locked), headers={"accept": "application/json"})
    assert (refused.status_code, refused.json()["error"]) == (403, "plan_required")
    assert "Team secret" in text_of(as_bob, player(locked))
    assert as_bob.get(f"{player(locked)}video/").status_code == 200
    lesson_rows = LessonProgress.objects.filter(lesson=locked)
    assert [row.user.email for row in lesson_rows] == ["bob@example.com"]


def test_owner_of_two_plans_opens_the_lessons_of_both(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price
) -> None:
    lessons = [add_lesson(icons, plan.title(), plan=plan) for plan in ("solo", "team")]
    for plan in ("solo", "team"):
        values = {"product": icons.product, "price": team, "plan": plan, "currency": "usd"}
        Purchase.objects.create(user=ada, session_id=plan, status="paid", livemode=False, **values)
    for lesson in lessons:
        assert as_ada.get(player(lesson)).status_code == 200, lesson


# --- progress -------------------------------------------------------------------------------------------------


def resume_link(client: Client) -> str:
    match = re.search(
        r'class="button lessons__resume" href="([^"]+/lessons/\d+/)"', text_of(client, CONTENTS)
    )
    return match[1] if match else ""


def test_owner_resumes_at_the_lesson_that_was_opened_last(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    first, second, third = (add_lesson(icons, title) for title in ("Grids", "Curves", "Colours"))
    buy(as_ada, icons)
    assert resume_link(as_ada) == player(first)
    as_ada.head(player(third))
    assert resume_link(as_ada) == player(first)
    as_ada.get(player(second))
    assert resume_link(as_ada) == player(second)
    done = as_ada.post(f"{player(second)}done/", {"done": "1"})
    assert done["Location"] == player(third)
    assert resume_link(as_ada) == player(third)
    assert as_ada.post(f"{player(third)}done/", {"done": "1"})["Location"] == CONTENTS
    assert resume_link(as_ada) == player(first)
    as_ada.post(f"{player(first)}done/", {"done": "1"})
    assert resume_link(as_ada) == ""
    assert "All lessons done" in text_of(as_ada, CONTENTS)


def test_progress_belongs_to_one_user(as_ada: Client, as_bob: Client, icons: ProductConfiguration) -> None:
    lesson = add_lesson(icons, "Grids")
    for client in (as_ada, as_bob):
        buy(client, icons)
    as_ada.post(f"{player(lesson)}done/", {"done": "1"})
    assert "1 of 1 lesson done" in text_of(as_ada, CONTENTS)
    assert "0 of 1 lesson done" in text_of(as_bob, CONTENTS)


def test_two_tabs_can_mark_a_lesson_in_any_order(as_ada: Client, icons: ProductConfiguration) -> None:
    lesson = add_lesson(icons, "Grids")
    buy(as_ada, icons)
    for _tab in range(2):
        as_ada.get(player(lesson))
    as_ada.post(f"{player(lesson)}done/", {"done": "1"})
    as_ada.post(f"{player(lesson)}done/", {"done": "1"})
    row = LessonProgress.objects.get()
    assert row.completed_at
    as_ada.get(player(lesson))
    row.refresh_from_db()
    assert row.completed_at
    stays = as_ada.post(f"{player(lesson)}done/", {"done": "0"})
    assert stays["Location"] == player(lesson)
    as_ada.post(f"{player(lesson)}done/", {"done": "0"})
    assert LessonProgress.objects.get().completed_at is None


def test_lesson_marked_again_keeps_the_first_date(as_ada: Client, icons: ProductConfiguration) -> None:
    lesson = add_lesson(icons, "Grids")
    buy(as_ada, icons)
    as_ada.post(f"{player(lesson)}done/")
    first = LessonProgress.objects.get().completed_at
    as_ada.post(f"{player(lesson)}done/")
    assert LessonProgress.objects.get().completed_at == first


def test_export_and_deletion_include_progress(as_ada: Client, ada: User, icons: ProductConfiguration) -> None:
    lesson = add_lesson(icons, "Grids")
    buy(as_ada, icons)
    as_ada.post(f"{player(lesson)}done/")
    entries: Any = collect(ada)["lessons"]
    [entry] = entries
    assert (entry["product"], entry["lesson"]) == ("Icon set", "Grids")
    assert entry["opened"]
    assert entry["completed"]
    assert delete_account(ada) == []
    assert not LessonProgress.objects.exists()
    assert Lesson.objects.filter(pk=lesson.pk).exists()


# --- free previews --------------------------------------------------------------------------------------------


def test_preview_is_public_while_the_product_is_on_sale(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    lesson = add_lesson(icons, "Grids", is_preview=True, text="*Draw* one.", plan="team")
    lesson.video_file.save("grids.mp4", ContentFile(VIDEO))
    hidden = add_lesson(icons, "Curves", text="The secret of curves")
    buy(as_ada, icons)
    assert preview(lesson) in text_of(Client(), "/store/icon-set/")
    page = text_of(Client(), preview(lesson))
    assert "<em>Draw</em>" in page
    assert "Curves" in page
    assert f"/lessons/{hidden.pk}/" not in page
    assert f"{preview(lesson)}video/" in page
    assert as_ada.get(preview(lesson))["Location"] == player(lesson)
    for status in (ProductConfiguration.Status.DRAFT, ProductConfiguration.Status.HIDDEN):
        ProductConfiguration.objects.update(status=status)
        for client in (Client(), as_bob):
            assert client.get(preview(lesson)).status_code == 404
            assert client.get(f"{preview(lesson)}video/").status_code == 404
            assert "Grids" not in client.get("/store/icon-set/").content.decode()
        assert as_ada.get(player(lesson)).status_code == 200
        assert as_ada.get(preview(lesson))["Location"] == player(lesson)
        assert as_ada.get(f"{preview(lesson)}video/").status_code == 200


def test_product_archived_at_stripe_has_no_public_preview(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    lesson = add_lesson(icons, "Grids", is_preview=True)
    icons.product.active = False
    icons.product.save()
    assert Client().get(preview(lesson)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_preview_flag_that_is_removed_closes_the_page(
    icons: ProductConfiguration, cached_pages: None
) -> None:
    lesson = add_lesson(icons, "Grids", is_preview=True)
    assert preview(lesson) in text_of(Client(), "/store/icon-set/")
    lesson.is_preview = False
    lesson.save()
    assert Client().get(preview(lesson)).status_code == 404
    assert preview(lesson) not in text_of(Client(), "/store/icon-set/")


# --- videos ---------------------------------------------------------------------------------------------------


def directives(client: Client, path: str) -> dict[str, str]:
    policy = client.get(path)["Content-Security-Policy"]
    pairs = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _space, value in pairs}


def test_each_page_allows_frames_of_its_own_videos_only(as_ada: Client, icons: ProductConfiguration) -> None:
    youtube = add_lesson(icons, "Grids", video=YOUTUBE, is_preview=True)
    both = add_lesson(icons, "Curves", video=PEERTUBE, text="https://vimeo.com/76979871")
    text = add_lesson(icons, "Colours", text=f"See {YOUTUBE} there.")
    buy(as_ada, icons)
    nocookie = "https://www.youtube-nocookie.com"
    assert directives(as_ada, player(youtube))["frame-src"] == nocookie
    assert directives(as_ada, player(both))["frame-src"] == "https://framatube.org https://player.vimeo.com"
    for path in (player(text), CONTENTS, "/purchases/icon-set/", "/store/icon-set/"):
        assert "frame-src" not in directives(as_ada, path), path
        assert "media-src" not in directives(as_ada, path), path
    assert directives(Client(), preview(youtube))["frame-src"] == nocookie
    assert "script-src 'self'" in as_ada.get(player(youtube))["Content-Security-Policy"]


def test_video_in_the_text_for_owners_becomes_a_player(as_ada: Client, icons: ProductConfiguration) -> None:
    ProductConfiguration.objects.update(content=f"Welcome.\n\n{YOUTUBE}\n")
    buy(as_ada, icons)
    assert "data-video" in text_of(as_ada, "/purchases/icon-set/")
    assert directives(as_ada, "/purchases/icon-set/")["frame-src"] == "https://www.youtube-nocookie.com"


def test_page_requests_nothing_from_the_provider_before_a_click(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    lesson = add_lesson(icons, "Grids", video=YOUTUBE, text=f"More:\n{PEERTUBE}")
    buy(as_ada, icons)
    page = text_of(as_ada, player(lesson))
    assert "<iframe" not in page
    assert not re.search(r'(?:src|srcset|poster)="https?://', page)
    assert not re.search(r'<link[^>]+href="https?://(?:www\.youtube|i\.ytimg|framatube)', page)
    assert f'href="{YOUTUBE}" target="_blank" rel="noopener noreferrer"' in page


def test_address_that_no_form_has_checked_shows_no_video(as_ada: Client, icons: ProductConfiguration) -> None:
    lesson = add_lesson(icons, "Grids", video="javascript:alert(1)")
    buy(as_ada, icons)
    assert "javascript:" not in text_of(as_ada, player(lesson))
    assert "frame-src" not in directives(as_ada, player(lesson))


@pytest.fixture
def video(as_ada: Client, icons: ProductConfiguration) -> str:
    """Return the address of Ada's video."""
    lesson = add_lesson(icons, "Grids")
    lesson.video_file.save("Grids & more.mp4", ContentFile(VIDEO))
    buy(as_ada, icons)
    return f"{player(lesson)}video/"


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_own_video_is_sent_inline(as_ada: Client, video: str) -> None:
    response = as_ada.get(video)
    assert body_of(response) == VIDEO
    assert response["Content-Type"] == "video/mp4"
    assert response["Content-Disposition"] == "inline"
    assert response["Accept-Ranges"] == "bytes"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert f'src="{video}"' in text_of(as_ada, video.removesuffix("video/"))


def test_head_of_a_video_has_size_and_no_body(as_ada: Client, video: str) -> None:
    response = as_ada.head(video)
    assert (response.status_code, response["Content-Length"]) == (200, str(len(VIDEO)))
    assert response.content == b""
    assert as_ada.post(video).status_code == 405


def test_player_reads_a_video_in_parts_to_its_end(as_ada: Client, video: str) -> None:
    """Browsers request "bytes=0-" and continue where the response ended."""
    received, size, requests = b"", len(VIDEO), 0
    while len(received) < size:
        response = as_ada.get(video, headers={"range": f"bytes={len(received)}-"})
        assert response.status_code == 206
        part = body_of(response)
        end = len(received) + len(part) - 1
        assert response["Content-Range"] == f"bytes {len(received)}-{end}/{size}"
        assert response["Content-Length"] == str(len(part))
        received += part
        requests += 1
    assert received == VIDEO
    assert 1 < requests <= 4


@pytest.mark.parametrize(
    ("requested", "status", "length"),
    [
        ("bytes=0-1", 206, 2),
        ("bytes=100-900099", 206, 900000),
        ("bytes=-10", 206, 10),
        ("bytes=9999999-", 416, 0),
    ],
)
def test_closed_ranges_of_a_video_are_exact(
    as_ada: Client, video: str, requested: str, status: int, length: int
) -> None:
    response = as_ada.get(video, headers={"range": requested})
    assert response.status_code == status
    assert len(body_of(response)) == length


def test_playing_takes_no_slot_of_downloads(
    as_ada: Client, video: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_slots, "MAX_FILES", 0)
    assert as_ada.get(video, headers={"range": "bytes=0-"}).status_code == 206


@override_settings(DOWNLOADS_SERVED_BY="nginx")
def test_proxy_sends_the_video_inline(as_ada: Client, video: str) -> None:
    response = as_ada.get(video)
    assert response["X-Accel-Redirect"].startswith("/protected-downloads/videos/")
    assert response["Content-Disposition"] == "inline"
    assert response["Content-Type"] == "video/mp4"


def test_file_that_is_missing_is_404(as_ada: Client, video: str) -> None:
    file = Lesson.objects.get().video_file
    file.storage.delete(str(file.name))
    assert as_ada.get(video).status_code == 404


# --- large courses and hostile texts ----------------------------------------------------------------------------


def create_course(configuration: ProductConfiguration, count: int) -> list[Lesson]:
    sections = [
        Section(configuration=configuration, title=f"Part {n}", position=n) for n in range(count // 10)
    ]
    Section.objects.bulk_create(sections)
    lessons = [
        Lesson(section=section, title=f"Lesson {n} of this part", position=n, text="Text " * 500)
        for section in sections
        for n in range(10)
    ]
    return Lesson.objects.bulk_create(lessons)


def count_queries(client: Client, path: str) -> tuple[int, int]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(path)
    assert response.status_code == 200
    return len(queries), len(response.content)


def test_200_lessons_need_as_many_queries_as_10(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    small, large = create_course(icons, 10), create_course(club, 200)
    large[0].is_preview = small[0].is_preview = True
    for lesson in (small[0], large[0]):
        lesson.save()
    buy(as_ada, icons)
    buy(as_ada, club)
    now = timezone.now()
    LessonProgress.objects.bulk_create(
        LessonProgress(user=ada, lesson=lesson, opened_at=now, completed_at=now) for lesson in large[:150]
    )
    for client, path, number in (
        (as_ada, "/purchases/{}/lessons/", None),
        (as_ada, "/purchases/{}/", None),
        (as_ada, "/purchases/{}/lessons/{}/", 5),
        (Client(), "/store/{}/", None),
        (Client(), "/store/{}/lessons/{}/", 0),
    ):
        few, _bytes = count_queries(client, path.format("icon-set", small[number or 0].pk))
        many, size = count_queries(client, path.format("maker-club", large[number or 0].pk))
        assert few == many, path
        assert size < 150_000, path


def test_titles_with_html_are_shown_as_text(as_ada: Client, icons: ProductConfiguration) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
    lesson = add_lesson(icons, evil, section=evil, is_preview=True, video=YOUTUBE, text="<script>x</script>")
    add_lesson(icons, evil, section=evil, plan="<b>plan</b>")
    lesson.video_file.save("a.mp4", ContentFile(VIDEO))
    buy(as_ada, icons)
    pages = [(as_ada, path) for path in (CONTENTS, player(lesson), "/purchases/icon-set/")]
    for client, path in (*pages, (Client(), "/store/icon-set/"), (Client(), preview(lesson))):
        page = text_of(client, path)
        assert "<img src=x" not in page, path
        assert "<script>" not in page.replace('<script type="application/ld+json">', ""), path
        assert "<b>plan" not in page, path
