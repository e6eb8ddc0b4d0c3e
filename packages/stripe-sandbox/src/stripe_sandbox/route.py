"""One route of Stripe's API, and its supported parameters."""

import re
from dataclasses import dataclass, field

from .calls import Handler

PAGE = "limit starting_after ending_before "
LIST = PAGE + "created "


@dataclass(frozen=True)
class Route:
    """A supported route. `schema` is the SDK's type of its parameters."""

    method: str
    path: str
    handler: Handler
    schema: type
    supports: str = ""
    supported: frozenset[str] = field(init=False)
    regex: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "supported", frozenset(self.supports.split()))
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>(?!search$)[^/]+)", self.path)
        object.__setattr__(self, "regex", re.compile(pattern))
