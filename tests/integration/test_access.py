"""The response of each URL of the site to each role, in two tables.

New URLs are found in the URL configuration; a URL without a row fails a test.
"""

from __future__ import annotations

from typing import Any

import pytest

from apps.shop.tests import access
from tests.integration.urls import PRIVATE_TEXT, ROLES, Shop, SiteURL, read_body, site_urls

pytestmark = pytest.mark.django_db

# login: redirect to the sign-in page. store: redirect to the product in the store. in: any page of the admin.
# To add a role: add it to ROLES in urls.py, and a column here.
GET = """
                                                  visitor  stranger owner    refunded unproven staff
admin                                             login    login    login    login    login    in
home                                              200      200      200      200      200      200
terms                                             200      200      200      200      200      200
privacy                                           200      200      200      200      200      200
refunds                                           200      200      200      200      200      200
language                                          405      405      405      405      405      405
theme                                             405      405      405      405      405      405
stylesheet                                        200      200      200      200      200      200
art                                               200      200      200      200      200      200
manifest                                          200      200      200      200      200      200
media                                             200      200      200      200      200      200
readyz                                            200      200      200      200      200      200
metrics                                           404      404      404      404      404      404
robots                                            200      200      200      200      200      200
sitemap                                           200      200      200      200      200      200
sitemap_part                                      200      200      200      200      200      200
store                                             200      200      200      200      200      200
checkout_return                                   login    404      404      404      404      404
product                                           200      200      200      200      200      200
buy                                               302      303      303      303      303      303
remove_code                                       405      405      405      405      405      405
purchases                                         login    200      200      200      200      200
purchase_changes                                  login    200      200      200      200      200
purchase                                          login    404      200      200      404      404
purchase_status                                   login    404      200      200      404      404
receipt                                           login    404      200      200      404      404
purchase_manage                                   405      405      405      405      405      405
purchase_switch                                   405      405      405      405      405      405
purchase_cancel                                   405      405      405      405      405      405
find_orders                                       200      200      200      200      200      200
claim_orders                                      405      405      405      405      405      405
download_link                                     404      404      404      404      404      404
open_order                                        404      404      404      404      404      404
correct_address                                   405      405      405      405      405      405
unsubscribe                                       200      200      200      200      200      200
purchased_product                                 login    store    200      store    store    store
purchased_download                                login    store    200      store    store    store
licence_deactivate_instance                       405      405      405      405      405      405
licence_validate                                  405      405      405      405      405      405
licence_activate                                  405      405      405      405      405      405
licence_deactivate                                405      405      405      405      405      405
licence_public_key                                200      200      200      200      200      200
purchased_file                                    login    store    200      store    store    store
purchased_version                                 login    store    200      store    store    store
sample                                            200      200      200      200      200      200
lessons                                           login    store    200      store    store    store
lesson                                            login    store    200      store    store    store
lesson_video                                      login    store    200      store    store    store
lesson_done                                       405      405      405      405      405      405
lesson_preview                                    200      200      302      200      200      200
lesson_preview_video                              200      200      200      200      200      200
withdraw                                          404      404      404      404      404      404
withdrawal_received                               404      404      404      404      404      404
billing_details                                   login    200      200      200      200      200
stop_view_as_buyer                                405      405      405      405      405      405
stripe_webhook                                    405      405      405      405      405      405
webhooks/stripe                                   405      405      405      405      405      405
account                                           login    200      200      200      200      200
account_export                                    login    302      302      302      302      302
account_delete                                    login    302      302      302      302      302
account_confirm_first                             login    302      302      302      302      302
account_undo_email_change                         200      200      200      200      200      200
account_sign_in_instead                           405      405      405      405      405      405
account_login                                     200      302      302      302      302      302
account_logout                                    302      200      200      200      200      200
account_inactive                                  200      200      200      200      200      200
account_signup                                    200      302      302      302      302      302
account_reauthenticate                            login    200      200      200      200      200
account_request_reauthentication_code             login    302      302      302      302      302
account_confirm_reauthentication_code             login    302      302      302      302      302
account_email                                     login    200      200      200      200      200
account_email_verification_sent                   200      200      200      200      200      200
account_change_password                           login    200      200      200      200      200
account_set_password                              login    302      302      302      302      302
account_reset_password                            200      200      200      200      200      200
account_confirm_login_code                        302      302      302      302      302      302
account_confirm_email                             200      200      200      200      200      200
account_reset_password_from_key_done              200      200      200      200      200      200
account_reset_password_from_key                   200      200      200      200      200      200
account_reset_password_done                       200      200      200      200      200      200
mfa_add_webauthn                                  login    302      302      302      302      302
account_end_session                               405      405      405      405      405      405
account_request_login_code                        200      302      302      302      302      302
mfa_index                                         login    200      200      200      200      200
mfa_authenticate                                  302      302      302      302      302      302
mfa_reauthenticate                                login    302      302      302      302      302
mfa_activate_totp                                 login    302      302      302      302      302
mfa_deactivate_totp                               login    404      404      404      404      404
mfa_view_recovery_codes                           login    404      404      404      404      404
mfa_generate_recovery_codes                       login    302      302      302      302      302
mfa_download_recovery_codes                       login    404      404      404      404      404
mfa_list_webauthn                                 login    200      200      200      200      200
mfa_reauthenticate_webauthn                       login    302      302      302      302      302
mfa_remove_webauthn                               login    302      302      302      302      302
mfa_edit_webauthn                                 login    302      302      302      302      302
mfa_login_webauthn                                302      302      302      302      302      302
usersessions_list                                 login    200      200      200      200      200
stripe_sandbox:rest                               401      401      401      401      401      401
stripe_sandbox:checkout                           200      200      200      200      200      200
stripe_sandbox:authenticate                       405      405      405      405      405      405
stripe_sandbox:challenge                          200      200      200      200      200      200
stripe_sandbox:bank                               200      200      200      200      200      200
stripe_sandbox:portal                             200      200      200      200      200      200
stripe_sandbox:portal_payment_method              200      200      200      200      200      200
stripe_sandbox:portal_confirmation                200      200      200      200      200      200
stripe_sandbox:portal_subscription_payment_method 200      200      200      200      200      200
stripe_sandbox:portal_plans                       200      200      200      200      200      200
stripe_sandbox:portal_confirm_plan                200      200      200      200      200      200
stripe_sandbox:portal_cancel                      200      200      200      200      200      200
stripe_sandbox:portal_resume                      405      405      405      405      405      405
stripe_sandbox:receipt                            200      200      200      200      200      200
stripe_sandbox:pay_invoice                        405      405      405      405      405      405
stripe_sandbox:recover                            404      404      404      404      404      404
stripe_sandbox:authenticate_intent                404      404      404      404      404      404
stripe_sandbox:panel                              404      404      404      404      404      200
stripe_sandbox:switches                           405      405      405      405      405      405
stripe_sandbox:start_over                         405      405      405      405      405      405
stripe_sandbox:objects                            404      404      404      404      404      200
stripe_sandbox:object                             404      404      404      404      404      200
stripe_sandbox:act                                405      405      405      405      405      405
stripe_sandbox:deliveries                         404      404      404      404      404      200
stripe_sandbox:resend                             405      405      405      405      405      405
stripe_sandbox:cards                              200      200      200      200      200      200
stripe_sandbox:rest_at_root                       401      401      401      401      401      401
"""

# The response to an empty form. URLs that are not listed accept no POST (405).
POST = """
                                                  visitor  stranger owner    refunded unproven staff
language                                          302      302      302      302      302      302
theme                                             302      302      302      302      302      302
buy                                               302      303      303      303      303      303
remove_code                                       302      302      302      302      302      302
receipt                                           405      405      405      405      405      405
purchase_manage                                   login    404      302      302      404      404
purchase_switch                                   login    404      302      302      404      404
purchase_cancel                                   login    404      302      302      404      404
find_orders                                       200      200      200      200      200      200
claim_orders                                      login    302      302      302      302      302
open_order                                        404      404      404      404      404      404
correct_address                                   login    404      302      302      404      404
unsubscribe                                       302      302      302      302      302      302
purchased_product                                 405      405      405      405      405      405
purchased_download                                405      405      405      405      405      405
licence_deactivate_instance                       login    404      302      404      404      404
licence_validate                                  400      400      400      400      400      400
licence_activate                                  400      400      400      400      400      400
licence_deactivate                                400      400      400      400      400      400
purchased_file                                    405      405      405      405      405      405
purchased_version                                 405      405      405      405      405      405
sample                                            405      405      405      405      405      405
lesson_done                                       login    store    302      store    store    store
withdraw                                          404      404      404      404      404      404
billing_details                                   login    200      200      200      200      200
stop_view_as_buyer                                login    404      404      404      404      404
stripe_webhook                                    400      400      400      400      400      400
webhooks/stripe                                   400      400      400      400      400      400
account                                           login    200      200      200      200      200
account_delete                                    login    302      302      302      302      302
account_undo_email_change                         200      200      200      200      200      200
account_sign_in_instead                           302      302      302      302      302      302
account_login                                     200      302      302      302      302      302
account_logout                                    302      302      302      302      302      302
account_signup                                    200      302      302      302      302      302
account_reauthenticate                            login    200      200      200      200      200
account_request_reauthentication_code             login    302      302      302      302      302
account_confirm_reauthentication_code             login    302      302      302      302      302
account_email                                     login    302      302      302      302      302
account_change_password                           login    200      200      200      200      200
account_set_password                              login    302      302      302      302      302
account_reset_password                            200      200      200      200      200      200
account_confirm_login_code                        302      302      302      302      302      302
account_reset_password_from_key                   200      200      200      200      200      200
mfa_add_webauthn                                  login    302      302      302      302      302
account_request_login_code                        200      302      302      302      302      302
mfa_authenticate                                  302      302      302      302      302      302
mfa_reauthenticate                                login    302      302      302      302      302
mfa_activate_totp                                 login    302      302      302      302      302
mfa_generate_recovery_codes                       login    302      302      302      302      302
mfa_reauthenticate_webauthn                       login    302      302      302      302      302
mfa_remove_webauthn                               login    302      302      302      302      302
mfa_edit_webauthn                                 login    302      302      302      302      302
mfa_login_webauthn                                302      302      302      302      302      302
usersessions_list                                 login    302      302      302      302      302
stripe_sandbox:rest                               401      401      401      401      401      401
stripe_sandbox:checkout                           200      200      200      200      200      200
stripe_sandbox:authenticate                       303      303      303      303      303      303
stripe_sandbox:portal_payment_method              200      200      200      200      200      200
stripe_sandbox:portal_subscription_payment_method 200      200      200      200      200      200
stripe_sandbox:portal_confirm_plan                303      303      303      303      303      303
stripe_sandbox:portal_cancel                      303      303      303      303      303      303
stripe_sandbox:portal_resume                      303      303      303      303      303      303
stripe_sandbox:pay_invoice                        302      302      302      302      302      302
stripe_sandbox:switches                           404      404      404      404      404      422
stripe_sandbox:act                                404      404      404      404      404      422
stripe_sandbox:rest_at_root                       401      401      401      401      401      401
"""

# Django's own sign-in and sign-out pages of the admin. The shop uses /accounts/login/ instead.
ADMIN_SIGN_IN_URLS = {
    # Staff without a second factor are redirected to its setup.
    "admin:login": ["login", "403", "403", "403", "302", "302"],
    "admin:logout": ["302", "302", "302", "302", "302", "405"],
}


def rows(table: str) -> dict[str, list[str]]:
    head, *lines = table.strip().splitlines()
    assert tuple(head.split()) == ROLES
    return {name: answers for name, *answers in (line.split() for line in lines)}


def outcome(response: Any) -> str:
    location = response.headers.get("Location", "")
    if response.status_code == 302 and "/login/?next=" in location:
        return "login"
    return "store" if location.startswith("/store/?product=") else str(response.status_code)


@pytest.fixture(autouse=True)
def _without_templates_of_the_shop() -> None:
    """Open the pages with the templates of apps/shop, unlike other tests in this folder."""


def test_every_url_of_the_template_has_an_access_row() -> None:
    found = {url.name for url in site_urls() if not url.is_admin and not url.is_shop}
    assert not found - rows(GET).keys(), (
        f"Add a row for {sorted(found - rows(GET).keys())} to the tables GET and POST in test_access.py."
    )


def test_rows_of_the_shop_belong_to_urls() -> None:
    found = {url.name for url in site_urls() if url.is_shop or url.is_admin}
    for table in (access.GET, access.POST, access.PARAMETERS, access.WITHOUT_CSRF_TOKEN):
        assert not table.keys() - found, f"{table.keys() - found} in apps/shop/tests/access.py are not URLs."


def test_each_role_reads_only_permitted_urls_uncached(populated_shop: Shop) -> None:
    """A response that a cache may store is the same as the visitor's."""
    expected, visitors = rows(GET), {}
    for role in ROLES:
        client = populated_shop.client(role)
        for url, path in populated_shop.urls(role):
            if url.is_admin and not url.is_shop:
                continue
            response = read_body(client.get(path))
            if url.is_shop:
                check_shop_answer(response, url, role, access.GET)
            else:
                assert outcome(response) == expected[url.name][ROLES.index(role)], (role, url.name)
            same = visitors.setdefault(url, (response.status_code, response.body))
            cache_control = response.headers["Cache-Control"]
            if role != "visitor" and "no-store" not in cache_control:
                assert same == (response.status_code, response.body), (role, url.name, cache_control)
                assert "set-cookie" not in response.headers, (role, url.name)


def test_each_role_posts_only_to_permitted_urls(populated_shop: Shop) -> None:
    expected = rows(POST)
    for role in ROLES:
        client = populated_shop.client(role)
        for url, path in populated_shop.urls(role):
            if url.is_shop:
                check_shop_answer(read_body(client.post(path)), url, role, access.POST)
                client = populated_shop.client(role)  # the view may sign out
            elif url.is_admin or url.name == "stripe_sandbox:start_over":  # deletes the sandbox's data
                continue
            elif url.name in expected:
                answer = outcome(read_body(client.post(path)))
                assert answer == expected[url.name][ROLES.index(role)], (role, url.name)
            elif role == "owner":
                answer = outcome(read_body(client.post(path)))
                assert answer in ("404", "405"), (
                    f"{url.name} accepts POST: add a row for it to the table POST."
                )
            if url.name == "account_logout":
                client = populated_shop.client(role)


def check_shop_answer(response: Any, url: SiteURL, role: str, table: dict[str, str]) -> None:
    """Compare the answer with the row of apps/shop/tests/access.py. Without a row, check what is true of any page."""
    hint = f"{role} at {url.name}: see apps/shop/tests/access.py"
    if url.name in table:
        assert outcome(response) == table[url.name].split()[ROLES.index(role)], hint
        return
    assert response.status_code < 500, hint
    if role in ("visitor", "stranger", "refunded"):
        assert PRIVATE_TEXT.encode() not in response.body, f"shows data of another user: {hint}"


def test_only_operators_open_the_admin(populated_shop: Shop) -> None:
    for role in ROLES:
        client, expected = populated_shop.client(role), rows(GET)["admin"][ROLES.index(role)]
        for url, path in populated_shop.urls(role):
            if not url.is_admin or url.is_shop:
                continue
            response = client.get(path)
            answer = outcome(response)
            assert "no-store" in response.headers["Cache-Control"], (role, url.name)
            if url.name in access.GET:
                assert answer == access.GET[url.name].split()[ROLES.index(role)], (role, url.name)
            elif url.name in ADMIN_SIGN_IN_URLS:
                assert answer == ADMIN_SIGN_IN_URLS[url.name][ROLES.index(role)], (role, url.name)
            elif expected == "in":
                assert answer in ("200", "302", "403", "404", "405"), (role, url.name)
            else:
                assert answer == expected, (role, url.name)
