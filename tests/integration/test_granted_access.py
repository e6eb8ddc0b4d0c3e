"""Operators grant access without payment, to an account or to an e-mail address that waits for one."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.back_office.actions.emails import why_outdated
from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.content.licence_checks import is_valid
from apps.ecommerce.models import LicenceKey, Mail, OperatorAction, Price, ProductConfiguration, Purchase
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.emails.queue import send_unsent
from apps.ecommerce.purchases.entitlements import has_access, owned, purchases_with_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.manual_access import end_given_access, restore_access, revoke_access
from apps.ecommerce.purchases.signals import access_granted, access_revoked
from apps.ecommerce.purchases.subscriptions import trial_days
from apps.users.models import User
from apps.users.personal_data import collect, delete_account
from tests.factories import buy, sent_kinds, sent_to_buyers, signed_in
from tests.operator_actions import action_url, confirm

pytestmark = pytest.mark.django_db(transaction=True)

GIVE = "/admin/ecommerce/purchase/give-access/"


@pytest.fixture
def verified_ada(ada: User) -> User:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return ada


def form_of(
    operator: Client, configuration: ProductConfiguration, email: str, **fields: str
) -> dict[str, str]:
    page = operator.get(GIVE).content.decode()
    (token,) = re.findall(r'name="token" value="([^"]+)"', page)
    price = configuration.prices[0].id
    return {"token": token, "price": price, "email": email, "language": "en", "reason": "Helped us", **fields}


def give(operator: Client, configuration: ProductConfiguration, email: str, **fields: str) -> Purchase:
    response = operator.post(GIVE, form_of(operator, configuration, email, **fields))
    assert response.status_code == 302, response.context["form"].errors
    return Purchase.objects.exclude(granted_at=None).latest("id")


def confirm_address(user: User) -> None:
    address, _is_new = EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    email_confirmed.send(sender=EmailAddress, request=None, email_address=address)


# --- with an account --------------------------------------------------------------------------------------


def test_verified_account_has_access_at_once_and_gets_an_email(
    as_olive: Client, verified_ada: User, as_ada: Client, icons: ProductConfiguration
) -> None:
    purchase = give(as_olive, icons, "Ada@Example.com")
    assert (purchase.user, purchase.amount_total, purchase.status) == (verified_ada, 0, "paid")
    assert owned(verified_ada, icons.product) == purchase
    assert as_ada.get(f"/purchases/{icons.slug}/").status_code == 200
    assert sent_kinds() == ["granted"]
    (message,) = sent_to_buyers()
    assert message.to == [verified_ada.email]
    assert purchase.get_absolute_url() in message.body
    assert "Helped us" not in message.body


def test_email_is_in_the_chosen_language(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration
) -> None:
    give(as_olive, icons, verified_ada.email, language="de")
    assert "kostenlos" in sent_to_buyers()[0].body.lower()


def test_given_access_is_written_to_the_audit_log(
    as_olive: Client, olive: User, icons: ProductConfiguration
) -> None:
    purchase = give(as_olive, icons, "nobody@example.com")
    entry = OperatorAction.objects.get()
    assert (entry.operator, entry.action, entry.purchase) == (olive, "give_access", purchase)
    assert (entry.details["reason"], entry.outcome) == ("Helped us", "done")
    # The log is never erased, so it does not contain the person's address.
    assert "nobody@" not in f"{entry.details} {entry.subject} {entry.message}"


def test_form_that_is_sent_twice_gives_access_once(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration
) -> None:
    form = form_of(as_olive, icons, verified_ada.email)
    assert [as_olive.post(GIVE, form).status_code for _ in range(2)] == [302, 302]
    assert Purchase.objects.count() == 1
    again = as_olive.post(GIVE, form | {"token": str(uuid4())})
    assert Purchase.objects.get().order_number in again.content.decode()
    assert Purchase.objects.count() == 1


def test_killed_process_does_not_block_the_form(
    as_olive: Client, olive: User, verified_ada: User, icons: ProductConfiguration
) -> None:
    form = form_of(as_olive, icons, verified_ada.email)
    details = {"price": form["price"], "until": None, "reason": form["reason"]}
    started = {"operator": olive, "action": "give_access", "token": form["token"], "details": details}
    subject = icons.product.name
    OperatorAction.objects.create(**started, subject=subject, started_at=timezone.now())
    assert as_olive.post(GIVE, form).status_code == 200
    rows = OperatorAction.objects.filter(token=form["token"])
    rows.set_outcome(OperatorAction.Outcome.RUNNING, started_at=timezone.now() - timedelta(minutes=3))
    assert as_olive.post(GIVE, form).status_code == 302
    assert Purchase.objects.count() == 1


def test_giving_access_needs_its_permission(bob: User, icons: ProductConfiguration) -> None:
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support = signed_in(bob)
    orders = reverse("admin:ecommerce_purchase_changelist")
    assert GIVE not in support.get(orders).content.decode()
    assert (support.get(GIVE).status_code, support.post(GIVE).status_code) == (403, 403)
    bob.user_permissions.add(Permission.objects.get(codename="grant_access"))
    assert GIVE in support.get(orders).content.decode()
    give(support, icons, "nobody@example.com")


def test_forms_are_filled_in_from_the_pages_of_a_customer_and_a_product(
    as_olive: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    customer = as_olive.get(f"/admin/users/user/{ada.pk}/change/").content.decode()
    (link,) = re.findall(rf'href="({GIVE}[^"]*)"', customer)
    assert as_olive.get(link).context["form"]["email"].value() == ada.email
    product = as_olive.get(f"/admin/ecommerce/productconfiguration/{club.pk}/change/").content.decode()
    (link,) = re.findall(rf'href="({GIVE}[^"]*)"', product)
    assert as_olive.get(link).context["form"]["price"].value() == club.prices[0].id


@pytest.mark.parametrize(
    "fields",
    [{"price": "price_x"}, {"email": "ada"}, {"until": "2001-01-01"}, {"reason": ""}, {"language": "xx"}],
)
def test_invalid_values_grant_no_access(
    as_olive: Client, icons: ProductConfiguration, fields: dict[str, str]
) -> None:
    form = form_of(as_olive, icons, "ada@example.com") | fields
    response = as_olive.post(GIVE, form)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == list(fields)
    assert not Purchase.objects.exists()


# --- without an account -----------------------------------------------------------------------------------


def test_access_waits_until_an_account_confirms_the_address(
    as_olive: Client, icons: ProductConfiguration, ada: User, bob: User
) -> None:
    purchase = give(as_olive, icons, ada.email)
    assert purchase.user is None
    assert sent_kinds() == ["invited"]
    assert "/accounts/signup/" in sent_to_buyers()[0].body
    assert owned(ada, icons.product) is None  # signed up with the address, but not confirmed

    confirm_address(bob)
    assert not Purchase.objects.exclude(user=None).exists()
    confirm_address(ada)
    assert owned(ada, icons.product) == purchase
    assert sent_kinds() == ["invited", "granted"]
    confirm_address(ada)
    assert sent_kinds() == ["invited", "granted"]


def test_signing_up_with_the_address_claims_the_access(
    as_olive: Client, icons: ProductConfiguration, client: Client
) -> None:
    purchase = give(as_olive, icons, "grace@example.com")
    mail.outbox.clear()
    client.post("/accounts/signup/", {"email": "grace@example.com", "password1": "compilers-are-fun"})
    (link,) = re.findall(r"http://[^/]+(/accounts/confirm-email/\S+)", mail.outbox[-1].body)
    client.post(link)
    purchase.refresh_from_db()
    assert purchase.user == User.objects.get(email="grace@example.com")
    assert client.get(purchase.get_absolute_url()).status_code == 200


def test_reconcile_repeats_a_lost_claim(
    as_olive: Client, icons: ProductConfiguration, ada: User, sandbox: Any
) -> None:
    purchase = give(as_olive, icons, ada.email)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True)
    reconcile()
    assert owned(ada, icons.product) == purchase


def test_answer_does_not_reveal_whether_an_account_exists(
    as_olive: Client, verified_ada: User, bob: User, icons: ProductConfiguration
) -> None:
    messages = []
    for email in (verified_ada.email, bob.email, "nobody@example.com"):
        page = as_olive.post(GIVE, form_of(as_olive, icons, email), follow=True)
        messages.append([str(message) for message in page.context["messages"]])
    assert messages[0] == messages[1] == messages[2]
    by_address = {message.to[0]: message.body for message in sent_to_buyers()}
    # The e-mail must not reveal whether the address has an account that is not confirmed.
    assert by_address[bob.email].replace(bob.email, "x") == by_address["nobody@example.com"].replace(
        "nobody@example.com", "x"
    )


def test_blocked_account_does_not_claim(
    as_olive: Client, icons: ProductConfiguration, verified_ada: User
) -> None:
    User.objects.filter(pk=verified_ada.pk).update(is_active=False)
    purchase = give(as_olive, icons, verified_ada.email)
    confirm_address(verified_ada)
    purchase.refresh_from_db()
    assert purchase.user is None


def test_access_of_a_deleted_account_does_not_wait_again(
    as_olive: Client, icons: ProductConfiguration, verified_ada: User, sandbox: Any
) -> None:
    purchase = give(as_olive, icons, verified_ada.email)
    email = verified_ada.email
    assert delete_account(verified_ada) == []
    confirm_address(User.objects.create_user(email))
    reconcile()
    purchase.refresh_from_db()
    assert purchase.user is None


# --- the end ----------------------------------------------------------------------------------------------


def test_last_day_ends_at_midnight_of_the_shops_time_zone(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration, settings: Any
) -> None:
    """The clocks go back on that day, so it has 25 hours."""
    settings.TIME_ZONE = "Europe/Berlin"
    day = date(2027, 10, 31)
    purchase = give(as_olive, icons, verified_ada.email, until=day.isoformat())
    midnight = datetime(2027, 10, 31, 23, 0, tzinfo=UTC)
    for moment, is_open in ((midnight - timedelta(seconds=1), True), (midnight, False)):
        assert has_access(purchase, moment) is is_open
        assert purchases_with_access(moment).filter(pk=purchase.pk).exists() is is_open


def test_access_ends_without_any_process_and_reconcile_updates_the_status(
    as_olive: Client, as_ada: Client, verified_ada: User, icons: ProductConfiguration
) -> None:
    revoked: list[Purchase] = []
    receiver = lambda purchase, **kwargs: revoked.append(purchase)  # noqa: E731
    access_revoked.connect(receiver)
    try:
        today = timezone.localdate()
        purchase = give(as_olive, icons, verified_ada.email, until=today.isoformat())
        page = as_ada.get(purchase.get_absolute_url()).content.decode()
        assert 'data-state="granted_until"' in page
        Purchase.objects.update(granted_until=timezone.now())
        assert as_ada.get(f"/purchases/{icons.slug}/").status_code == 302
        assert 'data-state="granted_ended"' in as_ada.get(purchase.get_absolute_url()).content.decode()
        for _ in range(2):
            end_given_access()
        purchase.refresh_from_db()
        assert (purchase.status, revoked) == ("canceled", [purchase])
        assert 'data-state="granted_ended"' in as_ada.get(purchase.get_absolute_url()).content.decode()
        assert sent_kinds() == ["granted"]
        give(as_olive, icons, verified_ada.email)  # grants the access again
    finally:
        access_revoked.disconnect(receiver)


# --- everything that assumes a payment --------------------------------------------------------------------


def test_no_request_to_stripe_is_made_for_it(
    as_olive: Client, verified_ada: User, as_ada: Client, icons: ProductConfiguration, disconnect_stripe: Any
) -> None:
    disconnect_stripe()
    purchase = give(as_olive, icons, verified_ada.email)
    assert sync_purchase(purchase, "test").version == purchase.version
    for path in ("/purchases/", purchase.get_absolute_url(), f"{purchase.get_absolute_url()}status/"):
        assert as_ada.get(path).status_code == 200
    order = as_olive.get(reverse("admin:ecommerce_purchase_change", args=[purchase.pk]))
    assert order.status_code == 200
    assert "refresh" not in [action.name for action in order.context["actions"]]


def test_buyer_sees_complimentary_access_and_no_receipt(
    as_olive: Client, verified_ada: User, as_ada: Client, icons: ProductConfiguration
) -> None:
    purchase = give(as_olive, icons, verified_ada.email)
    order = as_ada.get(purchase.get_absolute_url())
    page = order.content.decode()
    assert 'data-state="granted"' in page
    assert "Complimentary" in page
    assert "receipt" not in page.lower()
    assert "$" not in page
    library = as_ada.get("/purchases/").content.decode()
    assert f'id="purchase-{purchase.public_id}"' in library
    assert "Complimentary" in library


def test_person_with_given_access_can_still_buy(
    as_olive: Client, verified_ada: User, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    given = give(as_olive, icons, verified_ada.email)
    page = as_ada.get(f"/store/{icons.slug}/").content.decode()
    assert f'action="/store/{icons.slug}/buy/"' in page
    bought = buy(as_ada, icons)
    assert (bought.upgrade_of, bought.amount_total) == (None, 1900)
    library = as_ada.get("/purchases/").context["library"]
    assert library == [bought]
    assert check_shop()["paid-twice"] == []
    page = as_ada.get(f"/store/{icons.slug}/").content.decode()
    assert f'action="/store/{icons.slug}/buy/"' not in page
    assert has_access(given)


def test_higher_plan_is_bought_at_its_full_price_and_is_not_an_upgrade(
    as_olive: Client, verified_ada: User, as_ada: Client, icons: ProductConfiguration, team: Price
) -> None:
    give(as_olive, icons, verified_ada.email)
    assert as_ada.get(f"/store/{icons.slug}/").context["upgrade_options"] == []
    bought = buy(as_ada, icons, team)
    assert (bought.upgrade_of, bought.amount_total) == (None, 4900)


def test_given_access_uses_up_no_trial_and_starts_no_subscription(
    as_olive: Client, verified_ada: User, club: ProductConfiguration
) -> None:
    price = club.prices[0]
    price.trial_period_days = 14
    price.save()
    purchase = give(as_olive, club, verified_ada.email)
    assert trial_days(verified_ada, price) == 14
    assert (purchase.is_recurring, purchase.will_be_charged_again) == (False, False)
    assert owned(verified_ada, club.product) == purchase


def test_licence_key_is_issued_when_the_access_reaches_an_account(
    as_olive: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    icons.licence_keys = ProductConfiguration.LicenceKeys.GENERATED
    icons.save()
    today = timezone.localdate()
    purchase = give(as_olive, icons, ada.email, until=today.isoformat())
    reconcile()
    revoke_access(purchase, "test", sends_email=False)
    restore_access(purchase, "test", sends_email=False)
    assert not LicenceKey.objects.exists()
    assert check_shop()["licence-keys-missing"] == []
    confirm_address(ada)
    key = LicenceKey.objects.get(purchase=purchase)
    assert key.key in sent_to_buyers()[-1].body
    assert is_valid(key)
    Purchase.objects.update(granted_until=timezone.now())
    assert not is_valid(LicenceKey.objects.get())


def test_receivers_are_called_when_the_access_has_an_owner(
    as_olive: Client, ada: User, icons: ProductConfiguration
) -> None:
    owners: list[User | None] = []
    receiver = lambda purchase, **kwargs: owners.append(purchase.user)  # noqa: E731
    access_granted.connect(receiver)
    try:
        give(as_olive, icons, ada.email)
        assert owners == []
        confirm_address(ada)
        assert owners == [ada]
    finally:
        access_granted.disconnect(receiver)


def test_given_access_causes_no_alert_and_no_repair(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    give(as_olive, icons, verified_ada.email)
    give(as_olive, icons, "nobody@example.com")
    report = reconcile(timezone.now() - timedelta(days=1))
    assert (report.repaired, report.found, report.failures) == ([], [], [])
    assert not any(check_shop().values())


def test_export_and_deletion_of_personal_data(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = give(as_olive, icons, verified_ada.email, until="2099-12-31")
    (exported,) = collect(verified_ada)["purchases"]
    assert (exported["order"], exported["complimentary"]) == (purchase.order_number, True)
    assert exported["complimentary_until"].startswith("2099-12-31T23:59:59")
    assert "Helped us" not in str(exported)
    assert delete_account(verified_ada) == []


def test_given_access_is_for_the_current_mode(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration, settings: Any
) -> None:
    purchase = give(as_olive, icons, verified_ada.email)
    settings.STRIPE_SECRET_KEY = "sk_live_1"
    assert not has_access(purchase)
    assert owned(verified_ada, icons.product) is None


def test_unsent_email_about_waiting_access_is_dropped_after_the_claim(
    as_olive: Client, ada: User, icons: ProductConfiguration
) -> None:
    give(as_olive, icons, ada.email)
    Mail.objects.update(sent_at=None)
    mail.outbox.clear()
    confirm_address(ada)
    send_unsent()
    assert sent_kinds() == ["granted"]


def test_form_that_is_sent_again_for_another_person_does_not_claim_to_have_given_access(
    as_olive: Client, verified_ada: User, icons: ProductConfiguration
) -> None:
    form = form_of(as_olive, icons, verified_ada.email)
    assert as_olive.post(GIVE, form).status_code == 302
    page = as_olive.post(GIVE, form | {"email": "nobody@example.com"})  # after the browser's back button
    assert "with other values" in page.content.decode()
    assert Purchase.objects.get().email == verified_ada.email
    again = form | {"email": "nobody@example.com", "token": str(page.context["token"]["token"].value())}
    assert as_olive.post(GIVE, again).status_code == 302
    assert Purchase.objects.count() == 2


def test_emails_about_given_access_are_offered_again_while_they_are_true(
    as_olive: Client, icons: ProductConfiguration, ada: User
) -> None:
    def offered() -> set[str]:
        kinds = (Mail.Kind.INVITED, Mail.Kind.GRANTED, Mail.Kind.REVOKED)
        purchase.refresh_from_db()
        return {str(kind) for kind in kinds if not why_outdated(purchase, Mail(kind=kind))}

    purchase = give(as_olive, icons, ada.email)
    assert "invited" in offered()
    confirm_address(ada)
    assert offered() == {"granted"}
    confirm(as_olive, action_url(purchase, "revoke"), reason="Mistake")
    assert offered() == {"revoked"}
