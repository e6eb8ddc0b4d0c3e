"""Passkeys, authenticator app and sessions, in the Security section of the account page."""

from playwright.sync_api import Page


class Security:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.rows = page.get_by_role("main").get_by_role("listitem")
        self.codes = page.locator(".codes li")

    def open(self, link: str) -> "Security":
        """Open one of the Security pages by its name on the account page."""
        self.page.goto("/accounts/")
        self.page.get_by_role("region", name="Security").get_by_role("link", name=link).click()
        return self

    def reauthenticate(self, password: str) -> None:
        """Type the password that sensitive changes require."""
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Confirm", exact=True).click()

    def type_code(self, code: str) -> None:
        """Type the e-mailed code and return from the mailbox, because a hidden page can't create a passkey."""
        self.page.bring_to_front()
        self.page.get_by_label("Code").fill(code)
        self.page.get_by_role("button", name="Confirm", exact=True).click()

    def make_passkey(self) -> None:
        self.page.get_by_role("button", name="Make the passkey").click()


def add_virtual_authenticator(page: Page) -> None:
    """Add a virtual authenticator that approves every request."""
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
