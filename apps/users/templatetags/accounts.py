from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.account.utils import get_next_redirect_url
from django import template
from django.http import HttpRequest
from django.utils.translation import gettext as _

register = template.Library()

# Text in the User-Agent header ▶ name. Edge also contains "Chrome", and Chrome "Safari": the order matters.
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
    browser, system = (
        next((name for text, name in names.items() if text in user_agent), "")
        for names in (BROWSERS, SYSTEMS)
    )
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")


@register.simple_tag(takes_context=True)
def passkeys_work_here(context: template.Context) -> bool:
    """Return whether the host is a name: browsers refuse passkeys for an IP address."""
    request: HttpRequest = context["request"]
    try:
        ip_address(urlsplit(f"//{request.get_host()}").hostname or "")
    except ValueError:
        return True
    return False


@register.simple_tag(takes_context=True)
def localhost_url(context: template.Context) -> str:
    """Return this page's URL with localhost instead of 127.0.0.1; "" for other hosts."""
    request: HttpRequest = context["request"]
    host, _colon, port = request.get_host().partition(":")
    return f"http://localhost:{port}{request.get_full_path()}" if host == "127.0.0.1" and port else ""


@register.simple_tag(takes_context=True)
def next_url(context: template.Context) -> str:
    return get_next_redirect_url(context["request"]) or ""
