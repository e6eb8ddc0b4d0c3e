"""Read environment variables in settings.py: `env.int("REFUND_DAYS", default=14)`.

Blanks around values are removed. An empty value is like no value. `env.check()` exits with one line for each wrong or
misspelt variable.
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
from config.env_values import InvalidValue, Parser

T = TypeVar("T")
Text = str  # inside Env, `str` is a method

REQUIRED: Any = object()
MAX_SHOWN_CHARACTERS = 70
MIN_SIMILARITY = 0.85  # similarity of a misspelt name and its suggestion
INVISIBLE = "\u200b\u2060\ufeff"  # str.strip() keeps these characters
QUOTED = re.compile(r"""(["'])((?:(?!\1).)*)\1""", re.DOTALL)
STRIPE_SECRET = re.compile(r"\b([srp]k_(?:test|live)_|whsec_)\S*")
SERVER_AND_PATH = re.compile(r"(?=.*[.:])[\w-]{1,25}(\.[\w-]{1,25})*(:\d{1,5})?(/\w{0,20})?|/.*", re.ASCII)


def exit_with(problems: Iterable[str]) -> NoReturn:
    raise SystemExit("\n".join(f"The shop does not start. {problem}" for problem in problems))


class Env:
    def __init__(self) -> None:
        self.known: set[Text] = set()
        self.names_in_file: set[Text] = set()
        self.missing: set[Text] = set()
        self.problems: dict[Text, Text] = {}  # the first one of each variable
        self.is_checked = False

    def read_file(self, path: Path) -> None:
        """Add the variables of the file to the environment, except those that are already set."""
        values, problems = read_env_file(path)
        if problems:
            exit_with(problems)
        self.names_in_file = set(values)
        for name, value in values.items():
            os.environ.setdefault(name, value)

    def read(
        self, name: Text, parse: Parser[T], default: T = REQUIRED, mask: Callable[[Text], Text] | None = None
    ) -> T:
        """Return the parsed value or the default. check() reports an invalid value."""
        self.known.add(name)
        if value := _read_variable(name):
            try:
                return parse(value)
            except ValueError as error:
                self.add_problem(name, _explain(name, value, error, mask or _mask))
        elif default is REQUIRED:
            self.missing.add(name)
            self.add_problem(
                name, f"{name} is not set. Set it in the environment or in .env (see .env.example)."
            )
        return "" if default is REQUIRED else default  # type: ignore[return-value]  # check() exits

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
        """Read a value that error messages must not show."""
        return self.read(name, parse, default, mask=_mask_secret)

    def url(self, name: Text, parse: Parser[T], default: T = REQUIRED) -> T:
        """Read a URL. Error messages do not show its user, password and options."""
        return self.read(name, parse, default, mask=_mask_url)

    def create_folder(self, name: Text, default: Path) -> Path:
        folder = self.read(name, env_values.path, default)
        with suppress(OSError):
            # It will contain orders, e-mails and paid files.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            self.add_problem(
                name, f"{name} is '{folder}', but it must be a folder that this user can write to."
            )
        return folder

    def require_together(self, first: Text, second: Text) -> None:
        for name, other in ((first, second), (second, first)):
            if _read_variable(other) and not _read_variable(name) and other not in self.problems:
                self.add_problem(name, f"{name} is not set, but {other} is. Set both or neither.")

    def require_package(
        self, name: Text, package: Text, install: Text = "-r requirements-optional.txt"
    ) -> builtins.bool:
        """Return whether the package that the variable needs is installed. Add a problem if it is not."""
        if find_spec(package):
            return True
        self.add_problem(name, f"{name} needs {package}, which is not installed: pip install {install}")
        return False

    def add_problem(self, name: Text, problem: Text) -> None:
        self.problems.setdefault(name, problem)
        if self.is_checked:
            exit_with([problem])

    def check(self) -> None:
        """Exit if a variable is wrong or misspelt. A wrong variable that is read later exits at once."""
        lines = self._misspelt_names()
        # Other variables may be missing only because a name is misspelt or DEBUG is wrong.
        hidden = self.missing if lines or "DEBUG" in self.problems else set()
        lines += [line for name, line in self.problems.items() if name not in hidden]
        if lines:
            exit_with(lines)
        self.is_checked = True

    def _misspelt_names(self) -> list[Text]:
        lines = []
        for name in sorted({*os.environ} - self.known):
            suggestion = _find_similar(name.upper(), self.known)
            # Variables of other programs: LANGUAGE, AWS_…, DATABASE_URL_READONLY.
            is_foreign = "_" not in name or name.startswith(("AWS_", f"{suggestion}_"))
            if suggestion and (name in self.names_in_file or not is_foreign):
                hint = "(To use a variable of your own, read it in apps/shop/settings.py.)"
                lines.append(f"{name} is not a setting. Did you mean {suggestion}? {hint}")
        return lines


def _find_similar(name: str, known: Collection[str]) -> str:
    same_letters = (other for other in known if sorted(other) == sorted(name))
    return next(same_letters, "") or env_values.closest(name, known, MIN_SIMILARITY)


def _read_variable(name: str) -> str:
    raw = os.environ.get(name, "")
    value = _strip(raw)
    if value.startswith("$"):  # "$REDIS_URL", as with django-environ
        value = _strip(os.environ.get(value[1:], value))
    if value != raw:
        os.environ[name] = value  # boto and others read the environment, too
    return value


def _strip(text: str) -> str:
    text = text.strip().strip(INVISIBLE).strip()
    return quoted[2].strip() if (quoted := QUOTED.fullmatch(text)) else text


def _explain(name: str, value: str, error: ValueError, mask: Callable[[str], str]) -> str:
    invalid = error if isinstance(error, InvalidValue) else InvalidValue("in another format")
    shown, suggestion = mask(value), invalid.suggestion
    if len(shown) > MAX_SHOWN_CHARACTERS:
        shown = f"{shown[:MAX_SHOWN_CHARACTERS]}…"
    text = f"{name} is {shown!r}, but it must be {invalid.expected}."
    if not suggestion or suggestion == value or not suggestion.isprintable():
        return text
    return f"{text} Did you mean {mask(suggestion) if '://' in suggestion else suggestion}?"


def _mask(text: str) -> str:
    """Hide Stripe keys, and the user and password of a URL: the value may belong to another variable."""
    return STRIPE_SECRET.sub(r"\1…", re.sub(r"//.*@", "//…@", text))


def _mask_secret(text: str) -> str:
    return f"{found[1]}…" if (found := STRIPE_SECRET.match(text)) else "…"


def _mask_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z0-9+.-]{1,20}", scheme):
        scheme, separator, rest = "", "", text
    _user, at, rest = rest.rpartition("@")
    server, query, _options = rest.partition("?")
    if not at and not SERVER_AND_PATH.fullmatch(server):
        server = "…"  # without @, the text may be a password
    return _mask(f"{scheme}{separator}{'…@' if at else ''}{server}{'?…' if query else ''}")
