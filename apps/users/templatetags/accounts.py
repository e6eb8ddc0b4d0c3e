"""What the pages about signing in ask for."""

from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from allauth.account.utils import get_next_redirect_url
from django import template
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.users import browsers

register = template.Library()
register.filter("browser", browsers.describe)

NAMES = {"google": "Google", "github": "GitHub"}


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


@register.inclusion_tag("socialaccount/_buttons.html", takes_context=True)
def social_buttons(context: template.Context, process: str = "login") -> dict[str, object]:
    """{% social_buttons %}: one for each provider that is on. They post, and keep `next`."""
    query = {"process": process}
    if wanted := get_next_redirect_url(context["request"]):
        query["next"] = wanted
    buttons = [
        (name, NAMES.get(name, name.title()), f"{reverse(f'{name}_login')}?{urlencode(query)}")
        for name in settings.SOCIAL_SIGN_IN
    ]
    return {"buttons": buttons, "process": process, "csrf_token": context.get("csrf_token")}
