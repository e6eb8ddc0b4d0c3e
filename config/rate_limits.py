"""RATE_LIMITS: maximum number of requests in a period (s, m, h, d) per IP address, user or key.

The key is the e-mail address in a form, or the order.
"""

import re

from config.env_values import InvalidValue, closest

RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key,20/d/key",
    "reset_password_from_key": "20/m/ip",
    "request_login_code": "20/m/ip,3/m/key,20/d/key",
    "confirm_email": "1/3m/key,20/d/key",
    "mail": "20/d/key",  # e-mails of one kind to one address, requested by all clients together
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "checkout": "10/5m/user,40/h/user,60/5m/ip",  # against tests of stolen cards
    "order_link": "30/m/ip",  # links in e-mails that open an order
    "find_orders": "20/m/ip,3/m/key,20/d/key",
    "free_order": "20/m/ip,3/m/key,20/d/key",  # free products without an account
    "correct_address": "5/h/key,20/d/key",
    "portal": "20/5m/user",
    "search": "120/m/ip",
    "code": "30/m/ip,200/h/ip",  # against guessing of discount codes
    "poll": "600/m/user",
    "refresh": "60/m/key",  # how often the pages of one order ask Stripe
    "withdrawal": "10/h/ip,30/d/ip",
    "withdrawal_mail": "5/d/key",  # the address of the confirmation is not verified
    "licences": "60/m/ip",  # the API for the programs that you sell
}
RATE = r"[1-9]\d{0,9}/(?:[1-9]\d{0,4})?[smhd]/(?:ip|user|key)"


def rate_limits(text: str) -> dict[str, str]:
    """Return RATE_LIMITS with the changes in "checkout=5/m/user,20/m/ip;search="."""
    expected = "like checkout=5/m/user,20/m/ip;search="
    limits = dict(RATE_LIMITS)
    for part in filter(None, re.sub(r"\s", "", text).split(";")):
        name, equals, rates = part.partition("=")
        if name not in RATE_LIMITS:
            raise InvalidValue(f"{expected} ({name!r} is not a limit)", closest(name, RATE_LIMITS))
        if not equals or not re.fullmatch(rf"({RATE}(,{RATE})*)?", rates, re.ASCII):
            raise InvalidValue(f"{expected} (not {part!r})")
        limits[name] = rates
    return limits
