"""Passkeys in a browser with a virtual authenticator."""

from playwright.sync_api import Page, expect

from apps.users.models import User
from tests.e2e.inspect_page import complaints
from tests.e2e.pages.account import AccountMenu, SignIn
from tests.e2e.pages.library import Library
from tests.e2e.pages.security import Security, add_virtual_authenticator
from tests.e2e.users import PASSWORD_OF_ADA


def test_passkey_is_added_and_signs_in(page: Page, ada: User) -> None:
    add_virtual_authenticator(page)
    security, sign_in = Security(page), SignIn(page)
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    security.open("Passkeys")
    page.get_by_role("link", name="Add a passkey").click()
    security.reauthenticate(PASSWORD_OF_ADA)
    page.get_by_label("Name").fill("The grey laptop")
    security.make_passkey()
    expect(security.codes).to_have_count(10)
    security.open("Passkeys")
    expect(security.rows).to_contain_text("The grey laptop")
    found = complaints(page, "passkeys")

    AccountMenu(page).sign_out()
    sign_in.goto().use_passkey()
    expect(Library(page).heading).to_have_text("My purchases")

    AccountMenu(page).sign_out()
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    expect(sign_in.heading).to_have_text("The second step")
    found += complaints(page, "second step")
    page.get_by_role("button", name="Use a passkey").click()
    expect(Library(page).heading).to_have_text("My purchases")

    security.open("Passkeys")
    page.get_by_role("link", name="Remove The grey laptop").click()
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_role("main")).to_contain_text("You have none yet.")
    assert not found, "\n".join(found)


def test_browser_without_passkeys_shows_an_error(page: Page, shop: None) -> None:
    add_virtual_authenticator(page)
    SignIn(page).goto().use_passkey()
    expect(page.get_by_role("alert")).to_contain_text("this browser has no passkey for this shop")
