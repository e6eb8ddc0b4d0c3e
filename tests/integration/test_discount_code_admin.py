"""Operators make, switch off and follow discount codes. Stripe has them first."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import stripe
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce.back_office.discount_codes import code_use
from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import DiscountCode, OperatorAction, ProductConfiguration, Purchase
from apps.users.models import User
from stripe_sandbox import errors, storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.resources import coupons as sandbox_coupons
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, pay, press_buy, signed_in, url_path
from tests.integration.test_discount_codes import create_code, page_of, text_of

pytestmark = pytest.mark.django_db

LIST = reverse("admin:ecommerce_discountcode_changelist")
ADD = reverse("admin:ecommerce_discountcode_add")
DEFAULTS = {"code": "SUMMER", "kind": "percent", "percent_off": "20", "duration": "once"}


def staff_with(*codenames: str) -> Client:
    user = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return signed_in(user)


def token_of(page: Any) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(token)" value="([^"]+)"', page.content.decode()))


def make(operator: Client, **fields: Any) -> Any:
    """Fill in the form of a new code, and send it."""
    return operator.post(ADD, {**DEFAULTS, **token_of(operator.get(ADD)), **fields})


def code_page(code: DiscountCode) -> str:
    return reverse("admin:ecommerce_discountcode_change", args=[code.pk])


def change(operator: Client, code: DiscountCode, act: str, **fields: str) -> Any:
    url = code_page(code)
    return operator.post(
        url, {"act": act, "note": code.note, **token_of(operator.get(url)), **fields}, follow=True
    )


def coupons() -> list[Any]:
    return storage.find("coupon")


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return {name: list(errors) for name, errors in response.context["form"].errors.items()}


def test_code_with_all_limits_is_made_at_stripe(
    as_olive: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Vienna"
    options: Any = {"eur": {"unit_amount": 1700}}
    sandbox.client.v1.prices.update(icons.prices[0].id, {"currency_options": options})
    sync_product(icons.product_id)
    day = timezone.localdate() + timedelta(days=10)
    with timezone.override("Europe/Vienna"):
        response = make(
            as_olive,
            kind="amount",
            percent_off="",
            amount_usd="5",
            amount_eur="4,50",
            duration="repeating",
            months="3",
            products=[icons.product_id],
            max_redemptions="100",
            last_day=day.isoformat(),
            first_purchase_only="on",
            minimum_usd="10",
            minimum_eur="9",
            name="Summer sale",
            note="Newsletter of June",
        )
    code = DiscountCode.objects.get()
    assert response["Location"] == code_page(code)
    expand = [
        "promotion.coupon.applies_to",
        "promotion.coupon.currency_options",
        "restrictions.currency_options",
    ]
    promotion = sandbox.client.v1.promotion_codes.retrieve(code.id, {"expand": expand})
    coupon = promotion.promotion.coupon
    assert (promotion.code, promotion.max_redemptions) == ("SUMMER", 100)
    assert (coupon.amount_off, coupon.currency, coupon.currency_options["eur"].amount_off) == (
        500,
        "usd",
        450,
    )
    assert (coupon.duration, coupon.duration_in_months, coupon.name) == ("repeating", 3, "Summer sale")
    assert coupon.applies_to.products == [icons.product_id]
    limits = promotion.restrictions
    assert limits.first_time_transaction
    assert (limits.minimum_amount, limits.currency_options["eur"].minimum_amount) == (1000, 900)
    assert (code.note, code.amounts_off) == ("Newsletter of June", {"usd": 500, "eur": 450})
    assert code.expires_at
    end = timezone.localtime(code.expires_at, ZoneInfo("Europe/Vienna"))
    assert (end.date(), end.hour) == (day + timedelta(days=1), 0)
    entry = OperatorAction.objects.get()
    assert (entry.action, entry.subject, entry.outcome) == ("create_code", "SUMMER", "done")
    assert entry.details["promotion"]["code"] == "SUMMER"
    page = text_of(as_olive.get(code_page(code)))
    for words in (
        "€4.50 / $5 off",
        "Icon set",
        "0 of 100",
        "The code SUMMER was created. (olive@example.com)",
    ):
        assert words in page, words


def test_form_that_is_sent_twice_makes_one_code(as_olive: Client, sandbox: Any) -> None:
    token = token_of(as_olive.get(ADD))
    for _press in range(2):
        assert as_olive.post(ADD, {**DEFAULTS, **token}).status_code == 302
    assert (DiscountCode.objects.count(), len(coupons()), OperatorAction.objects.count()) == (1, 1, 1)


def test_lost_answer_of_stripe_makes_no_second_code(
    as_olive: Client, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe creates both objects, and no answer arrives. The same form tries again."""
    token, request = token_of(as_olive.get(ADD)), InProcessClient.request
    lost: list[str] = []

    def lose(self: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
        answer = request(self, method, url, *args, **more)
        if method == "post" and url.endswith("/promotion_codes"):
            lost.append(url)
            raise stripe.APIConnectionError("The answer was lost.", should_retry=False)  # type: ignore[no-untyped-call]
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(InProcessClient, "request", lose)
        page = as_olive.post(ADD, {**DEFAULTS, **token})
    assert lost
    assert "it is not known whether this was done" in str(errors_of(page)["__all__"])
    assert token_of(page) == token
    assert as_olive.post(ADD, {**DEFAULTS, **token}).status_code == 302
    assert (len(coupons()), len(storage.find("promotion_code"))) == (1, 1)
    assert DiscountCode.objects.get().code == "SUMMER"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "20 %"}, "code"),
        ({"code": "<script>"}, "code"),
        ({"code": "SÜMMER"}, "code"),
        ({"code": "A" * 501}, "code"),
        ({"percent_off": ""}, "percent_off"),
        ({"percent_off": "0"}, "percent_off"),
        ({"percent_off": "101"}, "percent_off"),
        ({"percent_off": "NaN"}, "percent_off"),
        ({"kind": "amount"}, "amount_usd"),
        ({"kind": "amount", "amount_usd": "-5"}, "amount_usd"),
        ({"kind": "amount", "amount_usd": "five"}, "amount_usd"),
        ({"kind": "amount", "amount_usd": "0"}, "amount_usd"),
        ({"duration": "repeating"}, "months"),
        ({"duration": "sometimes"}, "duration"),
        ({"products": ["prod_unknown"]}, "products"),
        ({"last_day": "2020-01-01"}, "last_day"),
        ({"last_day": "9999-12-31"}, "last_day"),
        ({"max_redemptions": "0"}, "max_redemptions"),
        ({"minimum_usd": "x"}, "minimum_usd"),
        ({"name": "N" * 41}, "name"),
        ({"note": "N" * 501}, "note"),
    ],
)
def test_mistakes_are_shown_at_the_field(
    as_olive: Client, icons: ProductConfiguration, sandbox: Any, fields: dict[str, Any], field: str
) -> None:
    assert list(errors_of(make(as_olive, **fields))) == [field]
    assert not coupons()
    assert not OperatorAction.objects.exists()


def test_refusal_of_stripe_is_shown_at_the_field_and_leaves_nothing(as_olive: Client, sandbox: Any) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 5}).id
    v1 = sandbox.client.v1
    v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "summer"})
    page = make(as_olive)  # the store does not have a copy of that code yet
    assert "already exists" in str(errors_of(page)["code"])
    assert [row["id"] for row in coupons()] == [coupon]
    assert not DiscountCode.objects.exists()
    assert OperatorAction.objects.get().outcome == "failed"
    token = token_of(page)
    assert as_olive.post(ADD, {**DEFAULTS, **token, "code": "SUMMER-26"}).status_code == 302
    assert DiscountCode.objects.get().code == "SUMMER-26"


def test_refused_amount_is_shown_at_its_currency(
    as_olive: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: Any = {"eur": {"unit_amount": 1700}}
    sandbox.client.v1.prices.update(icons.prices[0].id, {"currency_options": options})
    sync_product(icons.product_id)
    for param, field in (
        ("amount_off", "amount_usd"),
        ("currency_options[eur][amount_off]", "amount_eur"),
        ("applies_to[products][0]", "products"),
        ("percent_off", "percent_off"),
        ("something_else", "__all__"),
    ):

        def refuse(params: Any, param: str = param) -> None:
            raise errors.ApiError("Too much.", param=param)

        monkeypatch.setattr(sandbox_coupons, "_check", refuse)
        page = make(as_olive, kind="amount", amount_usd="5", amount_eur="4")
        assert "Too much." in str(errors_of(page)[field]), param


def test_code_with_a_known_text_is_refused_before_stripe_is_asked(as_olive: Client, sandbox: Any) -> None:
    old = create_code(sandbox, "summer")
    assert "code" in errors_of(make(as_olive))
    assert not OperatorAction.objects.exists()
    change(as_olive, old, "off")
    assert make(as_olive).status_code == 302


def test_code_is_switched_off_and_on(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    code = create_code(sandbox)
    assert "The code SUMMER was switched off." in text_of(change(as_olive, code, "off"))
    assert not sandbox.client.v1.promotion_codes.retrieve(code.id).active
    assert "It is no longer valid." in page_of(as_ada, icons, "SUMMER")
    assert "can be used again" in text_of(change(as_olive, code, "on"))
    assert "you pay $15.20" in page_of(as_ada, icons, "SUMMER")
    actions = [entry.details for entry in OperatorAction.objects.order_by("pk")]
    assert actions == [{"active": False}, {"active": True}]


def test_note_is_kept_at_stripe(as_olive: Client, sandbox: Any) -> None:
    code = create_code(sandbox)
    change(as_olive, code, "save", note="Podcast <b>")
    code.refresh_from_db()
    assert (code.note, code.active) == ("Podcast <b>", True)
    assert sandbox.client.v1.promotion_codes.retrieve(code.id).metadata["note"] == "Podcast <b>"
    for url in (code_page(code), LIST):
        page = as_olive.get(url).content.decode()
        assert "Podcast &lt;b&gt;" in page
        assert "Podcast <b>" not in page
    change(as_olive, code, "save", note="")
    code.refresh_from_db()
    assert code.note == ""
    assert "note" not in sandbox.client.v1.promotion_codes.retrieve(code.id).metadata


def test_use_is_counted_by_currency(
    as_olive: Client,
    as_ada: Client,
    as_bob: Client,
    icons: ProductConfiguration,
    club: ProductConfiguration,
    sandbox: Any,
) -> None:
    options: Any = {"eur": {"unit_amount": 1700}}
    sandbox.client.v1.prices.update(icons.prices[0].id, {"currency_options": options})
    sync_product(icons.product_id)
    code = create_code(sandbox, duration="forever")
    gift = create_code(sandbox, "GIFT", percent_off=100)
    for client in (as_ada, as_bob):
        page_of(client, icons, "SUMMER")
    subscription = buy(as_ada, club)  # pays 720 cents
    panel_actions.advance_to_renewal(subscription.subscription_id)  # pays 720 cents
    while sandbox.deliver(after=10):
        pass
    paid = buy(as_ada, icons)  # pays 1520 cents
    sandbox.client.v1.refunds.create({"payment_intent": paid.payment_intent_id, "amount": 500})
    euros = as_bob.post("/store/icon-set/buy/", {"price": icons.prices[0].id, "currency": "eur"})
    as_bob.get(url_path(pay(euros["Location"])))  # pays 1360 cents
    eve = signed_in(User.objects.create_user("eve@example.com", "eve-buys-nothing"))
    page_of(eve, icons, "SUMMER")
    press_buy(eve, icons)  # this order is not paid
    while sandbox.deliver(after=10):
        pass
    rows = [(use.currency, use.orders, use.revenue, use.discount) for use in code_use(code)]
    assert rows == [("eur", 1, 1360, 340), ("usd", 2, 720 + 720 + 1520 - 500, 180 + 180 + 380)]
    page = text_of(as_olive.get(code_page(code)))
    assert "EUR 1 €13.60 €3.40" in page
    assert "USD 2 $24.60 $7.40" in page

    page_of(eve, icons, "GIFT")
    url = press_buy(eve, icons)
    eve.get(url_path(Client().post(url_path(url), {"email": "eve@example.com"})["Location"]))
    assert [(use.orders, use.revenue, use.discount) for use in code_use(gift)] == [(1, 0, 1900)]
    orders = as_olive.get(reverse("admin:ecommerce_purchase_changelist"), {"discount_code": gift.pk})
    assert list(orders.context["cl"].queryset) == list(Purchase.objects.filter(discount_code=gift))
    order = Purchase.objects.get(discount_code=gift)
    assert (
        code_page(gift)
        in as_olive.get(reverse("admin:ecommerce_purchase_change", args=[order.pk])).content.decode()
    )


def test_page_has_the_links_that_apply_the_code(
    as_olive: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    code = create_code(sandbox)
    assert f'href="{settings.SITE_URL}/store/?code=SUMMER"' in as_olive.get(code_page(code)).content.decode()
    limited = create_code(sandbox, "ICONS", applies_to={"products": [icons.product_id]})
    page = as_olive.get(code_page(limited)).content.decode()
    assert f'href="{settings.SITE_URL}/store/icon-set/?code=ICONS"' in page


def test_list_shows_terms_and_use(as_olive: Client, sandbox: Any) -> None:
    create_code(sandbox, terms={"max_redemptions": 5})
    create_code(sandbox, "FIVE", amount_off=500, currency="usd")
    page = text_of(as_olive.get(LIST))
    for words in ("20% off", "$5 off", "0 of 5", "Can be used.", "New code"):
        assert words in page
    assert "SUMMER" in text_of(as_olive.get(LIST, {"q": "summ"}))
    assert "FIVE" not in text_of(as_olive.get(LIST, {"q": "summ"}))


@pytest.mark.parametrize(
    ("permissions", "view", "add", "switch"),
    [
        ([], 403, 403, 403),
        (["view_discountcode"], 200, 403, 403),
        (["view_discountcode", "add_discountcode"], 200, 200, 403),
        (["change_discountcode"], 200, 403, 200),
        (["view_purchase", "refund_purchase"], 403, 403, 403),
    ],
)
def test_each_permission_allows_its_pages(
    sandbox: Any, permissions: list[str], view: int, add: int, switch: int
) -> None:
    code = create_code(sandbox)
    client = staff_with(*permissions)
    assert [client.get(url).status_code for url in (LIST, code_page(code), ADD)] == [view, view, add]
    assert (b"Switch off" in client.get(code_page(code)).content) == (switch == 200)
    assert (b"New code" in client.get(LIST).content) == (add == 200)
    fields = {"token": "00000000-0000-4000-8000-000000000000", "act": "off", "note": ""}
    assert client.post(ADD, {**DEFAULTS, **fields, "code": "MINE"}).status_code == (
        302 if add == 200 else 403
    )
    fields["token"] = "00000000-0000-4000-8000-000000000001"
    assert client.post(code_page(code), fields, follow=True).status_code == switch
    code.refresh_from_db()
    assert code.active == (switch == 403)
    assert DiscountCode.objects.filter(code="MINE").exists() == (add == 200)
    delete = reverse("admin:ecommerce_discountcode_delete", args=[code.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_codes_of_the_other_mode_are_only_shown(as_olive: Client, sandbox: Any) -> None:
    code = create_code(sandbox)
    DiscountCode.objects.update(livemode=True)
    page = as_olive.get(code_page(code))
    assert b"Switch off" not in page.content
    assert as_olive.post(code_page(code), {"act": "off"}).status_code == 403


def test_unknown_code_is_not_found(as_olive: Client) -> None:
    url = reverse("admin:ecommerce_discountcode_change", args=["promo_unknown"])
    assert as_olive.get(url).status_code == 404


def test_shop_without_products_can_make_a_code(as_olive: Client, sandbox: Any) -> None:
    assert make(as_olive, kind="amount", percent_off="", amount_usd="5").status_code == 302
    assert DiscountCode.objects.get().amounts_off == {"usd": 500}
