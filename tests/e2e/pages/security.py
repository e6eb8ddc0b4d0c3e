"""Passkeys, the authenticator app and the list of sessions, below Security on the account page."""

from playwright.sync_api import Page


class Security:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.rows = page.get_by_role("main").get_by_role("listitem")
        self.codes = page.locator(".codes li")

    def open(self, link: str) -> "Security":
        """One of the pages that the account page names below Security."""
        self.page.goto("/accounts/")
        self.page.get_by_role("region", name="Security").get_by_role("link", name=link).click()
        return self

    def prove(self, password: str) -> None:
        """Types the password that important changes ask for."""
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Confirm", exact=True).click()

    def type_code(self, code: str) -> None:
        """The code that came by mail; back from the mailbox, because a browser makes no passkey in the background."""
        self.page.bring_to_front()
        self.page.get_by_label("Code").fill(code)
        self.page.get_by_role("button", name="Confirm", exact=True).click()

    def make_passkey(self) -> None:
        self.page.get_by_role("button", name="Make the passkey").click()


def plug_in_authenticator(page: Page) -> None:
    """The phone or computer of this browser keeps passkeys from now on, and says yes to whatever it is asked."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
