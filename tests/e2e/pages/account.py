import re

from playwright.sync_api import Page


class SignUp:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.sign_in_button = page.locator("button[formaction='/accounts/signup/sign-in/']")

    def goto(self) -> "SignUp":
        self.page.goto("/accounts/signup/")
        return self

    def submit(self, email: str, password: str) -> None:
        self.page.locator("[name=email]").fill(email)
        self.page.locator("[name=password1]").fill(password)
        self.page.get_by_role("main").locator("[type=submit]").first.click()


class SignIn:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.errors = page.get_by_role("alert")

    def goto(self) -> "SignIn":
        self.page.goto("/accounts/login/")
        return self

    def submit(self, email: str, password: str) -> None:
        self.page.locator("[name=login]").fill(email)
        self.page.locator("[name=password]").fill(password)
        self.page.get_by_role("main").locator("[type=submit]").first.click()

    def use_passkey(self) -> None:
        self.page.locator("form[data-passkey=get] button").click()

    def ask_for_code(self, email: str) -> None:
        self.page.get_by_role("main").locator("a[href^='/accounts/login/code/']").click()
        self.page.locator("[name=email]").fill(email)
        self.page.get_by_role("main").locator("[type=submit]").first.click()

    def submit_second_factor(self, code: str) -> None:
        self.page.locator("[name=code]").fill(code)
        self.page.get_by_role("main").locator("[type=submit]").first.click()

    def open_password_reset(self) -> None:
        self.page.locator("a[href^='/accounts/password/reset/']").click()


class AccountMenu:
    """The menu in the header of every page, for signed-in users."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.button = page.get_by_role("banner").locator("summary")

    def sign_out(self) -> None:
        self.button.click()
        self.page.locator("form[action='/accounts/logout/'] button").click()


class PasswordReset:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)

    def request(self, email: str) -> None:
        self.page.locator("[name=email]").fill(email)
        self.page.get_by_role("main").locator("[type=submit]").click()

    def choose(self, password: str) -> None:
        self.page.locator("[name=password1]").fill(password)
        self.page.locator("[name=password2]").fill(password)
        self.page.get_by_role("main").locator("[type=submit]").click()


class Mailbox:
    """The development mailbox."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open_link_in(self, subject: str = "") -> None:
        """Open the newest e-mail, of those with this text in the subject, and follow its link."""
        self._open_newest(subject)
        self.page.get_by_role("article").get_by_role("link", name="http").first.click()

    def newest_code(self) -> str:
        """Return the code in the newest sign-in e-mail."""
        self._open_newest()
        found = re.search(r"[A-Z]{4}-[A-Z]{4}", self.page.get_by_role("article").inner_text())
        assert found
        return found[0]

    def _open_newest(self, subject: str = "") -> None:
        self.page.goto("/dev/mail/")
        self.page.locator(".mail__subject", has_text=subject).first.click()
