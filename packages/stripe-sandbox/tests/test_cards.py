"""Parsing of the card fields of the hosted page."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_sandbox import card_numbers, cards
from stripe_sandbox.hosted import payment_form

TODAY = datetime.date(2026, 11, 23)
VALID_FORM = {
    "email": "ada@example.com",
    "cardNumber": "4242 4242 4242 4242",
    "cardExpiry": "12 / 34",
    "cardCvc": "123",
    "billingName": "Ada Lovelace",
    "billingCountry": "US",
    "billingPostalCode": "10001",
}
numbers = st.text("0123456789", min_size=1, max_size=18)


def errors(**changes: str) -> dict[str, str]:
    return payment_form.read(VALID_FORM | changes, ask_email=True, ask_card=True, today=TODAY).errors


def with_check_digit(number: str) -> str:
    return next(number + digit for digit in "0123456789" if card_numbers.is_luhn_valid(number + digit))


@given(numbers)
def test_exactly_one_check_digit_is_valid(number: str) -> None:
    assert sum(card_numbers.is_luhn_valid(number + digit) for digit in "0123456789") == 1


@given(numbers, st.data())
def test_one_wrong_digit_is_detected(number: str, data: st.DataObject) -> None:
    valid = with_check_digit(number)
    position = data.draw(st.integers(0, len(valid) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != valid[position]]))
    assert not card_numbers.is_luhn_valid(valid[:position] + other + valid[position + 1 :])


@given(st.text("0123456789", max_size=19))
def test_grouping_keeps_all_digits(number: str) -> None:
    assert card_numbers.extract_digits(card_numbers.group_digits(number)) == number


@given(
    st.integers(1, 12),
    st.integers(0, 99),
    st.sampled_from(["{:02}/{:02}", "{:02} / {:02}", "{:02}{:02}", "{}/{:02}", "{:02}-{:02}"]),
)
def test_expiry_formats_are_parsed(month: int, year: int, pattern: str) -> None:
    assert card_numbers.parse_expiry(pattern.format(month, year)) == (month, 2000 + year)


@given(st.text(max_size=12))
def test_parsed_expiry_is_valid_or_none(text: str) -> None:
    parsed = card_numbers.parse_expiry(text)
    assert parsed is None or (1 <= parsed[0] <= 12 and 2000 <= parsed[1] <= 2099)


@given(st.dictionaries(st.sampled_from(sorted(VALID_FORM)), st.text(max_size=30)))
def test_form_accepts_arbitrary_text(value: dict[str, str]) -> None:
    read = payment_form.read(value, ask_email=True, ask_card=True, today=TODAY)
    assert read.errors or card_numbers.is_luhn_valid(read.number)


@pytest.mark.parametrize("card", cards.TABLE, ids=lambda card: card.number)
def test_all_test_cards_have_valid_numbers(card: cards.Card) -> None:
    assert card_numbers.is_luhn_valid(card.number)
    assert card_numbers.detect_brand(card.number) == card.brand
    assert len(card.number) >= card_numbers.number_length(card.number)
    assert cards.find_by_fingerprint(card.fingerprint) is card
    assert (
        errors(cardNumber=card.formatted_number, cardCvc="1234"[: card_numbers.cvc_length(card.number)]) == {}
    )


def test_payment_method_tokens_are_unique() -> None:
    tokens = [card.method for card in cards.TABLE if card.method]
    assert len(tokens) == len(set(tokens)) > 100


def test_non_test_card_is_declined() -> None:
    card = cards.find_by_number(with_check_digit("400000111122223"))
    assert card.decline is cards.NOT_A_TEST_CARD


def test_fingerprints_are_unique() -> None:
    assert len(cards.BY_FINGERPRINT) == len(cards.BY_NUMBER) == len(cards.TABLE)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("cardNumber", "", "Required"),
        ("cardNumber", "4242 4242", "Your card number is incomplete."),
        ("cardNumber", "4242 4242 4242 4241", "Your card number is invalid."),
        ("cardNumber", "4242 4242 4242 4242 x", "Your card number is invalid."),
        ("cardNumber", "4242 4242 4242 4242 4242 4242", "Your card number is invalid."),
        ("cardExpiry", "", "Required"),
        ("cardExpiry", "12", "Your card's expiration date is incomplete."),
        ("cardExpiry", "13 / 34", "Your card's expiration date is incomplete."),
        ("cardExpiry", "10 / 26", "Your card's expiration date is in the past."),
        ("cardExpiry", "12 / 25", "Your card's expiration year is in the past."),
        ("cardExpiry", "12 / 99", "Your card's expiration year is invalid."),
        ("cardCvc", "", "Required"),
        ("cardCvc", "12", "Your card's security code is incomplete."),
        ("cardCvc", "1234", "Your card's security code is incomplete."),
        ("billingName", "  ", "Required"),
        ("billingCountry", "XX", "Required"),
        ("billingPostalCode", "", "Required"),
        ("billingPostalCode", "1000", "Your ZIP is invalid."),
        ("email", "", "Required"),
        ("email", "ada@", "Your email is invalid."),
        ("email", "ada@exämple.com", "Your email is invalid."),
    ],
)
def test_invalid_field_has_error_message(field: str, value: str, text: str) -> None:
    assert errors(**{field: value}) == {field: text}


@pytest.mark.parametrize(
    "changes",
    [
        {"cardExpiry": "11 / 26"},
        {"cardNumber": "3782 822463 10005", "cardCvc": "1234"},
        {"billingCountry": "DE", "billingPostalCode": ""},
        {"billingCountry": "GB", "billingPostalCode": "SW1A 1AA"},
        {"billingCountry": "CA", "billingPostalCode": "K1A 0B1"},
    ],
)
def test_valid_field_has_no_error(changes: dict[str, str]) -> None:
    assert errors(**changes) == {}


def test_only_required_fields_are_validated() -> None:
    assert payment_form.read({}, ask_email=False, ask_card=False, today=TODAY).errors == {}
