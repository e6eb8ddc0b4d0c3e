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

from apps.core.design_tokens import resolve_token
from apps.core.site_urls import absolute_url
from apps.core.structured_data import render_json_ld, shop_data
from apps.core.stylesheet import stylesheet

register = template.Library()
register.filter("absolute_url", absolute_url, is_safe=True)
register.simple_tag(resolve_token, name="brand_colour")  # {% brand_colour "--color-page" "dark" %}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Return a decorative icon of static/icons.svg. Screen readers skip it, so add a text."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag
def drawing(name: str) -> SafeString:
    return format_html(
        '<svg class="drawing" viewBox="0 0 240 150" width="240" height="150" aria-hidden="true" focusable="false">'
        '<use href="{}#{}"></use></svg>',
        static("drawings.svg"),
        name,
    )


@register.simple_tag
def stylesheet_url() -> str:
    digest, _css = stylesheet()
    return reverse("stylesheet", args=[digest])


@register.simple_tag
def og_locale() -> str:
    """Return the active language with its most common country, as Open Graph requires: "de_DE"."""
    return _locale_with_country(to_locale(get_language() or settings.LANGUAGE_CODE))


@register.simple_tag
def shop_json_ld() -> SafeString:
    return render_json_ld(shop_data())


@register.simple_tag(takes_context=True)
def current(context: template.Context, *names: str) -> SafeString:
    """Return aria-current for a link if the view has one of these names: {% current "store" "product" %}."""
    match = getattr(context.get("request"), "resolver_match", None)
    return SafeString('aria-current="page"' if match and match.url_name in names else "")


@register.simple_tag(takes_context=True)
def sign_in_url(context: template.Context) -> str:
    request: HttpRequest | None = context.get("request")
    url = reverse("account_login")
    if request is None or request.method not in ("GET", "HEAD"):
        return url
    # Buyers who sign in from the home page or an account page go to `next`, or to the default page.
    has_next = request.path == reverse("home") or request.path.startswith(reverse("account"))
    next_url = request.GET.get("next") if has_next else request.get_full_path()
    return f"{url}?{urlencode({'next': next_url})}" if next_url else url


class CaptureNode(template.Node):
    def __init__(self, name: str, nodelist: template.NodeList) -> None:
        self.name, self.nodelist = name, nodelist

    def render(self, context: template.Context) -> str:
        text = " ".join(self.nodelist.render(context).split())
        context[self.name] = SafeString(text.replace('"', "&quot;"))
        return ""


@register.tag
def capture(parser: template.base.Parser, token: template.base.Token) -> CaptureNode:
    """Store a block as one line of text: {% capture "page_title" %}{% block title %}…{% endcapture %}.

    Django's simple_block_tag cannot be used, because {{ block.super }} does not work in it.
    """
    _tag, name = token.split_contents()
    nodelist = parser.parse(("endcapture",))
    parser.delete_first_token()
    return CaptureNode(name.strip('"'), nodelist)


@register.inclusion_tag("core/_field.html")
def field(bound: BoundField, label: str = "", help_text: str = "") -> dict[str, object]:
    bound.field.widget.attrs.pop("placeholder", None)  # the label replaces the placeholder
    if help_text:
        bound.help_text = help_text
    return {"field": bound, "label": label or bound.label}


@cache
def _locale_with_country(code: str) -> str:
    locale = Locale.parse(get_global("likely_subtags").get(code, code))
    return "_".join(filter(None, (locale.language, locale.territory)))
