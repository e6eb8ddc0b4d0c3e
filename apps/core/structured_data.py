import json
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.core.site_urls import absolute_url

# A product's name must not end the script element.
ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def shop_data() -> dict[str, Any]:
    home = absolute_url(reverse("home"))
    shop = {
        "@type": "Organization",
        "@id": f"{home}#shop",
        "name": settings.SITE_NAME,
        "slogan": settings.SITE_TAGLINE,
        "url": home,
        "email": settings.SUPPORT_EMAIL,
        "logo": absolute_url(static("brand/icon-512.png")),
    }
    search_url = f"{absolute_url(reverse('store'))}?q={{search_term_string}}"
    site = {
        "@type": "WebSite",
        "@id": f"{home}#site",
        "name": settings.SITE_NAME,
        "url": home,
        "publisher": {"@id": shop["@id"]},
        "potentialAction": {
            "@type": "SearchAction",
            "target": {"@type": "EntryPoint", "urlTemplate": search_url},
            "query-input": "required name=search_term_string",
        },
    }
    return {"@context": "https://schema.org", "@graph": [shop, site]}


def render_json_ld(data: dict[str, Any]) -> SafeString:
    """Return a script element. Browsers do not run it, so the content security policy allows it."""
    text = json.dumps(data, ensure_ascii=False).translate(ESCAPES)
    return SafeString(f'<script type="application/ld+json">{text}</script>')
