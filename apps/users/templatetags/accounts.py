"""What the pages about signing in ask for."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.account.utils import get_next_redirect_url
from django import template
from django.http import HttpRequest

from apps.users import browsers

register = template.Library()
register.filter("browser", browsers.describe)


@register.simple_tag(takes_context=True)
def passkeys_work_here(context: template.Context) -> bool:
    """{% passkeys_work_here as possible %}: a passkey belongs to a host's name; http://127.0.0.1 has none."""
    request: HttpRequest = context["request"]
    try:
        ip_address(urlsplit(f"//{request.get_host()}").hostname or "")
    except ValueError:
        return True
    return False


@register.simple_tag(takes_context=True)
def here_by_name(context: template.Context) -> str:
    """{% here_by_name %}: on a developer's machine the same page at localhost, where passkeys work; else ""."""
    request: HttpRequest = context["request"]
    host, _colon, port = request.get_host().partition(":")
    return f"http://localhost:{port}{request.get_full_path()}" if host == "127.0.0.1" and port else ""


@register.simple_tag(takes_context=True)
def next_url(context: template.Context) -> str:
    """{% next_url as wanted %}: where `next` leads, if that is on this site."""
    return get_next_redirect_url(context["request"]) or ""
