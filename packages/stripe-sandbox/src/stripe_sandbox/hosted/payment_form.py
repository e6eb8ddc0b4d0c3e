"""Read and validate the payment form. The error messages are those of Stripe's page."""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache

from babel import Locale

from .. import card_numbers, cards, ibans, param_limits
from ..resources import tax_ids

# country whose postal code Stripe's page requires ▶ (label, pattern)
POSTAL_CODES = {
    "US": ("ZIP", re.compile(r"\d{5}(-?\d{4})?")),
    "CA": ("Postal code", re.compile(r"[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d")),
    "GB": ("Postal code", re.compile(r"[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}")),
    "PR": ("ZIP", re.compile(r"\d{5}(-?\d{4})?")),
}
CURRENCY_COUNTRIES = {"jpy": "JP", "eur": "DE", "gbp": "GB", "cad": "CA", "chf": "CH", "aud": "AU"}
_TAX_ID_TYPES = ("gb_vat", "eu_vat", "us_ein")
_NOT_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "XK", "ZZ", "QO"}
REQUIRED = "Required"


@dataclass
class PaymentForm:
    """The submitted fields, with the names of Stripe's inputs, and `errors` by field."""

    email: str = ""
    cardNumber: str = ""
    cardExpiry: str = ""
    cardCvc: str = ""
    billingName: str = ""
    billingCountry: str = "US"
    billingPostalCode: str = ""
    businessName: str = ""
    taxId: str = ""
    customUnitAmount: str = ""
    paymentMethod: str = "card"
    savedPaymentMethod: str = ""
    iban: str = ""
    billingAddressLine1: str = ""
    billingAddressLine2: str = ""
    billingLocality: str = ""
    billingAdministrativeArea: str = ""
    phoneNumber: str = ""
    saves_card: bool = False
    accepts_terms: bool = False
    accepts_promotions: bool = False
    custom: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def posted_methods(self) -> dict[str, str]:
        return {"paymentMethod": self.paymentMethod, "savedPaymentMethod": self.savedPaymentMethod}

    @property
    def number(self) -> str:
        return card_numbers.extract_digits(self.cardNumber)

    @property
    def tax_ids(self) -> list[dict[str, str]]:
        """Return the tax id of a valid form as Stripe stores it, or []."""
        kind = _tax_id_kind(self.taxId)
        return [{"type": kind, "value": self.taxId}] if kind else []

    @property
    def account(self) -> ibans.Account | None:
        return ibans.find(self.iban) if self.paymentMethod == "sepa_debit" else None

    @property
    def card(self) -> cards.Card:
        return cards.find_by_number(self.number)

    def fill(self, number: str) -> None:
        card = cards.BY_NUMBER.get(number)
        if card:
            self.cardNumber, self.cardExpiry = card.formatted_number, "12 / 34"
            self.cardCvc = "1234"[: card_numbers.cvc_length(card.number)]

    @property
    def expiry(self) -> tuple[int, int]:
        return card_numbers.parse_expiry(self.cardExpiry) or (1, 2000)

    @property
    def postal_code(self) -> str | None:
        return self.billingPostalCode if self.billingCountry in POSTAL_CODES else None


def read(
    posted: Mapping[str, str],
    *,
    ask_email: bool,
    ask_card: bool,
    today: datetime.date,
    methods: Sequence[str] = ("card",),
) -> PaymentForm:
    names = [field.name for field in fields(PaymentForm) if field.type is str]
    form = PaymentForm()
    for name in names:
        setattr(form, name, posted.get(name, "").strip()[:200])
    if ask_email and not param_limits.is_email(form.email):
        form.errors["email"] = "Your email is invalid." if form.email else REQUIRED
    form.saves_card = "savePaymentMethod" in posted
    if form.paymentMethod not in methods:
        form.paymentMethod = methods[0]
    if form.taxId and not _tax_id_kind(form.taxId):
        form.errors["taxId"] = "Your tax ID is invalid."
    if ask_card and form.paymentMethod == "sepa_debit":
        checks = {
            "iban": _iban_error(form.iban),
            "billingName": "" if form.billingName else REQUIRED,
            "billingCountry": "" if form.billingCountry in dict(countries()) else REQUIRED,
        }
        form.errors |= {name: text for name, text in checks.items() if text}
    elif ask_card:
        checks = {
            "cardNumber": _number_error(form.cardNumber),
            "cardExpiry": _expiry_error(form.cardExpiry, today),
            "cardCvc": _cvc_error(form.cardCvc, form.number),
            "billingName": "" if form.billingName else REQUIRED,
            "billingCountry": "" if form.billingCountry in dict(countries()) else REQUIRED,
            "billingPostalCode": _postal_error(form.billingPostalCode, form.billingCountry),
        }
        form.errors |= {name: text for name, text in checks.items() if text}
    return form


@cache
def countries(language: str = "en") -> list[tuple[str, str]]:
    names = {str(code): str(name) for code, name in Locale(language).territories.items()}
    codes = [code for code in names if re.fullmatch("[A-Z]{2}", code) and code not in _NOT_COUNTRIES]
    return sorted(((code, names[code]) for code in codes), key=lambda row: row[1])


def _number_error(text: str) -> str:
    number = card_numbers.extract_digits(text)
    if not text:
        return REQUIRED
    if len(number) < card_numbers.number_length(number):
        return "Your card number is incomplete."
    if len(number) > 19 or re.search(r"[^0-9 \-]", text) or not card_numbers.is_luhn_valid(number):
        return "Your card number is invalid."
    return ""


def _expiry_error(text: str, today: datetime.date) -> str:
    if not text:
        return REQUIRED
    parsed = card_numbers.parse_expiry(text)
    if parsed is None:
        return "Your card's expiration date is incomplete."
    month, year = parsed
    if year < today.year:
        return "Your card's expiration year is in the past."
    if (year, month) < (today.year, today.month):
        return "Your card's expiration date is in the past."
    return "Your card's expiration year is invalid." if year > today.year + 50 else ""


def _cvc_error(text: str, number: str) -> str:
    if not text:
        return REQUIRED
    complete = len(card_numbers.extract_digits(text)) == len(text) == card_numbers.cvc_length(number)
    return "" if complete else "Your card's security code is incomplete."


def _tax_id_kind(text: str) -> str:
    """Return Stripe's type of a tax id by its format, or "". The number is not verified."""
    return next((kind for kind in _TAX_ID_TYPES if re.fullmatch(tax_ids.FORMATS[kind], text)), "")


def _iban_error(text: str) -> str:
    if not text:
        return REQUIRED
    if not ibans.is_valid(text):
        return "The IBAN you entered is invalid."
    return (
        "" if ibans.find(text) else "The sandbox accepts test accounts only. See the list of test accounts."
    )


def _postal_error(text: str, country: str) -> str:
    if country not in POSTAL_CODES:
        return ""
    label, pattern = POSTAL_CODES[country]
    if not text:
        return REQUIRED
    return "" if pattern.fullmatch(text) else f"Your {label if label == 'ZIP' else label.lower()} is invalid."
