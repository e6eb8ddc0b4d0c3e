"""Test bank accounts for SEPA debit and how the bank answers. https://docs.stripe.com/testing#sepa-direct-debit"""

import hashlib
import re
from dataclasses import dataclass

SOON, LATE = 10, 180
"""Seconds until the bank's answer."""


@dataclass(frozen=True)
class Account:
    """One row: whether the debit succeeds, and after how many seconds."""

    number: str
    label: str
    succeeds: bool
    seconds: int

    @property
    def shown(self) -> str:
        """The number in groups of four."""
        return " ".join(self.number[i : i + 4] for i in range(0, len(self.number), 4))

    @property
    def details(self) -> dict[str, str | None]:
        """What a payment method and a charge tell of it."""
        mark = hashlib.sha256(self.number.encode()).hexdigest()[:16]
        known: dict[str, str | None] = {"bank_code": self.number[4:9], "country": self.number[:2]}
        return known | {"fingerprint": mark, "last4": self.number[-4:]}


TABLE = (
    Account("AT611904300234573201", "Succeeds", True, SOON),
    Account("AT861904300235473202", "Fails", False, SOON),
    Account("AT321904300235473204", "Succeeds after 3 minutes", True, LATE),
    Account("AT051904300235473205", "Fails after 3 minutes", False, LATE),
)
_BY_NUMBER = {account.number: account for account in TABLE}


def tidy(text: str) -> str:
    """The number without spaces, in capitals."""
    return re.sub(r"\s", "", text).upper()


def find(text: str) -> Account | None:
    """The test account with this number, typed with or without spaces."""
    return _BY_NUMBER.get(tidy(text))


def valid(text: str) -> bool:
    """Whether it is well formed and its check digits fit (ISO 13616)."""
    number = tidy(text)
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", number):
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1
