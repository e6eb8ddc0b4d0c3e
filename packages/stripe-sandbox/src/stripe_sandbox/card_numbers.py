"""Card numbers and expiry dates: brands, lengths, check digits and formatting."""

import re

_BRANDS = (
    ("visa", re.compile(r"4")),
    ("mastercard", re.compile(r"5[1-5]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720)")),
    ("amex", re.compile(r"3[47]")),
    ("discover", re.compile(r"6011|65|64[4-9]")),
    ("diners", re.compile(r"3(0[0-5]|[689])")),
    ("unionpay", re.compile(r"62")),
    ("jcb", re.compile(r"35(2[89]|[3-8])")),
)
_LENGTHS = {"amex": 15, "diners": 14}


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
