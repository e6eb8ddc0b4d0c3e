"""What the value of a variable may look like: each function returns the value, or raises Invalid.

The general types come first, then those of this shop. A form of your own is one more function:
`env.read("MY_COLOUR", colour, default="red")` in config/settings.py. Addresses: config/env_urls.py and config/email.py.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Parser = Callable[[str], T]

TRUE, FALSE = ("true", "yes", "on", "1", "y", "ok"), ("false", "no", "off", "0", "n")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
CLASS_PATH = re.compile(r"([A-Za-z_]\w*\.)+_?[A-Z]\w*", re.ASCII)
RATE = re.compile(r"[1-9]\d{0,9}/(?:[1-9]\d{0,4})?[smhd]/(?:ip|user|key)", re.ASCII)
STRIPE_KEY = re.compile(r"[sr]k_(?:test|live)_\w+", re.ASCII)
# What is pasted in the place of a secret key or a signing secret.
MIXED_UP = {
    "pk_": "pk_… is the publishable key",
    "sk_": "sk_… belongs into STRIPE_SECRET_KEY",
    "rk_": "rk_… belongs into STRIPE_SECRET_KEY",
    "whsec_": "whsec_… belongs into STRIPE_WEBHOOK_SECRET",
    "we_": "we_… is the endpoint's id, its signing secret stands beside it",
}


class Invalid(ValueError):
    """Says what the value has to be ("a whole number"), and what was probably meant."""

    def __init__(self, expected: str, suggestion: str = "") -> None:
        super().__init__(expected)
        self.expected, self.suggestion = expected, suggestion


def closest(text: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the choice that was probably meant, or ""."""
    return next(iter(get_close_matches(text, list(choices), n=1, cutoff=cutoff)), "")


def is_class_path(text: str) -> bool:
    """Whether it is the dotted path of a class in a module that exists."""
    if len(text) > 200 or not CLASS_PATH.fullmatch(text):
        return False
    try:
        return find_spec(text.rpartition(".")[0]) is not None
    except (ImportError, AttributeError, ValueError):
        return False


# --- General types ----------------------------------------------------------------------------------------
def text_line(text: str) -> str:
    if CONTROL.search(text):
        raise Invalid("one line of text")
    return text


def boolean(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise Invalid("true or false", closest(text.lower().split()[0], ("true", "false")))
    return text.lower() in TRUE


def whole_number(minimum: int = 0, maximum: int | None = None) -> Parser[int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,15}", text, re.ASCII) or not _is_between(int(text), minimum, maximum):
            raise Invalid(f"a whole number{_limits(minimum, maximum)}, digits only")
        return int(text)

    return parse


def decimal_number(minimum: float = 0, maximum: float | None = None) -> Parser[float]:
    def parse(text: str) -> float:
        is_number = re.fullmatch(r"\d{1,15}(\.\d{0,15})?|\.\d{1,15}", text, re.ASCII)
        if not is_number or not _is_between(float(text), minimum, maximum):
            suggestion = text.replace(",", ".") if re.fullmatch(r"\d+,\d+", text) else ""
            raise Invalid(f"a number{_limits(minimum, maximum)}", suggestion)
        return float(text)

    return parse


def one_of(choices: Collection[str]) -> Parser[str]:
    """Accept the choices in upper and lower case, and return them as they are written in `choices`."""
    known = {choice.lower(): choice for choice in choices}

    def parse(text: str) -> str:
        if text.lower() not in known:
            raise Invalid(_either(choices), known.get(closest(text.lower(), known), ""))
        return known[text.lower()]

    return parse


def choice_or_path(choices: Collection[str]) -> Parser[str]:
    """Accept one of the choices, or the dotted path of a class in a module that exists."""

    def parse(text: str) -> str:
        if is_class_path(text):
            return text
        try:
            return one_of(choices)(text)
        except Invalid as invalid:
            raise Invalid(f"{invalid.expected}, or the path of a class", invalid.suggestion) from None

    return parse


def comma_list(parse: Parser[T]) -> Parser[list[T]]:
    def parse_all(text: str) -> list[T]:
        try:
            return [parse(part.strip()) for part in text.split(",") if part.strip()]
        except Invalid as invalid:
            raise Invalid(f"{invalid.expected}, with commas between several", invalid.suggestion) from None

    return parse_all


def word(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise Invalid("one word, without blanks in it")
    return text


def header_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        meant = text.replace("_", "-")
        raise Invalid(
            "a header as the proxy sends it, for example Fly-Client-IP",
            meant if re.fullmatch(r"[A-Za-z0-9-]+", meant) else "",
        )
    return text


def long_word(minimum: int) -> Parser[str]:
    def parse(text: str) -> str:
        if len(text) < minimum:
            raise Invalid(f"{minimum} characters or more")
        return word(text)

    return parse


def path(text: str) -> Path:
    """Return the path, with the home folder for ~; other variables in it are not replaced."""
    if "$" in text or CONTROL.search(text):
        raise Invalid("a path without variables in it")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody
        raise Invalid("a path, without ~ or with a user's home that exists") from None


def _is_between(number: float, minimum: float, maximum: float | None) -> bool:
    return minimum <= number and (maximum is None or number <= maximum)


def _limits(minimum: float, maximum: float | None) -> str:
    return f" from {minimum} to {maximum}" if maximum is not None else f" from {minimum} upwards"


def _either(choices: Collection[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


# --- Language and time ------------------------------------------------------------------------------------
def language_code(codes: Collection[str]) -> Parser[str]:
    """Accept one of the languages, or a variant of it: en-us where en is offered."""

    def parse(text: str) -> str:
        if text.lower() not in codes and text.lower().partition("-")[0] not in codes:
            variant = text.lower().replace("_", "-")
            suggestion = variant if variant.partition("-")[0] in codes else ""
            raise Invalid(f"one of LANGUAGES ({_either(codes)})", suggestion)
        return text

    return parse


def time_zone(text: str) -> str:
    zones = zoneinfo.available_timezones()
    if text not in zones:
        found = [zone for zone in sorted(zones) if zone.lower() == text.lower() or zone.endswith(f"/{text}")]
        meant = closest(text.replace(" ", "_"), zones)
        raise Invalid("the name of a time zone, for example Europe/Berlin", found[0] if found else meant)
    return text


# --- Stripe and limits ------------------------------------------------------------------------------------
def stripe_secret_key(text: str) -> str:
    if not STRIPE_KEY.fullmatch(text):
        raise Invalid(_with_mix_up("a secret key of Stripe's (sk_live_…, rk_live_… or sk_test_…)", text))
    return text


def stripe_webhook_secret(text: str) -> str:
    if not re.fullmatch(r"whsec_[\w+/=-]+", text, re.ASCII):
        raise Invalid(_with_mix_up("the signing secret of the webhook (whsec_…)", text))
    return text


def rate_limits(limits: Mapping[str, str]) -> Parser[dict[str, str]]:
    """Accept "checkout=5/m/user,20/m/ip;search=", and return `limits` with these in it."""
    example = "like checkout=5/m/user,20/m/ip;search="

    def parse(text: str) -> dict[str, str]:
        found = dict(limits)
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, equals, rates = (piece.strip() for piece in part.partition("="))
            if name not in limits:
                raise Invalid(f"{example} ({name} is no limit)", closest(name, limits))
            each = [rate.strip() for rate in rates.split(",") if rate.strip()]
            if not equals or not all(RATE.fullmatch(rate) for rate in each):
                raise Invalid(f"{example} ({part} is not)")
            found[name] = ",".join(each)
        return found

    return parse


def _with_mix_up(expected: str, text: str) -> str:
    mix_up = next((words for prefix, words in MIXED_UP.items() if text.startswith(prefix)), "")
    return f"{expected}, whole and without blanks" + (
        f"; {mix_up}" if mix_up and mix_up[:3] not in expected else ""
    )
