import re

from playwright.sync_api import Page


class SignUp:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.sign_in_link = page.get_by_role("main").get_by_role("link", name="Sign in")

    def goto(self) -> "SignUp":
        self.page.goto("/accounts/signup/")
        return self

    def submit(self, email: str, password: str) -> None:
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Create account").click()


class SignIn:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.errors = page.get_by_role("alert")

    def goto(self) -> "SignIn":
        self.page.goto("/accounts/login/")
        return self

    def submit(self, email: str, password: str) -> None:
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()

    def use_passkey(self) -> None:
        self.page.get_by_role("button", name="Sign in with a passkey").click()

    def ask_for_code(self, email: str) -> None:
        self.page.get_by_role("link", name="Send me a code by mail").click()
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_role("button", name="Request Code").click()

    def submit_second_factor(self, code: str) -> None:
        self.page.get_by_label("Code").fill(code)
        self.page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()

    def open_password_reset(self) -> None:
        self.page.get_by_role("link", name="Forgot").click()


class AccountMenu:
    """The menu in the header of every page, for signed-in users."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.button = page.get_by_role("banner").locator("summary", has_text="Account menu")

    def sign_out(self) -> None:
        self.button.click()
        self.page.get_by_role("banner").get_by_role("button", name="Sign out").click()


class PasswordReset:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)

    def request(self, email: str) -> None:
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_role("main").get_by_role("button").click()

    def choose(self, password: str) -> None:
        self.page.get_by_label("New password", exact=True).fill(password)
        self.page.get_by_label("New password, once more").fill(password)
        self.page.get_by_role("button", name="Save new password").click()


class Mailbox:
    """The development mailbox."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open_link_in(self, subject: str) -> None:
        """Open the newest e-mail with this text in its subject and follow its link."""
        self.page.goto("/dev/mail/")
        self.page.get_by_role("link", name=subject).first.click()
        self.page.get_by_role("article").get_by_role("link", name="http").first.click()

    def newest_code(self) -> str:
        """Return the code in the newest sign-in e-mail."""
        self.page.goto("/dev/mail/")
        self.page.get_by_role("link", name="Sign-In Code").first.click()
        found = re.search(r"[A-Z]{4}-[A-Z]{4}", self.page.get_by_role("article").inner_text())
        assert found
        return found[0]
