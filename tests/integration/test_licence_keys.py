"""License keys: issued with the access, never one twice, checked by programs through the signed API."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core import mail as outbox
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.ecommerce.content.licence_checks import activate_licence
from apps.ecommerce.models import LicenceKey, Mail, OperatorAction, ProductConfiguration, Purchase
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.licences import add_keys, issue_missing_keys, replace_licence_key
from apps.ecommerce.purchases.personal_data import export_purchases
from apps.users.models import User
from tests.concurrency import run_at_once
from tests.factories import buy, create_product, sent_kinds, sent_to_buyers
from tests.stripe_actions import deliver

pytestmark = pytest.mark.django_db(transaction=True)

Keys = ProductConfiguration.LicenceKeys
ADD = "/admin/ecommerce/licencekey/add/"


@pytest.fixture
def licensed(icons: ProductConfiguration) -> ProductConfiguration:
    """Return a product with generated keys for two computers."""
    return configure(icons, licence_keys=Keys.GENERATED, max_activations=2)


@pytest.fixture
def listed(icons: ProductConfiguration) -> ProductConfiguration:
    """Return a product whose keys come from a list, which is empty."""
    return configure(icons, licence_keys=Keys.LISTED)


def configure(configuration: ProductConfiguration, **values: Any) -> ProductConfiguration:
    for name, value in values.items():
        setattr(configuration, name, value)
    configuration.save()
    return configuration


def post_licence(action: str, key: str, instance: str = "", **more: str) -> dict[str, Any]:
    """Send a request without cookies, as programs do. Return the verified body, with the status code."""
    data = {"key": key, "instance": instance, **more}
    response = Client(enforce_csrf_checks=True).post(f"/licences/{action}/", data)
    public_key = Ed25519PublicKey.from_public_bytes(
        base64.b64decode(Client().get("/licences/public-key/").content)
    )
    public_key.verify(base64.b64decode(response["X-Licence-Signature"]), response.content)
    assert "no-store" in response["Cache-Control"]
    body: dict[str, Any] = json.loads(response.content)
    return body | {"status_code": response.status_code}


def key_of(purchase: Purchase) -> str:
    return LicenceKey.objects.get(purchase=purchase, replaced_at=None).key


def test_sale_issues_a_key_in_page_and_email(as_ada: Client, licensed: ProductConfiguration) -> None:
    purchase = buy(as_ada, licensed)
    key = key_of(purchase)
    assert len(key) == 29
    for url in (purchase.get_absolute_url(), f"/purchases/{licensed.slug}/"):
        assert key in as_ada.get(url).content.decode()
    (message,) = sent_to_buyers()
    assert key in message.body
    assert key in message.alternatives[0][0]


def test_each_purchase_has_its_own_key_once(
    as_ada: Client, as_bob: Client, licensed: ProductConfiguration, sandbox: Any
) -> None:
    ada, bob = buy(as_ada, licensed), buy(as_bob, licensed)
    deliver(sandbox, ada)
    reconcile()
    assert key_of(ada) != key_of(bob)
    assert LicenceKey.objects.count() == 2


def test_product_without_keys_issues_none(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    assert not LicenceKey.objects.exists()
    assert "License key" not in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_key_is_valid_while_the_purchase_gives_access(
    as_ada: Client, licensed: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, licensed)
    key = key_of(purchase)
    answer = post_licence("validate", key, nonce="n1")
    assert (answer["status_code"], answer["valid"], answer["product"]) == (200, True, licensed.slug)
    assert (answer["nonce"], answer["test"], answer["max_activations"]) == ("n1", True, 2)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    deliver(sandbox, purchase)
    answer = post_licence("validate", key)
    assert (answer["status_code"], answer["valid"], answer["error"]) == (403, False, "key_inactive")
    assert post_licence("activate", key, "laptop")["error"] == "key_inactive"
    assert key not in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_activations_are_limited(as_ada: Client, licensed: ProductConfiguration) -> None:
    key = key_of(buy(as_ada, licensed))
    assert post_licence("validate", key, "laptop")["error"] == "not_activated"
    assert post_licence("activate", key, "laptop")["activations"] == 1
    assert post_licence("activate", key, "laptop")["activations"] == 1
    assert post_licence("activate", key, "desktop")["valid"]
    refused = post_licence("activate", key, "phone")
    assert (refused["status_code"], refused["error"]) == (409, "activation_limit")
    assert post_licence("validate", key, "desktop")["valid"]
    assert post_licence("deactivate", key, "laptop")["activations"] == 1
    assert post_licence("deactivate", key, "laptop")["error"] is None
    assert post_licence("activate", key, "phone")["valid"]
    configure(licensed, max_activations=0)
    assert post_licence("activate", key, "laptop")["valid"]


def test_answer_of_another_request_does_not_validate_a_key(
    as_ada: Client, licensed: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, licensed)
    key = key_of(purchase)
    # The key is not activated for the laptop.
    assert post_licence("deactivate", key, "laptop", nonce="n1")["valid"] is False
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    deliver(sandbox, purchase)
    answer = post_licence("deactivate", key, "laptop", nonce="n1")
    assert (answer["status_code"], answer["valid"], answer["error"]) == (200, False, None)


def test_each_seat_of_a_subscription_can_be_activated(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    configure(club, licence_keys=Keys.GENERATED, max_activations=1)
    purchase = buy(as_ada, club)
    item = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)["items"].data[0].id
    seats: Any = {"items": [{"id": item, "quantity": 3}]}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, seats)
    deliver(sandbox, purchase)
    assert post_licence("validate", key_of(purchase))["max_activations"] == 3


def test_owner_deactivates_a_computer(as_ada: Client, as_bob: Client, licensed: ProductConfiguration) -> None:
    purchase = buy(as_ada, licensed)
    key = key_of(purchase)
    post_licence("activate", key, "<b>old & broken</b>")
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert "&lt;b&gt;old &amp; broken&lt;/b&gt;" in page
    activation = LicenceKey.objects.get(key=key).activations.get()
    url = f"/purchases/order/{purchase.public_id}/activations/{activation.pk}/deactivate/"
    assert as_bob.post(url).status_code == 404
    assert as_ada.get(url).status_code == 405
    assert as_ada.post(url).status_code == 302
    assert post_licence("validate", key, "<b>old & broken</b>")["error"] == "not_activated"


@pytest.mark.parametrize("action", ["validate", "activate", "deactivate"])
def test_unknown_and_unsold_keys_are_refused_alike(action: str, listed: ProductConfiguration) -> None:
    listed.issued_keys.create(key="UNSOLD")
    answers = [post_licence(action, key, "laptop") for key in ("UNSOLD", "UNKNOWN")]
    assert [answer["status_code"] for answer in answers] == [404, 404]
    assert answers[0] | {"at": 0} == answers[1] | {"at": 0}


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"[]",
            b"{",
            b'{"key": 1}',
            b'{"key": {}}',
            b'"key"',
            b"null",
            b'{"key": "  "}',
            b"[" * 100_000,
        ),
        *(b'{"key": "\\ud800"}', b'{"key": "A", "instance": "\\ud800"}', b'{"key": "\\u0000"}'),
    ],
    ids=repr,
)
def test_invalid_json_is_refused(body: bytes) -> None:
    response = Client().post("/licences/validate/", body, content_type="application/json")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_json_is_accepted(as_ada: Client, licensed: ProductConfiguration) -> None:
    key = key_of(buy(as_ada, licensed))
    data = {"key": f" {key.lower()} ", "instance": "laptop"}
    response = Client().post("/licences/activate/", data, content_type="application/json")
    assert response.json()["valid"] is True
    too_long = Client().post("/licences/activate/", {"key": key, "instance": "x" * 201})
    assert too_long.status_code == 400
    assert Client().get("/licences/activate/").status_code == 405


def test_changed_response_does_not_match_its_signature(
    as_ada: Client, licensed: ProductConfiguration
) -> None:
    response = Client().post("/licences/validate/", {"key": "none"})
    public_key = Ed25519PublicKey.from_public_bytes(
        base64.b64decode(Client().get("/licences/public-key/").content)
    )
    forged = response.content.replace(b"false", b"true ")
    with pytest.raises(InvalidSignature):
        public_key.verify(base64.b64decode(response["X-Licence-Signature"]), forged)


def test_signing_key_survives_a_new_secret_key(settings: Any) -> None:
    settings.LICENCE_SIGNING_KEY = "kept"
    before = Client().get("/licences/public-key/").content
    settings.SECRET_KEY = "another"
    assert Client().get("/licences/public-key/").content == before
    settings.LICENCE_SIGNING_KEY = ""
    assert Client().get("/licences/public-key/").content != before


def test_requests_are_limited(settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "licences": "2/m/ip"}
    program = Client(REMOTE_ADDR="203.0.113.7")
    responses = [program.post("/licences/validate/", {"key": "guess"}) for _ in range(3)]
    assert [response.status_code for response in responses] == [404, 404, 429]
    assert responses[2].json()["error"] == "too_many_requests"
    assert int(responses[2]["Retry-After"]) > 0


def test_listed_keys_are_sold_in_order_and_never_twice(
    as_ada: Client, as_bob: Client, as_olive: Client, listed: ProductConfiguration
) -> None:
    data = {"configuration": listed.pk, "keys": "AAA\n BBB \n\nAAA\n"}
    page = as_olive.post(ADD, data, follow=True).content.decode()
    assert "2 keys were added" in page
    assert key_of(buy(as_ada, listed)) == "AAA"
    assert key_of(buy(as_bob, listed)) == "BBB"
    again = as_olive.post(ADD, data, follow=True).content.decode()
    assert "2 keys are already known" in again
    assert LicenceKey.objects.filter(purchase=None).count() == 0


def test_buyer_gets_the_key_as_soon_as_one_is_added(
    as_ada: Client, as_olive: Client, listed: ProductConfiguration
) -> None:
    purchase = buy(as_ada, listed)
    assert "license key by e-mail" in as_ada.get(purchase.get_absolute_url()).content.decode()
    (problem,) = check_shop()["licence-keys-missing"]
    assert "Icon set: 1" in problem.text
    assert purchase.opens_product
    file = SimpleUploadedFile("keys.txt", "\ufeffCCC\r\nDDD\r\n".encode())
    as_olive.post(ADD, {"configuration": listed.pk, "file": file})
    assert key_of(purchase) == "CCC"
    assert sent_kinds() == [Mail.Kind.CONFIRMED, Mail.Kind.LICENCE_KEY]
    assert "CCC" in sent_to_buyers()[1].body
    assert check_shop()["licence-keys-missing"] == []


def test_owners_get_keys_when_the_founder_turns_them_on(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    configure(icons, licence_keys=Keys.GENERATED)
    reconcile()
    assert key_of(purchase)
    assert sent_kinds()[-1] == Mail.Kind.LICENCE_KEY
    before = len(outbox.outbox)
    reconcile()
    assert len(outbox.outbox) == before


@pytest.mark.parametrize(
    ("keys", "file"),
    [
        ("", b""),
        ("x" * 101, b""),
        ("a\x07b", b""),
        ("", b"\xff\xfe\x00"),
        ("", b"x" * 10_000_001),
        ("", b"\n".join(b"key-%d" % number for number in range(100_001))),
    ],
    ids=["none", "long", "control character", "not UTF-8", "large file", "many"],
)
def test_invalid_lists_are_refused(
    as_olive: Client, listed: ProductConfiguration, keys: str, file: bytes
) -> None:
    data: dict[str, Any] = {"configuration": listed.pk, "keys": keys}
    response = as_olive.post(ADD, data | ({"file": SimpleUploadedFile("keys.txt", file)} if file else {}))
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert not LicenceKey.objects.exists()


def test_replaced_key_is_not_valid_any_more(
    as_ada: Client, as_olive: Client, licensed: ProductConfiguration
) -> None:
    purchase = buy(as_ada, licensed)
    old = LicenceKey.objects.get()
    form = {"action": "replace", "_selected_action": [old.pk], "token": str(uuid4())}
    as_olive.post("/admin/ecommerce/licencekey/", form)
    new = key_of(purchase)
    assert (post_licence("validate", old.key)["error"], post_licence("validate", new)["valid"]) == (
        "key_inactive",
        True,
    )
    assert new in sent_to_buyers()[-1].body
    as_olive.post("/admin/ecommerce/licencekey/", form)  # the form was sent twice
    as_olive.post("/admin/ecommerce/licencekey/", form | {"token": str(uuid4())})  # the form of a second page
    assert key_of(purchase) == new
    done, refused = OperatorAction.objects.order_by("pk")
    assert (done.action, done.purchase, done.outcome) == ("replace-licence-key", purchase, "done")
    assert (done.operator_name, refused.outcome) == ("olive@example.com", "failed")


def test_key_that_a_restored_backup_lacks_is_issued_again(
    as_ada: Client, licensed: ProductConfiguration
) -> None:
    purchase = buy(as_ada, licensed)
    first = key_of(purchase)
    replace_licence_key(LicenceKey.objects.get(key=first))
    second = key_of(purchase)
    assert first != second
    LicenceKey.objects.filter(key=second).delete()
    issue_missing_keys()
    assert key_of(purchase) == second
    LicenceKey.objects.all().delete()
    issue_missing_keys()
    assert key_of(purchase) == first


def test_only_unsold_keys_can_be_deleted(
    as_ada: Client, as_olive: Client, listed: ProductConfiguration
) -> None:
    add_keys(listed, ["SOLD", "UNSOLD"])
    buy(as_ada, listed)
    for key in LicenceKey.objects.all():
        as_olive.post(f"/admin/ecommerce/licencekey/{key.pk}/delete/", {"post": "yes"})
    assert [key.key for key in LicenceKey.objects.all()] == ["SOLD"]


def test_last_key_of_a_list_is_not_replaced(
    as_ada: Client, as_olive: Client, listed: ProductConfiguration
) -> None:
    listed.issued_keys.create(key="ONLY")
    purchase = buy(as_ada, listed)
    form = {
        "action": "replace",
        "_selected_action": [listed.issued_keys.get().pk],
        "token": str(uuid4()),
    }
    assert (
        "The key was not replaced"
        in as_olive.post("/admin/ecommerce/licencekey/", form, follow=True).content.decode()
    )
    assert key_of(purchase) == "ONLY"


def test_plan_of_another_product_gets_another_key(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month")
    for configuration in (club, letter):
        configure(configuration, licence_keys=Keys.GENERATED)
    purchase = buy(as_ada, club)
    old = key_of(purchase)
    item = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)["items"].data[0].id
    change: Any = {"items": [{"id": item, "price": letter.prices[0].id}]}
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, change)
    purchase = deliver(sandbox, purchase)
    new = LicenceKey.objects.for_purchase(purchase).get().key
    assert (post_licence("validate", old)["error"], post_licence("validate", new)["product"]) == (
        "key_inactive",
        "letter",
    )


def test_buyers_at_the_same_time_get_different_keys(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    purchases = [buy(client, icons) for client in (as_ada, as_bob) for _ in range(1)]
    configure(icons, licence_keys=Keys.LISTED)
    add_keys(icons, [f"key-{number}" for number in range(4)])
    run_at_once([issue_missing_keys] * 4)
    assert LicenceKey.objects.exclude(purchase=None).count() == 2
    assert len({key_of(purchase) for purchase in purchases}) == 2
    assert sent_kinds().count(Mail.Kind.LICENCE_KEY) == 2


def test_activations_at_the_same_time_stay_within_the_limit(
    as_ada: Client, licensed: ProductConfiguration
) -> None:
    key = key_of(buy(as_ada, licensed))
    answers = run_at_once(partial(activate_licence, key, f"computer {number}") for number in range(6))
    assert [answer["valid"] for answer in answers].count(True) == 2


def test_keys_are_in_the_export_of_personal_data(
    as_ada: Client, ada: User, licensed: ProductConfiguration
) -> None:
    key = key_of(buy(as_ada, licensed))
    post_licence("activate", key, "Ada's laptop")
    (exported,) = export_purchases(ada)
    assert exported["licence_keys"] == [{"key": key, "activated_for": ["Ada's laptop"]}]


def test_key_survives_the_deletion_of_the_account(
    as_ada: Client, ada: User, licensed: ProductConfiguration
) -> None:
    key = key_of(buy(as_ada, licensed))
    ada.delete()
    assert post_licence("validate", key)["valid"]
