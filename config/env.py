"""How settings.py reads the environment: `env = Env()`, `env.int("REFUND_DAYS", default=14)`, …, `env.check()`.

Each variable is declared where it is read, with its type and its default, and nowhere else. Values are stripped, and an
empty one is not set. env.check() ends the start with one line for each variable that is wrong or misspelt.
"""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Callable, Collection, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import environ

from config import env_values
from config.env_file import read_env_file
from config.env_values import Invalid, Parser

T = TypeVar("T")
Mask = Callable[[str], str]

NOTSET: Any = environ.Env.NOTSET
MAX_SHOWN = 70  # characters of a value
# How similar (difflib's ratio) an unknown name has to be to a known one to be a misspelt one.
SIMILAR_IN_FILE, SIMILAR_IN_ENVIRONMENT = 0.82, 0.86
AROUND = "\u200b\u2060\ufeff"  # blanks without width that are pasted with a value; str.strip() leaves them
STRIPE_SECRET = re.compile(r"\b([srp]k_(?:test|live)_|whsec_)\S*")
HOST_AND_PORT = re.compile(r"(?=.*[.:])[\w-]{1,25}(\.[\w-]{1,25})*(:\d{1,5})?(/\w{0,20})?", re.ASCII)


def refuse(problems: Iterable[str]) -> NoReturn:
    """End the process with status 1 and one line for each problem, whichever way it was started."""
    raise SystemExit("\n".join(f"The shop does not start. {problem}" for problem in problems))


class Env(environ.Env):  # type: ignore[misc]  # it has no types
    """django-environ's Env, but strict: a value that it cannot read is an error, with its other methods as well."""

    def __init__(self) -> None:
        super().__init__()
        self.known: set[builtins.str] = set()
        self.in_file: set[builtins.str] = set()
        self.problems: dict[builtins.str, builtins.str] = {}  # by the variable's name
        self.missing: set[builtins.str] = set()
        self.is_checked = False

    def read_file(self, path: builtins.str | Path, *, must_exist: builtins.bool = False) -> None:
        """Add the variables of the file to the environment, whose own variables win."""
        try:
            values, problems = read_env_file(Path(path))
        except FileNotFoundError:
            values, problems = {}, [f"ENV_FILE is '{path}', but there is no such file."] if must_exist else []
        if problems:
            refuse(problems)
        self.in_file = set(values)
        for name, value in values.items():
            os.environ.setdefault(name, value)

    # --- A method for each type; without a default the variable has to be set ---------------------------------
    def str(self, name: builtins.str, default: builtins.str = NOTSET) -> builtins.str:
        return self.read(name, env_values.text_line, default)

    def bool(self, name: builtins.str, default: builtins.bool = NOTSET) -> builtins.bool:
        return self.read(name, env_values.boolean, default)

    def int(
        self,
        name: builtins.str,
        default: builtins.int = NOTSET,
        minimum: builtins.int = 0,
        maximum: builtins.int | None = None,
    ) -> builtins.int:
        return self.read(name, env_values.whole_number(minimum, maximum), default)

    def float(
        self,
        name: builtins.str,
        default: builtins.float = NOTSET,
        minimum: builtins.float = 0,
        maximum: builtins.float | None = None,
    ) -> builtins.float:
        return self.read(name, env_values.decimal_number(minimum, maximum), default)

    def choice(
        self, name: builtins.str, choices: Collection[builtins.str], default: builtins.str = NOTSET
    ) -> builtins.str:
        return self.read(name, env_values.one_of(choices), default)

    def list(
        self, name: builtins.str, parse: Parser[T] | None = None, default: builtins.list[T] = NOTSET
    ) -> builtins.list[T]:
        """Return the values between the commas, each parsed by `parse`."""
        return self.read(name, env_values.comma_list(parse or cast(Any, env_values.text_line)), default)

    def folder(self, name: builtins.str, default: Path) -> Path:
        """Return the folder, and make it if it is not there."""
        found = self.read(name, env_values.path, default)
        try:
            found.mkdir(mode=0o700, parents=True, exist_ok=True)  # private: orders, e-mails, paid files
            is_writable = os.access(found, os.W_OK)
        except OSError:
            is_writable = False
        if not is_writable:
            self.note(name, f"{name} is '{found}', but it has to be a folder that this user may write to.")
        return found

    def secret(
        self,
        name: builtins.str,
        parse: Parser[builtins.str] = env_values.word,
        default: builtins.str = NOTSET,
    ) -> builtins.str:
        """Read a value that an error message must not show."""
        return self.read(name, parse, default, mask=_mask_secret)

    def url(self, name: builtins.str, parse: Parser[T], default: T = NOTSET) -> T:
        """Read an address; an error message must not show the user, password and options in it."""
        return self.read(name, parse, default, mask=_mask_url)

    # --- What they share ------------------------------------------------------------------------------------
    def read(self, name: builtins.str, parse: Parser[T], default: T = NOTSET, mask: Mask | None = None) -> T:
        """Return what `parse` makes of the variable, or the default. Note what is wrong, for check()."""
        self.known.add(name)
        text = self._text(name)
        if text:
            try:
                return parse(text)
            except Invalid as invalid:
                self.note(name, _explain(name, text, invalid, mask or _mask))
        elif default is NOTSET:
            self.missing.add(name)
            self.note(name, f"{name} is not set. Put it into the environment or .env (see .env.example).")
        return cast(T, "") if default is NOTSET else default

    def get_value(
        self,
        var: builtins.str,
        cast: Any = None,
        default: Any = NOTSET,
        parse_default: builtins.bool = False,
    ) -> Any:
        """What django-environ's other methods call: json, dict, path, …"""

        def parse(text: builtins.str) -> Any:
            try:
                return environ.Env.parse_value(text, cast)
            except (ValueError, TypeError) as error:
                raise Invalid(f"what {getattr(cast, '__name__', 'its type')} reads") from error

        return self.read(var, parse, default)

    def require_together(self, *names: builtins.str) -> None:
        """Note the variables that are missing if at least one of them is set."""
        is_set = [name for name in names if self._text(name)]
        for name in names:
            if is_set and name not in is_set and not self.problems.keys() & {*names}:
                self.note(name, f"{name} is not set, but {is_set[0]} is. Set both, or none.")

    def has_package(
        self,
        name: builtins.str,
        package: builtins.str,
        install: builtins.str = "-r requirements-optional.txt",
    ) -> builtins.bool:
        """Return whether the package is installed that this variable needs, and note if it is not."""
        if find_spec(package):
            return True
        self.note(name, f"{name} needs {package}, which is not installed: pip install {install}")
        return False

    def note(self, name: builtins.str, problem: builtins.str) -> None:
        """Keep the first problem of each variable for check(); after check() it ends the process."""
        self.problems.setdefault(name, problem)
        if self.is_checked:
            refuse([problem])

    def check(self) -> None:
        """End the process if a variable is wrong or misspelt."""
        misspelt = self._misspelt()
        lines = [
            f"{name} is no setting. Did you mean {meant}? (Read a variable of your own in config/settings.py.)"
            for name, meant in misspelt.items()
        ]
        # What is missing may only follow from a misspelt name or a wrong DEBUG.
        follows = self.missing if misspelt or "DEBUG" in self.problems else set()
        lines += [line for name, line in self.problems.items() if name not in follows]
        if lines:
            refuse(lines)
        self.is_checked = True

    def _text(self, name: builtins.str) -> builtins.str:
        """Return the variable stripped, and put it back so: boto and others read the environment themselves."""
        raw = os.environ.get(name, "")
        text = _stripped(raw)
        if re.fullmatch(r"\$[A-Z_][A-Z0-9_]*", text) and text[1:] in os.environ:  # as in django-environ
            text = _stripped(os.environ[text[1:]])
        if text != raw:
            os.environ[name] = text
        return text

    def _misspelt(self) -> dict[builtins.str, builtins.str]:
        """Return unknown names, each with the known name that was probably meant."""
        found = {}
        for name in self.in_file - self.known:
            if meant := _similar(name.upper(), self.known, SIMILAR_IN_FILE):
                found[name] = meant
        # Other programs have names in the environment, too: LANGUAGE, AWS_…, DATABASE_URL_READONLY.
        for name in {*os.environ} - self.known - self.in_file:
            meant = _similar(name, self.known, SIMILAR_IN_ENVIRONMENT) if "_" in name else ""
            if meant and not name.startswith(("AWS_", f"{meant}_")):
                found[name] = meant
        return dict(sorted(found.items()))


def _similar(name: str, known: Iterable[str], cutoff: float) -> str:
    same_letters = [other for other in known if sorted(other) == sorted(name)]
    return same_letters[0] if same_letters else env_values.closest(name, sorted(known), cutoff)


def _stripped(text: str) -> str:
    """Remove blanks and one pair of quotation marks around it."""
    text = text.strip().strip(AROUND).strip()
    for mark in ('"', "'"):
        if len(text) > 1 and text[0] == text[-1] == mark and mark not in text[1:-1]:
            return text[1:-1].strip()
    return text


def _explain(name: str, text: str, invalid: Invalid, mask: Mask) -> str:
    meant = mask(invalid.suggestion) if "://" in invalid.suggestion else invalid.suggestion
    suggestion = f" Did you mean {meant}?" if meant else ""
    length = f" ({len(text)} characters)" if mask is _mask_secret else ""
    value = mask(text)
    value = repr(value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…")
    line = f"{name} is {value}{length}, but it has to be {invalid.expected}.{suggestion}"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def _mask(text: str) -> str:
    """Hide what is secret wherever it was pasted: Stripe's keys, user and password in an address."""
    return STRIPE_SECRET.sub(r"\1…", re.sub(r"//.*@", "//…@", text))


def _mask_secret(text: str) -> str:
    """Leave the prefix that says which kind of key of Stripe's it is."""
    found = STRIPE_SECRET.match(text)
    return f"{found[1]}…" if found else "…"


def _mask_url(text: str) -> str:
    """Leave scheme, host, port and path."""
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z0-9+.-]{1,20}", scheme):
        scheme, separator, rest = "", "", text
    _user, at, rest = rest.rpartition("@")
    rest, query, _options = rest.partition("?")
    if not at and not HOST_AND_PORT.fullmatch(rest) and not rest.startswith("/"):
        rest = "…"  # perhaps a password whose @ was forgotten
    return _mask(f"{scheme}{separator}{'…@' if at else ''}{rest}{'?…' if query else ''}")
