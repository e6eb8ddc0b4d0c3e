"""Test cards and their outcomes. https://docs.stripe.com/testing and https://docs.stripe.com/declines/codes

The fingerprint of a card depends on its number only, so that a payment method or charge leads to its row in TABLE.
"""

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Decline:
    code: str
    decline_code: str | None
    message: str
    outcome: str = "issuer_declined"

    @property
    def page_message(self) -> str:
        """Return the message on the hosted page. For a generic decline it is not the message of the API."""
        return "Your card has been declined." if self.message == GENERIC_TEXT else self.message


@dataclass(frozen=True)
class Card:
    """A test card. `challenge` requires 3D Secure, `follow_up` is an action after the payment, such as a dispute."""

    number: str
    label: str
    decline: Decline | None = None
    challenge: bool = False
    follow_up: str = ""
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]

    @property
    def formatted_number(self) -> str:
        return group_digits(self.number)


GENERIC_TEXT = "Your card was declined."
GENERIC = Decline("card_declined", "generic_decline", GENERIC_TEXT)
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", GENERIC_TEXT)
STOLEN = Decline("card_declined", "stolen_card", GENERIC_TEXT)
EXPIRED = Decline("expired_card", None, "Your card has expired.")
CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
BLOCKED = Decline("card_declined", "fraudulent", GENERIC_TEXT, outcome="blocked")
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
)

TABLE = (
    Card("4242424242424242", "Succeeds"),
    Card("5555555555554444", "Succeeds, Mastercard", brand="mastercard"),
    Card("378282246310005", "Succeeds, American Express", brand="amex"),
    Card("4000056655665556", "Succeeds, Visa debit", funding="debit"),
    Card("4000000000000002", "Declined", decline=GENERIC),
    Card("4000000000009995", "Insufficient funds", decline=INSUFFICIENT),
    Card("4000000000009987", "Declined, lost card", decline=LOST),
    Card("4000000000009979", "Declined, stolen card", decline=STOLEN),
    Card("4000000000000069", "Declined, expired card", decline=EXPIRED),
    Card("4000000000000127", "Declined, wrong security code", decline=CVC),
    Card("4000000000000119", "Declined, processing error", decline=PROCESSING),
    Card("4000000000006975", "Declined, used too often", decline=VELOCITY),
    Card("4100000000000019", "Blocked as fraud", decline=BLOCKED),
    Card("4000002500003155", "3D Secure, unless set up before", challenge=True),
    Card("4000002760003184", "3D Secure", challenge=True),
    Card("4000000000003220", "3D Secure 2", challenge=True),
    Card("4000008400001629", "3D Secure, then declined", challenge=True, decline=GENERIC),
    Card("4000000000000341", "Succeeds, renewals fail", follow_up="renewal_declined"),
    Card("4000000000000259", "Succeeds, then disputed as fraud", follow_up="dispute_fraudulent"),
    Card("4000000000002685", "Succeeds, then disputed as not received", follow_up="dispute_not_received"),
    Card("4000000000001976", "Succeeds, then an inquiry", follow_up="dispute_inquiry"),
    Card("4000000000005423", "Succeeds, then an early fraud warning", follow_up="early_fraud_warning"),
    Card("4000000000007726", "Succeeds, refund takes a while", follow_up="refund_pending"),
    Card("4000000000005126", "Succeeds, refund fails later", follow_up="refund_fails"),
)
BY_NUMBER = {card.number: card for card in TABLE}
BY_FINGERPRINT = {card.fingerprint: card for card in TABLE}
SUGGESTED = tuple(
    BY_NUMBER[number]
    for number in ("4242424242424242", "4000000000000002", "4000000000009995", "4000002760003184")
)

_BRANDS = (
    ("visa", re.compile(r"4")),
    ("mastercard", re.compile(r"5[1-5]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720)")),
    ("amex", re.compile(r"3[47]")),
    ("discover", re.compile(r"6011|65|64[4-9]")),
    ("diners", re.compile(r"3(0[0-5]|[689])")),
    ("jcb", re.compile(r"35(2[89]|[3-8])")),
)
_LENGTHS = {"amex": 15, "diners": 14}


def find_by_number(number: str) -> Card:
    """Return the test card. Other numbers are declined, as in Stripe's test mode."""
    unknown = Card(number, "Not a test card", decline=NOT_A_TEST_CARD, brand=detect_brand(number))
    return BY_NUMBER.get(number, unknown)


def find_by_fingerprint(fingerprint: str) -> Card:
    return BY_FINGERPRINT.get(fingerprint, TABLE[0])


def extract_digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def detect_brand(number: str) -> str:
    return next((name for name, prefix in _BRANDS if prefix.match(number)), "unknown")


def number_length(number: str) -> int:
    return _LENGTHS.get(detect_brand(number), 16)


def cvc_length(number: str) -> int:
    return 4 if detect_brand(number) == "amex" else 3


# ISO/IEC 7812-1
def is_luhn_valid(number: str) -> bool:
    odd, even = number[-1::-2], number[-2::-2]
    total = sum(map(int, odd)) + sum(sum(divmod(2 * int(d), 10)) for d in even)
    return number != "" and total % 10 == 0


def parse_expiry(text: str) -> tuple[int, int] | None:
    """Return (month, year) of "12 / 34", "1234" or "12/2034"; None if the text is incomplete or invalid."""
    found = re.fullmatch(r"\s*(\d{1,2})\s*[/\-. ]?\s*(\d{2}|20\d{2})\s*", text, re.ASCII)
    if not found or not 1 <= int(found[1]) <= 12:
        return None
    year = int(found[2])
    return int(found[1]), year if year >= 100 else 2000 + year


def group_digits(number: str) -> str:
    if detect_brand(number) == "amex":
        return " ".join(filter(None, (number[:4], number[4:10], number[10:])))
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
