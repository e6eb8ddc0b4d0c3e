"""Passkeys, authenticator app and sessions, in the Security section of the account page."""

from playwright.sync_api import Page

PASSKEYS, SECOND_FACTORS, SESSIONS = "/accounts/2fa/webauthn/", "/accounts/2fa/", "/accounts/sessions/"


class Security:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.rows = page.get_by_role("main").get_by_role("listitem")
        self.codes = page.locator(".codes li")

    def open(self, path: str) -> "Security":
        """Open one of the Security pages by its link on the account page."""
        self.page.goto("/accounts/")
        self.page.locator(f"a[href='{path}']").click()
        return self

    def reauthenticate(self, password: str) -> None:
        """Type the password that sensitive changes require."""
        self.page.locator("[name=password]").fill(password)
        self.page.get_by_role("main").locator("[type=submit]").first.click()

    def type_code(self, code: str) -> None:
        """Type the e-mailed code and return from the mailbox, because a hidden page can't create a passkey."""
        self.page.bring_to_front()
        self.page.locator("[name=code]").fill(code)
        self.page.get_by_role("main").locator("[type=submit]").first.click()

    def make_passkey(self) -> None:
        self.page.locator("form[data-passkey=create] button").click()


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
