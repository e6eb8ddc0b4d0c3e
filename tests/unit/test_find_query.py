"""What an operator types into the admin's search box is recognised: an address, an order number, a card, an id."""

from uuid import UUID

import pytest

from apps.ecommerce.back_office.find import MAX_LENGTH, Query


@pytest.mark.parametrize(
    "entered",
    [
        "W-7K3F-92QM",
        "w-7k3f-92qm",
        "W7K3F92QM",
        "w7k3f92qm",
        "7k3f-92qm",
        "7K3F92QM",
        " #W-7K3F-92QM ",
        "W 7K3F 92QM",
    ],
)
def test_order_number_is_recognised_with_and_without_dashes_and_in_lower_case(entered: str) -> None:
    assert Query.parse(entered).order_number == "W-7K3F-92QM"


@pytest.mark.parametrize(
    "entered", ["W-7K3F", "W-7K3F-92Q", "W-7K3F-92Q0", "W-7K3F-92QM-1", "Workshops", "10293847"]
)
def test_other_words_are_not_order_numbers(entered: str) -> None:
    assert Query.parse(entered).order_number == ""


@pytest.mark.parametrize(
    "entered",
    ["Ada@Example.com", "Ada Lovelace <ada@example.com>", '"ada@example.com",', " ada@example.com "],
)
def test_address_is_recognised(entered: str) -> None:
    assert Query.parse(entered) == Query(email="ada@example.com")


@pytest.mark.parametrize("entered", ["ada@", "@example.com", "ada@example", "@"])
def test_part_of_an_address_is_recognised(entered: str) -> None:
    assert Query.parse(entered) == Query(email_part=entered)


@pytest.mark.parametrize("entered", ["4242", "•••• 4242", "**** 4242", "xxxx4242", "…4242"])
def test_last_four_digits_are_recognised(entered: str) -> None:
    query = Query.parse(entered)
    assert (query.last_four, query.is_person) == ("4242", False)


@pytest.mark.parametrize("entered", ["424", "42424", "４２４２", "4242a"])
def test_other_digits_are_not_cards(entered: str) -> None:
    assert Query.parse(entered).last_four == ""


IDS = "cs_test_a1B2 cs_live_a1B2 pi_3Abc ch_3Abc py_3Abc sub_1Abc in_1Abc cus_Abc1 evt_1Abc re_3Abc pyr_1Abc du_1Abc"


@pytest.mark.parametrize("id_", IDS.split())
def test_ids_of_stripe_are_recognised_also_in_an_address(id_: str) -> None:
    assert Query.parse(id_) == Query(stripe_id=id_)
    assert Query.parse(f"https://dashboard.stripe.com/acct_1/test/payments/{id_}?a=b#c") == Query(
        stripe_id=id_
    )
    assert Query(stripe_id=id_).prefix == id_.split("_")[0]


def test_address_of_the_buyers_order_page_is_recognised() -> None:
    public_id = UUID("11111111-2222-4333-8444-555555555555")
    assert Query.parse(f"https://shop.example.com/purchases/order/{public_id}/") == Query(public_id=public_id)


def test_texts_are_names_and_parts_of_addresses() -> None:
    assert Query.parse("Ada") == Query(email_part="ada", name="Ada", licence_key="Ada", invoice_number="ADA")
    query = Query.parse(" Ada \t Lovelace ")
    assert (query.name, query.email_part) == ("Ada Lovelace", "")
    assert Query.parse("snake_case").stripe_id == ""


@pytest.mark.parametrize("entered", ["", " ", "\0", "x" * (MAX_LENGTH + 1), "a@b.example" * 1_000])
def test_nothing_is_looked_up_for_empty_and_very_long_texts(entered: str) -> None:
    assert Query.parse(entered) == Query()


def test_single_letter_is_not_a_name() -> None:
    assert Query.parse("a").name == ""
