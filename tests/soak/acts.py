"""Rules of the state machine, and what they draw."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

number = st.integers(0, 1000)  # an index into the existing objects
maybe_number = st.one_of(st.none(), number)
small = st.integers(1, 30)
fault = st.one_of(
    st.none(),
    st.none(),
    st.tuples(st.just("kill"), small),
    st.tuples(st.sampled_from(["lost request", "lost answer"]), st.integers(1, 6)),
)
Job = Callable[[], Any]


def act(needs: Callable[[Any], Any] | None = None, **strategies: Any) -> Callable[[Any], Any]:
    """Decorate a rule that is recorded, and skipped without objects to act on.

    A rule's precondition would make the draws depend on what happened before.
    """

    def wrap(method: Callable[..., None]) -> Callable[..., None]:
        @wraps(method)
        def inner(self: Any, **drawn: Any) -> None:
            if needs is None or needs(self):
                self.acts.append((method.__name__, repr(drawn)))
                method(self, **drawn)

        return rule(**strategies)(inner)  # type: ignore[no-any-return]

    return wrap
