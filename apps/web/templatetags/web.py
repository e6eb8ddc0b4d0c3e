"""Small things every page uses."""

from functools import cache
from urllib.parse import urlencode

from babel import Locale
from babel.core import get_global
from django import template
from django.conf import settings
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, to_locale

from apps.web import addresses, structured_data
from apps.web.design_tokens import Scheme, resolve_token
from apps.web.stylesheet import stylesheet

register = template.Library()


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """{% icon "check" %}: a decorative icon of static/icons.svg; say the meaning in words beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag
def drawing(name: str) -> SafeString:
    """{% drawing "lost" %}: a drawing of static/drawings.svg, in the brand's colours."""
    return format_html(
        '<svg class="drawing" viewBox="0 0 240 150" width="240" height="150" aria-hidden="true" focusable="false">'
        '<use href="{}#{}"></use></svg>',
        static("drawings.svg"),
        name,
    )


@register.simple_tag
def stylesheet_url() -> str:
    """{% stylesheet_url %}: the design in one file, at an address that changes with it."""
    digest, _ = stylesheet()
    return reverse("stylesheet", args=[digest])


@register.simple_tag
def brand_colour(name: str, scheme: Scheme) -> str:
    """{% brand_colour "--color-page" "dark" %}: a colour of the design where no stylesheet reaches, as in e-mails."""
    return resolve_token(name, scheme)


@register.filter(is_safe=True)
def absolute(address: str) -> str:
    """{{ path|absolute }}: with SITE_URL before it, for others than this browser."""
    return addresses.absolute(address)


@register.simple_tag
def og_locale() -> str:
    """The language in use as Open Graph writes it, with the country it is spoken in most: "de" ▶ "de_DE"."""
    return _with_country(to_locale(get_language() or settings.LANGUAGE_CODE))


@register.simple_tag
def shop_json_ld() -> SafeString:
    return structured_data.script(structured_data.shop_data())


@register.simple_tag(takes_context=True)
def current(context: template.Context, *names: str) -> SafeString:
    """{% current "store" "product" %}: marks a navigation link whose page is one of these."""
    request: HttpRequest | None = context.get("request")
    match = request.resolver_match if request else None
    return SafeString('aria-current="page"' if match and match.url_name in names else "")


@register.simple_tag(takes_context=True)
def sign_in_url(context: template.Context) -> str:
    """Where "Sign in" leads from here: afterwards the visitor is back on the page they left."""
    request: HttpRequest | None = context.get("request")
    url = reverse("account_login")
    if request is None or request.method not in ("GET", "HEAD"):
        return url
    beginning = request.path == reverse("home") or request.path.startswith(reverse("account"))
    back = request.GET.get("next") if beginning else request.get_full_path()
    return f"{url}?{urlencode({'next': back})}" if back else url


class Capture(template.Node):
    def __init__(self, name: str, nodelist: template.NodeList) -> None:
        self.name, self.nodelist = name, nodelist

    def render(self, context: template.Context) -> str:
        words = " ".join(self.nodelist.render(context).split())
        context[self.name] = SafeString(words.replace('"', "&quot;"))
        return ""


@register.tag
def capture(parser: template.base.Parser, token: template.base.Token) -> Capture:
    """{% capture "page_title" %}{% block title %}…{% endblock %}{% endcapture %}: a block that is said twice.

    One line, and fit for an attribute.
    """
    _tag, name = token.split_contents()
    nodelist = parser.parse(("endcapture",))
    parser.delete_first_token()
    return Capture(name.strip('"'), nodelist)


@register.inclusion_tag("web/_field.html")
def field(bound: BoundField, label: str = "", help_text: str = "") -> dict[str, object]:
    """{% field form.email "Your e-mail" %}: label, input, help and errors, tied together for screen readers."""
    bound.field.widget.attrs.pop("placeholder", None)  # a label that vanishes while typing is no label
    if help_text:
        bound.help_text = help_text
    return {"field": bound, "label": label or bound.label}


@cache
def _with_country(code: str) -> str:
    likely = Locale.parse(get_global("likely_subtags").get(code, code))
    return "_".join(filter(None, (likely.language, likely.territory)))
