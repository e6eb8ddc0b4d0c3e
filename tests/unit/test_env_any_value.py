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

PARSERS: list[Parser[Any]] = [
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
PARTS = [
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
CHARACTERS = [*"@:/#?[]%=,;*<>\"'$~-.() \n\t", "\x85", "\u2028", "\u202e", "\udce9", "\x1b[31m"]
ANYTHING = st.lists(st.sampled_from(SCHEMES + PARTS + CHARACTERS) | st.text(max_size=8), max_size=6).map(
    "".join
)


@given(text=ANYTHING.filter(lambda text: _is_environment_value(text)))
@settings(max_examples=60, deadline=None)
@example(text="~nobody-here/var")
@example(text="a <")
@example(text="http://[::1%eth0]")
@example(text="a..b")
def test_invalid_values_raise_no_exception(text: str) -> None:
    env = Env()
    with mock.patch.dict(os.environ, {f"X_{number}": text for number in range(len(PARSERS))}):
        for number, parse in enumerate(PARSERS):
            env.read(f"X_{number}", parse, default=None)
    for name, line in env.problems.items():
        assert line.startswith(f"{name} is ")
        assert line.isprintable()  # one line without control characters


def _is_environment_value(text: str) -> bool:
    """Return whether the operating system accepts the text as the value of a variable."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
