from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of stripe_doctor. `hint` says how to repair what is not ok."""

    ok: bool
    message: str
    hint: str = ""
