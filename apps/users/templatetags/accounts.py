from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.account.utils import get_next_redirect_url
from django import template
from django.http import HttpRequest
from django.utils.translation import gettext as _

register = template.Library()

# What a User-Agent header contains ▶ name. Each names its ancestors too, so the youngest comes first.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrome": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Mac OS X": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@register.filter
def browser_name(user_agent: str) -> str:
    """Return a name like "Firefox on Android"."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")


@register.simple_tag(takes_context=True)
def passkeys_work_here(context: template.Context) -> bool:
    """Return whether the host has a name: a passkey belongs to that, and http://127.0.0.1 has none."""
    request: HttpRequest = context["request"]
    try:
        ip_address(urlsplit(f"//{request.get_host()}").hostname or "")
    except ValueError:
        return True
    return False


@register.simple_tag(takes_context=True)
def localhost_url(context: template.Context) -> str:
    """Return this page's URL at localhost, where passkeys work, if it was opened at 127.0.0.1; else ""."""
    request: HttpRequest = context["request"]
    host, _colon, port = request.get_host().partition(":")
    return f"http://localhost:{port}{request.get_full_path()}" if host == "127.0.0.1" and port else ""


@register.simple_tag(takes_context=True)
def next_url(context: template.Context) -> str:
    """Return the URL in `next` if it is on this site; else ""."""
    return get_next_redirect_url(context["request"]) or ""
