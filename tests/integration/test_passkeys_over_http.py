"""Passkeys over HTTP with a software authenticator: valid answers, devices without PIN, and attacks."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any, get_type_hints

import fido2.utils
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client
from fido2.utils import websafe_encode

from apps.users.models import User
from tests.account_actions import sign_in, signed_in_as
from tests.software_authenticator import SoftwareAuthenticator

pytestmark = pytest.mark.django_db

HOST = "shop.example.com"
ORIGIN = f"https://{HOST}"
LOGIN, ADD = "/accounts/2fa/webauthn/login/", "/accounts/2fa/webauthn/add/"
AUTHENTICATE, REAUTHENTICATE = "/accounts/2fa/authenticate/", "/accounts/2fa/webauthn/reauthenticate/"
SECOND_FACTOR_PAGES = ["/accounts/2fa/totp/activate/", "/accounts/2fa/recovery-codes/"]
PASSWORDS = {"ada@example.com": "ada-buys-things", "olive@example.com": "olive-runs-this"}


@pytest.fixture(autouse=True)
def _no_limit(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [HOST, "testserver"]
    settings.MFA_RATE_LIMITS = {"webauthn_login": None}
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": None, "reauthenticate": None, "login": None}


# fido2 reads the types of its dataclasses again for each object.
@pytest.fixture(autouse=True)
def _cached_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fido2.utils, "get_type_hints", cached_type_hints)


cached_type_hints = functools.cache(get_type_hints)


def browser() -> Client:
    return Client(SERVER_NAME=HOST)


def device(**changes: Any) -> SoftwareAuthenticator:
    return SoftwareAuthenticator(**{"origin": ORIGIN, "rp_id": HOST, **changes})


def authentication_options(client: Client, path: str) -> Any:
    """Return the options that the page passes to `navigator.credentials.get`."""
    if path == LOGIN:
        return client.get(path, headers={"Accept": "application/json"}).json()["request_options"]
    page = client.get(path).content.decode()
    found = re.search(r'<script id="passkey-options" type="application/json">(.+?)</script>', page)
    assert found, page
    data = json.loads(found[1])
    return data.get("creation_options") or data["request_options"]


def answer(client: Client, path: str, credential: Any) -> Any:
    text = credential if isinstance(credential, str) else json.dumps(credential)
    return client.post(path, {"name": "The laptop", "credential": text})


def recently_authenticated(user: User) -> Client:
    """Return a browser whose user typed the password just now, as adding a passkey requires."""
    client = browser()
    sign_in(client, user.email, PASSWORDS[user.email])
    client.post("/accounts/reauthenticate/", {"password": PASSWORDS[user.email]})
    return client


def add(user: User, passkey: SoftwareAuthenticator) -> Client:
    client = recently_authenticated(user)
    answer(client, ADD, passkey.create(authentication_options(client, ADD)))
    return client


@pytest.fixture
def passkey(ada: User) -> SoftwareAuthenticator:
    """Return a passkey of Ada's."""
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    new_passkey = device()
    add(ada, new_passkey)
    assert Authenticator.objects.filter(user=ada, type="webauthn").count() == 1
    return new_passkey


# --- the three forms that accept a passkey: each function returns a client and the form's path ---


def at_login(ada: User) -> tuple[Client, str]:
    return browser(), LOGIN


def at_second_factor(ada: User) -> tuple[Client, str]:
    client = browser()
    assert sign_in(client, ada.email, PASSWORDS[ada.email])["Location"] == AUTHENTICATE
    return client, AUTHENTICATE


def at_reauthentication(ada: User) -> tuple[Client, str]:
    client = browser()
    client.force_login(ada)
    assert client.get(ADD)["Location"].startswith("/accounts/")
    return client, REAUTHENTICATE


def is_accepted(client: Client, path: str) -> bool:
    if path == REAUTHENTICATE:
        return client.get(ADD).status_code == 200
    return signed_in_as(client) != ""


FORMS = [at_login, at_second_factor, at_reauthentication]
Form = Callable[[User], tuple[Client, str]]


@pytest.mark.parametrize("form", FORMS)
def test_passkey_with_user_verification_is_accepted(
    ada: User, passkey: SoftwareAuthenticator, form: Form
) -> None:
    client, path = form(ada)
    assert not is_accepted(client, path)
    answer(client, path, passkey.get(authentication_options(client, path)))
    assert is_accepted(client, path)


WRONG: dict[str, dict[str, Any]] = {
    "without user verification": {"user_verified": False},
    "another site": {"origin": "https://shop.example.net"},
    "a subdomain": {"origin": f"https://blog.{HOST}"},
    "without TLS": {"origin": f"http://{HOST}"},
    "a host with the same prefix": {"origin": f"https://{HOST}.example.net"},
    "another site's passkey": {"rp_id": "example.net"},
    "the parent domain's passkey": {"rp_id": "example.com"},
    "an unknown credential": {"credential_id": b"never seen"},
    "another key": {"key": device().key},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_wrong_answer_is_refused(ada: User, passkey: SoftwareAuthenticator, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(passkey, name, value)
    for form in FORMS:
        client, path = form(ada)
        options = authentication_options(client, path)
        assert answer(client, path, passkey.get(options)).status_code in (200, 302), path
        assert not is_accepted(client, path), path


@pytest.mark.parametrize("form", FORMS)
def test_answer_is_valid_once_for_its_own_challenge(
    ada: User, passkey: SoftwareAuthenticator, form: Form
) -> None:
    client, path = form(ada)
    overheard = passkey.get(authentication_options(client, path))
    answer(client, path, overheard)
    assert is_accepted(client, path)
    for _asked_again in range(2):
        thief, path = form(ada)
        if _asked_again:
            authentication_options(thief, path)
        answer(thief, path, overheard)
        assert not is_accepted(thief, path)
    if path == LOGIN:
        client.post("/accounts/logout/")
        answer(client, path, overheard)
        assert not is_accepted(client, path)


@pytest.mark.parametrize("form", FORMS)
def test_counter_that_does_not_increase_is_refused(ada: User, form: Form) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    key = device(counter=5)
    add(ada, key)
    for count, accepted in ((5, False), (4, False), (0, False), (6, True), (6, False), (2**32 - 1, True)):
        client, path = form(ada)
        key.counter = count
        answer(client, path, key.get(authentication_options(client, path)))
        assert is_accepted(client, path) is accepted, count


def test_synced_passkey_may_always_count_zero(ada: User, passkey: SoftwareAuthenticator) -> None:
    for _ in range(3):
        client, path = at_login(ada)
        answer(client, path, passkey.get(authentication_options(client, path)))
        assert is_accepted(client, path)


@pytest.mark.parametrize("form", FORMS)
def test_passkey_signs_in_to_its_own_account_only(
    ada: User, bob: User, passkey: SoftwareAuthenticator, form: Form
) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
    bobs, client = device(credential_id=b"Bob's"), browser()
    sign_in(client, bob.email, "bob-looks-around")
    client.post("/accounts/reauthenticate/", {"password": "bob-looks-around"})
    answer(client, ADD, bobs.create(authentication_options(client, ADD)))
    assert Authenticator.objects.filter(user=bob, type="webauthn").exists()
    client, path = form(ada)
    bobs.user_handle = passkey.user_handle
    answer(client, path, bobs.get(authentication_options(client, path)))
    assert not is_accepted(client, path)


def test_inactive_user_cannot_sign_in_by_passkey(ada: User, passkey: SoftwareAuthenticator) -> None:
    User.objects.update(is_active=False)
    client, path = at_login(ada)
    answer(client, path, passkey.get(authentication_options(client, path)))
    assert not is_accepted(client, path)


# --- adding a passkey------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", list(WRONG.values())[:-2], ids=list(WRONG)[:-2])
def test_wrong_answer_adds_no_passkey(ada: User, changes: dict[str, Any]) -> None:
    client, new_passkey = recently_authenticated(ada), device(**changes)
    page = answer(client, ADD, new_passkey.create(authentication_options(client, ADD)))
    assert page.context["form"].errors
    assert not Authenticator.objects.exists()


def test_sign_in_challenge_cannot_add_a_passkey(ada: User, passkey: SoftwareAuthenticator) -> None:
    """The session also holds this challenge."""
    client = browser()
    client.force_login(ada)
    client.post("/accounts/reauthenticate/", {"password": PASSWORDS[ada.email]})
    second = device(credential_id=b"the second")
    options = authentication_options(client, ADD)
    other = authentication_options(client, REAUTHENTICATE)
    options["publicKey"]["challenge"] = other["publicKey"]["challenge"]
    second.user_verified = False
    answer(client, ADD, second.create(options))
    assert Authenticator.objects.filter(type="webauthn").count() == 1


def test_unexpected_fields_of_a_new_passkey_are_not_stored(ada: User) -> None:
    """A database may refuse null bytes, NaN and lone surrogates in JSON."""
    client, new_passkey = recently_authenticated(ada), device()
    credential = new_passkey.create(authentication_options(client, ADD))
    credential |= {
        "more": "\x00",
        "clientExtensionResults": {"much": ["x" * 100_000, float("nan"), "\ud800"]},
    }
    assert answer(client, ADD, credential).status_code == 302
    stored = json.dumps(Authenticator.objects.get(type="webauthn").data)
    assert len(stored) < 2000
    assert not {"more", "much"} & set(re.findall(r"\w+", stored))
    other, path = at_login(ada)
    answer(other, path, new_passkey.get(authentication_options(other, path)))
    assert is_accepted(other, path)


# --- malformed answers --------------------------------------------------------------------------------------


def cbor_of_depth(depth: int) -> str:
    return websafe_encode(b"\x81" * depth + b"\x00")


def malformed_variants(real: dict[str, Any]) -> list[Any]:
    """Return malformed variants of a valid answer."""
    response = real["response"]
    broken: list[Any] = [None, True, 7, "text", [], {}, [real], {"response": response}]
    broken += ["", "{", "[" * 100_000, '{"a":' * 100_000, "9" * 5000, '{"id": NaN}', "\x00", '"\\ud800"']
    values: list[Any] = [
        None,
        7,
        "",
        "é",
        "AA",
        "\ud800",
        "\x00",
        [],
        {},
        [1],
        "A" * 100_000,
        cbor_of_depth(5000),
    ]
    for value in values:
        broken += [{**real, name: value} for name in ("id", "rawId", "type", "response")]
        broken += [{**real, "response": {**response, name: value}} for name in response]
        broken.append({**real, "clientExtensionResults": value})
    origins: list[Any] = [None, 7, "", "https://[", [ORIGIN], {}]
    for origin in origins:
        client_data = {"type": "webauthn.get", "challenge": "AA", "origin": origin}
        data = websafe_encode(json.dumps(client_data).encode())
        broken.append({**real, "response": {**response, "clientDataJSON": data}})
    return broken


@pytest.mark.parametrize(("form", "step"), [(at_login, 1), (at_second_factor, 10), (at_reauthentication, 10)])
def test_malformed_answer_is_refused_without_server_error(
    ada: User, passkey: SoftwareAuthenticator, form: Form, step: int
) -> None:
    """The three forms share their checks; one of them gets all variants."""
    client, path = form(ada)
    variants = malformed_variants(passkey.get(authentication_options(client, path)))[::step]
    options = authentication_options(client, path)
    with_challenge = dict(client.session)
    for wrong in variants:
        restore_session(client, with_challenge)
        assert answer(client, path, wrong).status_code in (200, 302), str(wrong)[:200]
        assert path == REAUTHENTICATE or "_auth_user_id" not in client.session, str(wrong)[:200]
    assert not is_accepted(client, path)
    restore_session(client, with_challenge)
    answer(client, path, passkey.get(options))
    assert is_accepted(client, path)


def test_malformed_answer_adds_no_passkey(ada: User) -> None:
    client, new_passkey = recently_authenticated(ada), device()
    real = new_passkey.create(authentication_options(client, ADD))
    options = authentication_options(client, ADD)
    with_challenge = dict(client.session)
    for wrong in malformed_variants(real):
        if isinstance(wrong, dict) and wrong.get("clientExtensionResults") != real["clientExtensionResults"]:
            continue  # the server ignores this field
        restore_session(client, with_challenge)
        assert answer(client, ADD, wrong).status_code in (200, 302), str(wrong)[:200]
        assert not Authenticator.objects.exists(), str(wrong)[:200]
    restore_session(client, with_challenge)
    answer(client, ADD, new_passkey.create(options))
    assert Authenticator.objects.filter(type="webauthn").exists()


def restore_session(client: Client, values: dict[str, Any]) -> None:
    """Store the challenge again, which each answer removes."""
    session = client.session
    session.update(values)
    session.save()


def test_unknown_user_handle_is_refused(passkey: SoftwareAuthenticator, ada: User) -> None:
    for handle in (b"", b"0", b"-1", b"zzzzzzzzzzzzzzzzzzzz", b"1.5", b"\x00", b"\xff", b"1" * 5000):
        client, path = at_login(ada)
        passkey.user_handle = websafe_encode(handle)
        assert answer(client, path, passkey.get(authentication_options(client, path))).status_code == 302
        assert not is_accepted(client, path)


# --- the admin ----------------------------------------------------------------------------------------------


@pytest.fixture
def passkey_of_olive(olive: User, settings: Any) -> SoftwareAuthenticator:
    """Return Olive's passkey, in a shop whose admin requires a second factor."""
    settings.ADMIN_REQUIRES_MFA = True
    EmailAddress.objects.create(user=olive, email=olive.email, verified=True, primary=True)
    new_passkey = device()
    add(olive, new_passkey)
    return new_passkey


def opens_admin(client: Client) -> bool:
    return bool(client.get("/admin/users/user/").status_code == 200)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verified", [True, False])
def test_admin_requires_a_passkey_with_user_verification(
    olive: User, passkey_of_olive: SoftwareAuthenticator, form: Form, verified: bool
) -> None:
    client, path = form(olive)
    passkey_of_olive.user_verified = verified
    answer(client, path, passkey_of_olive.get(authentication_options(client, path)))
    assert opens_admin(client) is verified


@pytest.mark.parametrize("verified", [True, False])
def test_new_passkey_opens_the_admin_with_user_verification_only(
    olive: User, settings: Any, verified: bool
) -> None:
    settings.ADMIN_REQUIRES_MFA = True
    EmailAddress.objects.create(user=olive, email=olive.email, verified=True, primary=True)
    assert opens_admin(add(olive, device(user_verified=verified))) is verified


def test_old_session_and_password_do_not_replace_the_second_factor(
    olive: User, passkey_of_olive: SoftwareAuthenticator, mailoutbox: list[Any]
) -> None:
    """A session from before the factor was set up, or a code by e-mail, must show that factor first."""
    thief, _path = at_reauthentication(olive)
    thief.post("/accounts/reauthenticate/", {"password": PASSWORDS[olive.email]})
    thief.post("/accounts/reauthenticate/code/", {"recipient": olive.email})
    passkey = Authenticator.objects.get(type="webauthn")
    for path in (ADD, f"/accounts/2fa/webauthn/keys/{passkey.pk}/remove/", *SECOND_FACTOR_PAGES):
        assert thief.get(path)["Location"].startswith("/accounts/2fa/"), path
    assert not mailoutbox[1:]  # the session's first request after the passkey was added
    assert not opens_admin(thief)


# --- without a password -------------------------------------------------------------------------------------


def test_user_without_password_adds_a_passkey_after_an_emailed_code(ada: User, mailoutbox: list[Any]) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    ada.set_unusable_password()
    ada.save()
    client = browser()
    client.force_login(ada)
    response = client.get(ADD)
    assert response["Location"].startswith("/accounts/reauthenticate/code/?next=")
    page = client.get(response["Location"]).content.decode()
    assert "site-header" in page
    assert f"Send a code to {ada.email}" in page
    sent = client.post(response["Location"], {"recipient": ada.email, "next": ADD})
    assert "site-header" in client.get(sent["Location"]).content.decode()
    code = re.search(r"^([A-Z]{4}-[A-Z]{4})$", str(mailoutbox[0].body), re.MULTILINE)
    assert code
    assert client.post(sent["Location"], {"code": code[1], "next": ADD})["Location"] == ADD
    new_passkey = device()
    answer(client, ADD, new_passkey.create(authentication_options(client, ADD)))
    other, path = at_login(ada)
    answer(other, path, new_passkey.get(authentication_options(other, path)))
    assert is_accepted(other, path)


def test_unknown_reauthentication_method_uses_allauths_label(
    as_ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from allauth.account.adapter import DefaultAccountAdapter

    methods = [
        {"id": "reauthenticate", "description": "theirs", "url": "/accounts/reauthenticate/"},
        {"id": "by_pigeon", "description": "Send a pigeon", "url": "/pigeon/"},
        {"id": "by_smoke", "url": "/smoke/"},
    ]
    monkeypatch.setattr(DefaultAccountAdapter, "get_reauthentication_methods", lambda self, user: methods)
    page = as_ada.get("/accounts/reauthenticate/")
    assert page.status_code == 200
    assert "Send a pigeon" in page.content.decode()
    assert as_ada.get(ADD).status_code == 302
