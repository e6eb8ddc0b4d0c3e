"""Who may see what: every address of the site, for everybody there is, in one table.

A new address is in the URL configuration, so it is found; without a row here this test fails.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.addresses import WHO, Shop, every_address, read

pytestmark = pytest.mark.django_db

# login: first sign in, then back here. store: to the product, which one has to buy. in: the page, or what the
# operator may do there. To add somebody: WHO in addresses.py, and a column here.
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
purchases                                         login    200      200      200      200      200
purchase_changes                                  login    200      200      200      200      200
purchase                                          login    404      200      200      404      404
purchase_status                                   login    404      200      200      404      404
purchase_manage                                   405      405      405      405      405      405
purchase_cancel                                   405      405      405      405      405      405
purchased_product                                 login    store    200      store    store    store
purchased_download                                login    store    200      store    store    store
stripe_webhook                                    405      405      405      405      405      405
webhooks/stripe                                   405      405      405      405      405      405
account                                           login    200      200      200      200      200
account_export                                    login    302      302      302      302      302
account_delete                                    login    302      302      302      302      302
account_confirm_first                             login    302      302      302      302      302
account_undo_email_change                         200      200      200      200      200      200
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
stripe_sandbox:portal_cancel                      200      200      200      200      200      200
stripe_sandbox:portal_resume                      405      405      405      405      405      405
stripe_sandbox:receipt                            200      200      200      200      200      200
stripe_sandbox:pay_invoice                        405      405      405      405      405      405
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

# What a form without a word in it is answered; addresses that are not here take no forms (405).
POST = """
                                                  visitor  stranger owner    refunded unproven staff
language                                          302      302      302      302      302      302
theme                                             302      302      302      302      302      302
buy                                               302      303      303      303      303      303
purchase_manage                                   login    404      302      302      404      404
purchase_cancel                                   login    404      302      302      404      404
purchased_product                                 405      405      405      405      405      405
purchased_download                                405      405      405      405      405      405
stripe_webhook                                    400      400      400      400      400      400
webhooks/stripe                                   400      400      400      400      400      400
account                                           login    200      200      200      200      200
account_delete                                    login    302      302      302      302      302
account_undo_email_change                         200      200      200      200      200      200
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
stripe_sandbox:portal_cancel                      303      303      303      303      303      303
stripe_sandbox:portal_resume                      303      303      303      303      303      303
stripe_sandbox:pay_invoice                        302      302      302      302      302      302
stripe_sandbox:switches                           404      404      404      404      404      422
stripe_sandbox:act                                404      404      404      404      404      422
stripe_sandbox:rest_at_root                       401      401      401      401      401      401
"""

# Django's own way in and out of the admin: ours is /accounts/login/, and the wrong person is told so.
DOORS = {
    "admin:login": ["login", "403", "403", "403", "302", "302"],  # unproven: off to set up a second factor
    "admin:logout": ["302", "302", "302", "302", "302", "405"],
}


def rows(table: str) -> dict[str, list[str]]:
    head, *lines = table.strip().splitlines()
    assert tuple(head.split()) == WHO
    return {name: answers for name, *answers in (line.split() for line in lines)}


def word(response: Any) -> str:
    where = response.headers.get("Location", "")
    if response.status_code == 302 and "/login/?next=" in where:
        return "login"
    return "store" if where.startswith("/store/?product=") else str(response.status_code)


def test_every_url_has_an_access_row() -> None:
    known, found = rows(GET).keys() - {"admin"}, {a.name for a in every_address() if not a.is_admins}
    assert not found - known, f"Who may see {sorted(found - known)}? Say it in the tables of test_access.py."
    assert not known - found, f"{sorted(known - found)} are gone: take their rows out of test_access.py."


def test_each_role_reads_only_permitted_urls_uncached(open_shop: Shop) -> None:
    """Keeping is what proxies, CDNs and the next person at the same computer would do."""
    expected, visitors = rows(GET), {}
    for who in WHO:
        client = open_shop.client(who)
        for address in every_address():
            if address.is_admins:
                continue
            response = read(client.get(open_shop.path(address, who)))
            assert word(response) == expected[address.name][WHO.index(who)], (who, address.name)
            same = visitors.setdefault(address.name, (response.status_code, response.body))
            kept = response.headers["Cache-Control"]
            if who != "visitor" and "no-store" not in kept:
                assert same == (response.status_code, response.body), (who, address.name, kept)
                assert "set-cookie" not in response.headers, (who, address.name)


def test_each_role_posts_only_to_permitted_urls(open_shop: Shop) -> None:
    expected = rows(POST)
    for who in WHO:
        client = open_shop.client(who)
        for address in every_address():
            if (
                address.is_admins or address.name == "stripe_sandbox:start_over"
            ):  # that one starts over, indeed
                continue
            if address.name in expected:
                answer = word(read(client.post(open_shop.path(address, who))))
                assert answer == expected[address.name][WHO.index(who)], (who, address.name)
            elif who == "owner":
                answer = word(read(client.post(open_shop.path(address, who))))
                assert answer in ("404", "405"), (
                    f"{address.name} takes a form: say who may, in the table POST."
                )
            if address.name == "account_logout":
                client = open_shop.client(who)


def test_only_operators_open_the_admin(open_shop: Shop) -> None:
    for who in WHO:
        client, expected = open_shop.client(who), rows(GET)["admin"][WHO.index(who)]
        for address in filter(lambda address: address.is_admins, every_address()):
            response = client.get(open_shop.path(address, who))
            answer = word(response)
            assert "no-store" in response.headers["Cache-Control"], (who, address.name)
            if address.name in DOORS:
                assert answer == DOORS[address.name][WHO.index(who)], (who, address.name)
            elif expected == "in":
                assert answer in ("200", "302", "403", "404", "405"), (who, address.name)
            else:
                assert answer == expected, (who, address.name)
