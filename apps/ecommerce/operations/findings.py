from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `manage.py stripe_doctor`. `todo` says what to do if it is not ok."""

    ok: bool
    what: str
    todo: str = ""
