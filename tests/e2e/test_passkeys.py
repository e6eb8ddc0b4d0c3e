"""Passkeys in a browser with a virtual authenticator."""

import re

from playwright.sync_api import Page, expect

from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.pages.account import AccountMenu, SignIn
from tests.e2e.pages.library import Library
from tests.e2e.pages.security import PASSKEYS, Security, add_virtual_authenticator
from tests.e2e.users import PASSWORD_OF_ADA


def test_passkey_is_added_and_signs_in(page: Page, ada: User) -> None:
    add_virtual_authenticator(page)
    security, sign_in = Security(page), SignIn(page)
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    security.open(PASSKEYS)
    page.locator("a[href='/accounts/2fa/webauthn/add/']").click()
    security.reauthenticate(PASSWORD_OF_ADA)
    page.locator("[name=name]").fill("The grey laptop")
    security.make_passkey()
    expect(security.codes).to_have_count(10)
    security.open(PASSKEYS)
    expect(security.rows).to_contain_text("The grey laptop")
    found = problems(page, "passkeys")

    AccountMenu(page).sign_out()
    sign_in.goto().use_passkey()
    expect(Library(page).heading).to_have_text("My purchases")

    AccountMenu(page).sign_out()
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    expect(page).to_have_url(re.compile("/accounts/2fa/authenticate/"))
    found += problems(page, "second step")
    sign_in.use_passkey()
    expect(Library(page).heading).to_have_text("My purchases")

    security.open(PASSKEYS)
    security.rows.locator("a[href*='/remove/']").click()
    page.locator("a[href^='/accounts/2fa/webauthn/reauthenticate/']").click()
    sign_in.use_passkey()
    page.get_by_role("main").get_by_role("button").click()
    expect(security.rows).to_have_count(0)
    assert not found, "\n".join(found)


def test_browser_without_passkeys_shows_an_error(page: Page, shop: None) -> None:
    add_virtual_authenticator(page)
    SignIn(page).goto().use_passkey()
    expect(page.get_by_role("alert")).to_be_visible()
