"""A course in the browser: watch, mark as done, resume, previews, and the order in the admin."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.ecommerce.models import Lesson, ProductConfiguration, Section
from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.pages.lessons import LessonOrder, LessonPage
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import buy_without_browser, sign_in

VIDEO = Path(__file__).parent / "files/lesson.webm"  # not MP4, which Playwright's own Chromium can't play
YOUTUBE = "https://www.youtube.com/watch?v=aqz-KE-bpKQ"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@pytest.fixture
def course(goods: ProductConfiguration) -> list[Lesson]:
    lessons = []
    for number, (section, title, fields) in enumerate(
        [
            ("Basics", "Grids", {"is_preview": True, "video": YOUTUBE, "text": "Draw **one**."}),
            (
                "Basics",
                f"Curves of {LONG}",
                {"text": f"Look:\n\n{YOUTUBE}\n\n| a | b |\n|---|---|\n| c | d |"},
            ),
            ("For teams", "Together", {"plan": "team"}),
            ("For teams", "Colours", {}),
        ]
    ):
        row, _created = Section.objects.get_or_create(configuration=goods, title=section)
        lessons.append(Lesson.objects.create(section=row, title=title, position=number, **fields))
    return lessons


def open_lesson(page: Page, lesson: Lesson) -> LessonPage:
    page.goto(lesson.get_absolute_url())
    return LessonPage(page)


@both_screens
def test_owner_goes_through_a_course_and_resumes(
    page: Page, ada: User, goods: ProductConfiguration, course: list[Lesson]
) -> None:
    buy_without_browser(ada, goods.slug)
    GatedPage(sign_in(page, ada)).goto(goods.slug)
    page.get_by_role("link", name="Start: Grids").click()
    lesson = LessonPage(page)
    expect(lesson.heading).to_have_text("Grids")
    expect(lesson.play_button).to_be_visible()
    found = problems(page, "lesson")
    lesson.done_button.click()
    expect(lesson.heading).to_contain_text("Curves")
    expect(lesson.done_lessons()).to_have_count(1)
    expect(lesson.progress).to_have_js_property("value", 1)
    found += problems(page, "lesson with long words")
    lesson.next_link.click()
    expect(lesson.heading).to_have_text("Colours")  # Together is for another plan
    lesson.previous_link.click()
    GatedPage(page).goto(goods.slug)
    found += problems(page, "owned page with lessons")
    page.get_by_role("link", name=re.compile("^Continue: Curves")).click()
    expect(lesson.heading).to_contain_text("Curves")
    page.goto(f"/purchases/{goods.slug}/lessons/")
    found += problems(page, "contents")
    page.get_by_role("link", name="Together").click()
    expect(ProductPage(page).heading).to_have_text(goods.product.name)
    found += problems(page, "product with lessons")
    assert not found, "\n".join(found)


def test_video_loads_after_the_button_is_pressed_by_keyboard(
    browser: Browser, base_url: str, ada: User, goods: ProductConfiguration, course: list[Lesson]
) -> None:
    """The browser context may request other sites, whose responses are simulated."""
    buy_without_browser(ada, goods.slug)
    context = browser.new_context(base_url=base_url)
    requested: list[str] = []
    context.route(
        re.compile(r"https://www\.youtube-nocookie\.com/"),
        lambda route: (requested.append(route.request.url), route.fulfill(body="A video"))[-1],
    )
    page = context.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if message.type == "error" else None)
    lesson = open_lesson(sign_in(page, ada), course[0])
    expect(lesson.play_button).to_be_visible()
    assert not requested
    lesson.play_button.focus()
    page.keyboard.press("Space")
    expect(lesson.frame).to_be_focused()
    expect(lesson.frame.content_frame.get_by_text("A video")).to_be_visible()
    assert requested == ["https://www.youtube-nocookie.com/embed/aqz-KE-bpKQ?autoplay=1&rel=0"]
    assert not blocked
    page.evaluate("document.querySelector('iframe').src = 'https://player.vimeo.com/video/1'")
    page.wait_for_timeout(300)
    assert any("frame-src" in text for text in blocked)
    context.close()


@on_phone
@without_javascript
def test_course_works_without_javascript(
    page: Page, ada: User, goods: ProductConfiguration, course: list[Lesson]
) -> None:
    buy_without_browser(ada, goods.slug)
    lesson = open_lesson(sign_in(page, ada), course[0])
    expect(lesson.provider_link).to_have_attribute("href", YOUTUBE)
    expect(lesson.provider_link).to_have_attribute("target", "_blank")
    lesson.done_button.click()
    expect(lesson.heading).to_contain_text("Curves")
    lesson.previous_link.click()
    lesson.not_done_button.click()
    expect(lesson.done_lessons()).to_have_count(0)


def test_own_video_plays_and_jumps(
    page: Page, ada: User, goods: ProductConfiguration, course: list[Lesson]
) -> None:
    course[3].video_file.save("lesson.webm", ContentFile(VIDEO.read_bytes()))
    buy_without_browser(ada, goods.slug)
    lesson = open_lesson(sign_in(page, ada), course[3])
    lesson.video.evaluate("video => { video.muted = true; return video.play(); }")
    lesson.video.evaluate("video => { video.currentTime = 18; }")
    expect(lesson.video).to_have_js_property("ended", True)
    assert lesson.video.evaluate("video => video.error") is None


def test_visitor_watches_a_free_preview(
    page: Page, goods: ProductConfiguration, course: list[Lesson]
) -> None:
    ProductPage(page).goto(goods.slug)
    expect(page.get_by_role("link", name="Together")).to_have_count(0)
    page.get_by_role("link", name="Grids").click()
    expect(LessonPage(page).heading).to_have_text("Grids")
    expect(page.get_by_text("Draw one.")).to_be_visible()
    assert not problems(page, "preview")
    page.get_by_role("main").get_by_role("link", name="View the product").click()
    expect(ProductPage(page).heading).to_have_text(goods.product.name)


@pytest.mark.parametrize("change", ["signed in again", "signed out"])
def test_order_of_a_page_that_is_out_of_date_is_not_called_saved(
    page: Page, olive: User, goods: ProductConfiguration, course: list[Lesson], change: str
) -> None:
    order = LessonOrder(sign_in(page, olive)).goto(goods.pk)
    if change == "signed out":
        page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    else:
        token = {"name": settings.CSRF_COOKIE_NAME, "value": "a" * 32, "url": settings.SITE_URL}
        page.context.add_cookies([token])  # type: ignore[list-item]
    order.drag("Together", above="Grids")
    expect(order.status).to_have_text("The order was not saved. Reload the page and try again.")
    assert [lesson.title for lesson in Lesson.objects.order_by("position")][-2:] == ["Together", "Colours"]


def test_founder_changes_the_order_by_keyboard_and_by_drag(
    page: Page,
    new_context: Callable[..., BrowserContext],
    olive: User,
    goods: ProductConfiguration,
    course: list[Lesson],
) -> None:
    order = LessonOrder(sign_in(page, olive)).goto(goods.pk)
    assert order.titles()[-2:] == ["Together", "Colours"]
    order.move_button("Colours", "up").focus()
    page.keyboard.press("Enter")
    expect(order.move_button("Colours", "up")).to_be_focused()
    assert order.titles()[-2:] == ["Colours", "Together"]
    order.drag("Together", above="Colours")
    expect(order.status).to_have_text("The order is saved.")
    order.drag("For teams", above="Basics")
    expect(order.rows.first).to_contain_text("For teams")
    page.reload()
    assert [title.split()[0] for title in order.titles()] == [
        "For",
        "Together",
        "Colours",
        "Basics",
        "Grids",
        "Curves",
    ]
