"""What time it is in the sandbox. Everything that dates an object asks here."""

import time


def now() -> int:
    """Unix seconds, UTC."""
    return int(time.time())
