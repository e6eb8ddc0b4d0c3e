"""Each environment variable has a valid value or a one-line error."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from config import env_urls, env_values
from config.env import Env
from config.env_values import Parser
from config.rate_limits import rate_limits

FORMS: list[Parser[Any]] = [
    env_urls.listen_address,
    env_urls.allowed_hosts,
    env_urls.site_url,
    env_urls.web_url,
    env_urls.media_url,
    env_urls.database_url,
    env_urls.cache_url,
    env_urls.sentry_dsn,
    env_urls.bucket_options,
    env_values.email_address,
    env_values.sender,
    env_urls.email_url,
    env_values.text_line,
    env_values.boolean,
    env_values.word,
    env_values.path,
    env_values.time_zone,
    env_values.stripe_secret_key,
    env_values.stripe_webhook_secret,
    env_values.whole_number(),
    env_values.fraction,
    env_values.long_word,
    env_values.one_of(["immediate", "database"], or_class=True),
    env_values.language_code(["en", "de"]),
    env_urls.origins,
    rate_limits,
]
SCHEMES = ["https://", "smtp+tls://", "postgres://", "redis://", "s3://x?", "postmark://?", "sqlite:///"]
PIECES = [
    "shop.example.com",
    "127.0.0.1",
    "::1",
    "99999",
    "a@example.com",
    "search=",
    "é",
    "𝟙",
    "x" * 300,
    ".." * 99,
]
SIGNS = [*"@:/#?[]%=,;*<>\"'$~-.() \n\t", "\x85", "\u2028", "\u202e", "\udce9", "\x1b[31m"]
ANYTHING = st.lists(st.sampled_from(SCHEMES + PIECES + SIGNS) | st.text(max_size=8), max_size=6).map("".join)


@given(text=ANYTHING.filter(lambda text: _fits(text)))
@settings(max_examples=60, deadline=None)
@example(text="~nobody-here/var")
@example(text="a <")
@example(text="http://[::1%eth0]")
@example(text="a..b")
def test_no_value_ends_in_a_traceback(text: str) -> None:
    env = Env()
    with mock.patch.dict(os.environ, {f"X_{number}": text for number in range(len(FORMS))}):
        for number, parse in enumerate(FORMS):
            env.read(f"X_{number}", parse, default=None)
    for name, line in env.problems.items():
        assert line.startswith(f"{name} is ")
        assert line.isprintable()  # one line, and nothing in it that a terminal obeys


def _fits(text: str) -> bool:
    """Whether the operating system takes it as the value of a variable."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
