"""Test bank accounts for SEPA debit. https://docs.stripe.com/testing#sepa-direct-debit"""

import hashlib
import re
from dataclasses import dataclass

FAST_SECONDS, SLOW_SECONDS = 10, 180  # until the bank responds; days at Stripe


@dataclass(frozen=True)
class Account:
    number: str
    label: str
    succeeds: bool
    seconds: int

    @property
    def formatted_number(self) -> str:
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))

    @property
    def details(self) -> dict[str, str | None]:
        fingerprint = hashlib.sha256(self.number.encode()).hexdigest()[:16]
        details: dict[str, str | None] = {"bank_code": self.number[4:9], "country": self.number[:2]}
        return details | {"fingerprint": fingerprint, "last4": self.number[-4:]}


TABLE = (
    Account("AT611904300234573201", "Succeeds", True, FAST_SECONDS),
    Account("AT861904300235473202", "Fails", False, FAST_SECONDS),
    Account("AT321904300235473204", "Succeeds after 3 minutes", True, SLOW_SECONDS),
    Account("AT051904300235473205", "Fails after 3 minutes", False, SLOW_SECONDS),
)
_BY_NUMBER = {account.number: account for account in TABLE}


def normalize(text: str) -> str:
    return re.sub(r"\s", "", text).upper()


def find(text: str) -> Account | None:
    return _BY_NUMBER.get(normalize(text))


# ISO 13616
def is_valid(text: str) -> bool:
    number = normalize(text)
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", number):
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1
