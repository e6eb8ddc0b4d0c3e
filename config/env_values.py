"""Parsers of variables. Each gets the stripped text, and returns the value or raises InvalidValue.

Your own is a function: `env.read("MY_COLOUR", parse_colour, default="red")` in apps/shop/settings.py.
"""

import math
import os.path
import re
import zoneinfo
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Parser = Callable[[str], T]

FOUNDER_EMAILS = ("sale", "cancellation")
CHECKOUT_CONSENT = ("terms", "withdrawal")
TRUE, FALSE = ("true", "yes", "on", "1", "y", "ok"), ("false", "no", "off", "0", "n")
CLASS_PATH = re.compile(r"([A-Za-z_]\w*\.)+_?[A-Z]\w*", re.ASCII)
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
ATOM = r"[\w!#$%&'*+/=?^{|}~-]+"
EMAIL = rf"{ATOM}(?:\.{ATOM})*@(?:[\w-]+(?:\.[\w-]+)+|localhost)"


class InvalidValue(ValueError):
    """`expected` completes "it must be …". `suggestion` may be ""."""

    def __init__(self, expected: str, suggestion: str = "") -> None:
        super().__init__(expected)
        self.expected, self.suggestion = expected, suggestion


def closest(text: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    return next(iter(get_close_matches(text, sorted(choices), n=1, cutoff=cutoff)), "")


def matching(pattern: str, expected: str, fix: Callable[[str], str] = str) -> Parser[str]:
    """Return a parser of text that matches the pattern. If fix(text) matches, the error suggests it."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            fixed = fix(text)
            raise InvalidValue(expected, fixed if re.fullmatch(pattern, fixed, re.ASCII) else "")
        return text

    return parse


# --- General types ----------------------------------------------------------------------------------------
def text_line(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise InvalidValue("one line of text")
    return text


def boolean(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise InvalidValue("true or false", closest(text.lower().split()[0], ("true", "false")))
    return text.lower() in TRUE


def whole_number(minimum: float = 0, maximum: float = math.inf) -> Parser[int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,15}", text, re.ASCII) or not minimum <= int(text) <= maximum:
            limits = f"from {minimum}" if maximum == math.inf else f"from {minimum} to {maximum}"
            raise InvalidValue(f"a whole number {limits}, digits only")
        return int(text)

    return parse


def fraction(text: str) -> float:
    expected = "a number from 0 to 1"
    return float(matching(r"0?\.\d{1,15}|[01](\.0*)?", expected, lambda text: text.replace(",", "."))(text))


def one_of(choices: Collection[str], *, or_class: bool = False, note: str = "") -> Parser[str]:
    """Return a parser of the choices, upper or lower case, and of the dotted path of a class if `or_class`."""
    by_lower_case = {choice.lower(): choice for choice in choices}

    def parse(text: str) -> str:
        if or_class and is_class_path(text):
            return text
        if text.lower() not in by_lower_case:
            expected = " or ".join(", ".join(choices).rsplit(", ", 1)) + note
            suggestion = by_lower_case.get(closest(text.lower(), by_lower_case), "")
            raise InvalidValue(f"{expected}, or the path of a class" if or_class else expected, suggestion)
        return by_lower_case[text.lower()]

    return parse


shop_id = matching(r"[a-zA-Z0-9._:-]{1,100}", "letters, digits and . _ : - without spaces")


def translated(translations: Collection[str]) -> Parser[str]:
    return one_of(translations, note=" (docs/guides/add-a-language.md explains how to add another)")


def founder_emails(text: str) -> list[str]:
    kinds = comma_list(one_of((*FOUNDER_EMAILS, "none"), note=" (disputes are alerts: ALERTS_OFF)"))(text)
    return [kind for kind in kinds if kind != "none"]


def checkout_consent(text: str) -> list[str]:
    kinds = comma_list(one_of((*CHECKOUT_CONSENT, "none")))(text)
    return [kind for kind in kinds if kind != "none"]


def is_class_path(text: str) -> bool:
    """Return whether the text is a dotted path of a class whose module exists."""
    try:
        return bool(CLASS_PATH.fullmatch(text) and find_spec(text.rpartition(".")[0]))
    except (ImportError, AttributeError, ValueError):
        return False


def comma_list(parse: Parser[T]) -> Parser[list[T]]:
    def parse_all(text: str) -> list[T]:
        try:
            return [parse(part.strip()) for part in text.split(",") if part.strip()]
        except InvalidValue as invalid:
            parts = [_suggest(part, parse) for part in re.findall(r"""[^\s,;"']*\w[^\s,;"']*""", text)]
            suggestion = ",".join(parts) if all(parts) else invalid.suggestion
            raise InvalidValue(
                f"{invalid.expected}, separated by commas if there are several", suggestion
            ) from None

    return parse_all


def path(text: str) -> Path:
    expanded = os.path.expanduser(text)
    if "$" in text or expanded.startswith("~"):
        raise InvalidValue("a path without variables or unknown users")
    return Path(expanded)


def _suggest(text: str, parse: Parser[T]) -> str:
    try:
        parse(text)
    except InvalidValue as invalid:
        return invalid.suggestion
    return text


word = matching(r"[!-~]+", "one word without spaces")
long_word = matching(r"[!-~]{16,}", "at least 16 characters without spaces")
email_address = matching(
    EMAIL,
    "one e-mail address, for example hello@example.com",
    lambda text: "".join(re.findall(EMAIL, text)[:1]),
)
sender = matching(
    rf"""{EMAIL}|("(?:[^"\\]|\\.)*"|[^"(),:;<>@\[\]\\]*)\s*<{EMAIL}>""",
    "an e-mail address, or Shop <hello@example.com>, with quotation marks around a name with commas",
    lambda text: re.sub(r'^([^"<]+?)\s*<', r'"\1" <', text),
)
header_name = matching(
    r"[A-Za-z0-9-]+",
    "a header as the proxy sends it, for example Fly-Client-IP",
    lambda text: text.replace("_", "-"),
)


# --- Language, time and Stripe ----------------------------------------------------------------------
def language_code(codes: Collection[str]) -> Parser[str]:
    """Return a parser of these languages and their variants, for example en-us for en."""
    pattern = rf"(?i:{'|'.join(codes)})(-\w+)?"
    expected = f"one of LANGUAGES ({', '.join(codes)})"
    return matching(pattern, expected, lambda text: text.lower().replace("_", "-"))


def time_zone(text: str) -> str:
    zones = zoneinfo.available_timezones()
    if text not in zones:
        suggestion = closest(text.replace(" ", "_"), zones)
        raise InvalidValue("the name of a time zone, for example Europe/Berlin", suggestion)
    return text


stripe_secret_key = matching(
    r"[sr]k_(?:test|live)_\w+",
    "a secret key from Stripe (sk_live_…, rk_live_… or sk_test_…), complete and without spaces; "
    "pk_… is the publishable key, whsec_… belongs in STRIPE_WEBHOOK_SECRET",
)
stripe_webhook_secret = matching(
    r"whsec_[\w+/=-]+",
    "the signing secret of the webhook (whsec_…), complete and without spaces; "
    "we_… is the endpoint's id, sk_… belongs in STRIPE_SECRET_KEY",
)
