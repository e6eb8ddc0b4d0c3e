"""Read environment variables in settings.py: `env.int("REFUND_DAYS", default=14)`.

Each variable is declared where it is read, with its type and its default. Values are stripped; an empty value counts as
unset. `env.check()` ends the process with one line for each wrong or misspelt variable.
"""

import builtins
import math
import os
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from config import env_values
from config.env_file import read_env_file
from config.env_values import Invalid, Parser

T = TypeVar("T")
Text = str  # the methods of Env have the names of the types

REQUIRED: Any = object()
MAX_SHOWN_CHARACTERS = 70
MIN_SIMILARITY = 0.85  # from which an unknown name counts as a misspelt known one
INVISIBLE = "\u200b\u2060\ufeff"  # pasted with a value, and left by str.strip()
QUOTED = re.compile(r"""(["'])((?:(?!\1).)*)\1""", re.DOTALL)
STRIPE_SECRET = re.compile(r"\b([srp]k_(?:test|live)_|whsec_)\S*")
PLACE = re.compile(r"(?=.*[.:])[\w-]{1,25}(\.[\w-]{1,25})*(:\d{1,5})?(/\w{0,20})?|/.*", re.ASCII)


def refuse(problems: Iterable[str]) -> NoReturn:
    """End the process with status 1 and one line for each problem."""
    raise SystemExit("\n".join(f"The shop does not start. {problem}" for problem in problems))


class Env:
    def __init__(self) -> None:
        self.known: set[Text] = set()
        self.in_file: set[Text] = set()
        self.missing: set[Text] = set()
        self.problems: dict[Text, Text] = {}  # the first one of each variable
        self.is_checked = False

    def read_file(self, path: Path) -> None:
        """Add the variables of the file to the environment, whose own variables win."""
        values, problems = read_env_file(path)
        if problems:
            refuse(problems)
        self.in_file = set(values)
        for name, value in values.items():
            os.environ.setdefault(name, value)

    def read(
        self, name: Text, parse: Parser[T], default: T = REQUIRED, mask: Callable[[Text], Text] | None = None
    ) -> T:
        """Return the parsed value or the default. Note a value that `parse` refuses, for check()."""
        self.known.add(name)
        if value := _value(name):
            try:
                return parse(value)
            except ValueError as error:
                self.note(name, _explain(name, value, error, mask or _mask))
        elif default is REQUIRED:
            self.missing.add(name)
            self.note(name, f"{name} is not set. Put it into the environment or .env (see .env.example).")
        return "" if default is REQUIRED else default  # type: ignore[return-value]  # check() ends the process

    def str(self, name: Text, default: Text = REQUIRED) -> Text:
        return self.read(name, env_values.text_line, default)

    def bool(self, name: Text, default: builtins.bool = REQUIRED) -> builtins.bool:
        return self.read(name, env_values.boolean, default)

    def int(
        self, name: Text, default: builtins.int = REQUIRED, minimum: float = 0, maximum: float = math.inf
    ) -> builtins.int:
        return self.read(name, env_values.whole_number(minimum, maximum), default)

    def choice(self, name: Text, choices: Collection[Text], default: Text = REQUIRED) -> Text:
        return self.read(name, env_values.one_of(choices), default)

    def secret(self, name: Text, parse: Parser[Text] = env_values.word, default: Text = REQUIRED) -> Text:
        """Read a value that an error message must not show."""
        return self.read(name, parse, default, mask=_mask_secret)

    def url(self, name: Text, parse: Parser[T], default: T = REQUIRED) -> T:
        """Read a URL whose user, password and options an error message must not show."""
        return self.read(name, parse, default, mask=_mask_url)

    def folder(self, name: Text, default: Path) -> Path:
        """Return the folder, and create it if it does not exist."""
        folder = self.read(name, env_values.path, default)
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds orders, e-mails and paid files
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            self.note(name, f"{name} is '{folder}', but it has to be a folder that this user may write to.")
        return folder

    def require_together(self, first: Text, second: Text) -> None:
        for name, other in ((first, second), (second, first)):
            if _value(other) and not _value(name) and other not in self.problems:
                self.note(name, f"{name} is not set, but {other} is. Set both, or none.")

    def has_package(
        self, name: Text, package: Text, install: Text = "-r requirements-optional.txt"
    ) -> builtins.bool:
        """Return whether the package is installed that this variable needs, and note if it is not."""
        if find_spec(package):
            return True
        self.note(name, f"{name} needs {package}, which is not installed: pip install {install}")
        return False

    def note(self, name: Text, problem: Text) -> None:
        self.problems.setdefault(name, problem)
        if self.is_checked:
            refuse([problem])

    def check(self) -> None:
        """End the process if a variable is wrong or misspelt; after this call a wrong variable ends it at once."""
        lines = self._misspelt_names()
        is_cause_known = lines or "DEBUG" in self.problems  # then variables may be missing only for that
        lines += [
            line for name, line in self.problems.items() if not (is_cause_known and name in self.missing)
        ]
        if lines:
            refuse(lines)
        self.is_checked = True

    def _misspelt_names(self) -> list[Text]:
        lines = []
        for name in sorted({*os.environ} - self.known):
            meant = _similar(name.upper(), self.known)
            # Other programs have variables in the environment, too: LANGUAGE, AWS_…, DATABASE_URL_READONLY.
            is_foreign = "_" not in name or name.startswith(("AWS_", f"{meant}_"))
            if meant and (name in self.in_file or not is_foreign):
                lines.append(
                    f"{name} is no setting. Did you mean {meant}? (Read a variable of your own in config/settings.py.)"
                )
        return lines


def _similar(name: str, known: Collection[str]) -> str:
    same_letters = (other for other in known if sorted(other) == sorted(name))
    return next(same_letters, "") or env_values.closest(name, known, MIN_SIMILARITY)


def _value(name: str) -> str:
    raw = os.environ.get(name, "")
    value = _strip(raw)
    if value.startswith("$"):  # "$REDIS_URL", as with django-environ
        value = _strip(os.environ.get(value[1:], value))
    if value != raw:
        os.environ[name] = value  # boto and others read the environment themselves
    return value


def _strip(text: str) -> str:
    text = text.strip().strip(INVISIBLE).strip()
    return quoted[2].strip() if (quoted := QUOTED.fullmatch(text)) else text


def _explain(name: str, value: str, error: ValueError, mask: Callable[[str], str]) -> str:
    expected = error.expected if isinstance(error, Invalid) else "of another form"
    meant = error.suggestion if isinstance(error, Invalid) else ""
    meant = (
        f" Did you mean {mask(meant) if '://' in meant else meant}?" if meant.isprintable() and meant else ""
    )
    shown = mask(value)
    shown = shown if len(shown) <= MAX_SHOWN_CHARACTERS else f"{shown[:MAX_SHOWN_CHARACTERS]}…"
    return f"{name} is {shown!r}, but it has to be {expected}.{meant}"


def _mask(text: str) -> str:
    """Hide Stripe's keys, and user and password of a URL, in whichever variable they were pasted."""
    return STRIPE_SECRET.sub(r"\1…", re.sub(r"//.*@", "//…@", text))


def _mask_secret(text: str) -> str:
    """Show only which kind of Stripe's keys it is."""
    return f"{found[1]}…" if (found := STRIPE_SECRET.match(text)) else "…"


def _mask_url(text: str) -> str:
    """Show scheme, host, port and path."""
    scheme, separator, rest = text.partition("://") if "://" in text else ("", "", text)
    _user, at, rest = rest.rpartition("@")
    place, query, _options = rest.partition("?")
    if not at and not PLACE.fullmatch(place):
        place = "…"  # perhaps a password whose @ is missing
    return f"{scheme}{separator}{'…@' if at else ''}{place}{'?…' if query else ''}"
