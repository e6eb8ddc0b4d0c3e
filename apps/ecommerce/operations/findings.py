from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    ok: bool
    message: str
    hint: str = ""
