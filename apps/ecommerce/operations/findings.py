"""One line of `manage.py stripe_doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    ok: bool
    what: str
    todo: str = ""  # what to do about it, when it is not ok
