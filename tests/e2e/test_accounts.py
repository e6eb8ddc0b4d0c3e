"""Sign-up, sign-in, sign-out and password reset. E-mails are read in the development mailbox."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from apps.users.models import User
from tests.e2e.pages.account import AccountMenu, Mailbox, PasswordReset, SignIn, SignUp
from tests.e2e.pages.library import Library
from tests.e2e.screens import both_screens, on_phone
from tests.e2e.users import NEW_PASSWORD, PASSWORD_OF_ADA


@both_screens
def test_sign_up_sign_out_and_sign_in(page: Page, shop: None) -> None:
    SignUp(page).goto().submit("grace@example.com", NEW_PASSWORD)
    expect(Library(page).heading).to_have_text("My purchases")
    AccountMenu(page).sign_out()
    expect(page.get_by_role("banner").locator("a[href^='/accounts/login/']")).to_be_visible()

    SignIn(page).goto().submit("Grace@Example.com", NEW_PASSWORD)
    expect(Library(page).heading).to_have_text("My purchases")


def test_address_with_an_account_is_not_signed_up_twice(page: Page, ada: User) -> None:
    SignUp(page).goto().submit(ada.email, NEW_PASSWORD)
    expect(page.get_by_role("banner").locator("a[href^='/accounts/login/']")).to_be_visible()
    assert User.objects.count() == 1


@on_phone
def test_forgotten_password_is_reset_by_email(page: Page, ada: User, settings: Any) -> None:
    settings.DEBUG = True  # the mailbox exists in development only
    SignIn(page).goto().open_password_reset()
    reset = PasswordReset(page)
    reset.request(ada.email)
    expect(page).to_have_url(re.compile("/accounts/password/reset/done/$"))

    Mailbox(page).open_link_in()
    reset.choose(NEW_PASSWORD)
    expect(page).to_have_url(re.compile("/accounts/password/reset/key/done/$"))

    sign_in = SignIn(page).goto()
    sign_in.submit(ada.email, PASSWORD_OF_ADA)
    expect(sign_in.errors).to_be_visible()
    sign_in.submit(ada.email, NEW_PASSWORD)
    expect(Library(page).heading).to_have_text("My purchases")


def test_address_is_verified_by_email(page: Page, shop: None, settings: Any) -> None:
    settings.DEBUG = True
    SignUp(page).goto().submit("grace@example.com", NEW_PASSWORD)
    expect(Library(page).heading).to_have_text("My purchases")
    Mailbox(page).open_link_in()
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("grace@example.com")
