"""Authenticator app, recovery codes, e-mailed codes and the list of sessions."""

import re
from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from playwright.sync_api import BrowserContext, Page, expect

from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.pages.account import AccountMenu, Mailbox, SignIn
from tests.e2e.pages.library import Library
from tests.e2e.pages.security import SECOND_FACTORS, SESSIONS, Security
from tests.e2e.screens import on_phone
from tests.e2e.users import PASSWORD_OF_ADA
from tests.oauth_provider import Provider
from tests.plugins.clock import Clock, totp_code


@on_phone
def test_app_code_and_recovery_code_sign_in(page: Page, ada: User, clock: Clock) -> None:
    security, sign_in = Security(page), SignIn(page)
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    security.open(SECOND_FACTORS)
    page.locator("a[href='/accounts/2fa/totp/activate/']").click()
    security.reauthenticate(PASSWORD_OF_ADA)
    expect(page.locator(".qr__image")).to_be_visible()
    secret = page.locator(".qr__key").inner_text()
    page.locator("[name=code]").fill(totp_code(secret, clock))
    page.get_by_role("main").get_by_role("button").click()
    expect(security.codes).to_have_count(10)
    recovery = security.codes.first.inner_text()

    AccountMenu(page).sign_out()
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    sign_in.submit_second_factor("000000")
    expect(page.locator(".field__error")).to_be_visible()
    sign_in.submit_second_factor(totp_code(secret, clock))
    expect(Library(page).heading).to_have_text("My purchases")

    AccountMenu(page).sign_out()
    sign_in.goto().submit(ada.email, PASSWORD_OF_ADA)
    sign_in.submit_second_factor(recovery)
    expect(Library(page).heading).to_have_text("My purchases")
    security.open(SECOND_FACTORS)
    expect(page.get_by_role("main")).to_contain_text("9 ")
    page.locator("a[href='/accounts/2fa/totp/deactivate/']").click()
    security.reauthenticate(PASSWORD_OF_ADA)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.locator("a[href='/accounts/2fa/totp/activate/']")).to_be_visible()
    assert not Authenticator.objects.exists()


def test_emailed_code_signs_in_and_other_sessions_can_be_ended(
    page: Page, new_context: Callable[..., BrowserContext], ada: User, settings: Any
) -> None:
    settings.DEBUG = True
    other = new_context().new_page()
    SignIn(other).goto().submit(ada.email, PASSWORD_OF_ADA)

    SignIn(page).goto().ask_for_code(ada.email)
    Security(page).type_code(Mailbox(page.context.new_page()).newest_code())
    expect(Library(page).heading).to_have_text("My purchases")

    security = Security(page).open(SESSIONS)
    expect(security.rows).to_have_count(2)
    security.rows.get_by_role("button").click()
    expect(security.rows).to_have_count(1)
    other.reload()
    expect(other).to_have_url(re.compile("/accounts/login/"))

    SignIn(other).submit(ada.email, PASSWORD_OF_ADA)
    security.open(SESSIONS)
    page.locator("form[action='/accounts/sessions/'] button").click()
    expect(security.rows).to_have_count(1)
    other.reload()
    expect(other).to_have_url(re.compile("/accounts/login/"))


def test_google_and_github_buttons_are_shown(page: Page, shop: None, social: Provider) -> None:
    for path in ("/accounts/signup/", "/accounts/login/"):
        page.goto(f"{path}?next=/store/")
        for name in ("Google", "GitHub"):
            expect(page.get_by_role("button", name=name)).to_be_visible()
    found = problems(page)
    assert not found, "\n".join(found)
