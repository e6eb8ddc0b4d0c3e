from playwright.sync_api import Locator, Page


class LessonPage:
    """The player: a lesson, with the list of all lessons next to it, or below it on phones."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.play_button = page.get_by_role("button", name="Play")
        self.provider_link = page.get_by_role("link", name="Play")
        self.frame = page.locator("iframe")
        self.video = page.locator("video")
        self.done_button = page.get_by_role("button", name="Done")
        self.not_done_button = page.get_by_role("button", name="Mark as not done")
        self.next_link = page.locator("a[rel=next]")
        self.previous_link = page.locator("a[rel=prev]")
        self.progress = page.get_by_role("progressbar")
        self.lessons = page.get_by_role("navigation", name="Lessons", exact=True)

    def done_lessons(self) -> Locator:
        return self.lessons.get_by_role("listitem").filter(has_text="Done")


class LessonOrder:
    """The admin's page of a product's sections and lessons."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator(".course > li")
        self.status = page.locator(".course__status")

    def goto(self, configuration_id: int) -> "LessonOrder":
        self.page.goto(f"/admin/ecommerce/lesson/of-product/{configuration_id}/")
        return self

    def titles(self) -> list[str]:
        return self.rows.locator(".course__name").all_inner_texts()

    def move_button(self, title: str, direction: str) -> Locator:
        return self.page.get_by_role("button", name=f"Move {title} {direction}", exact=True)

    def drag(self, title: str, above: str) -> None:
        handle = self.rows.filter(has_text=title).locator(".course__handle")
        target = self.rows.filter(has_text=above)
        start, end = handle.bounding_box(), target.bounding_box()
        assert start
        assert end
        self.page.mouse.move(start["x"] + 5, start["y"] + 5)
        self.page.mouse.down()
        self.page.mouse.move(end["x"] + 40, end["y"] + 3, steps=10)
        self.page.mouse.up()
