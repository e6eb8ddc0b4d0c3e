"""What search engines are told of the shop in their own words. https://schema.org/WebSite"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString

from apps.core.site_urls import absolute

# Whatever a product is called, its name can neither end the script nor open a comment in it.
HARMLESS = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def shop_data() -> dict[str, Any]:
    """Who sells, and where one searches."""
    home = absolute(reverse("home"))
    owner = {
        "@type": "Organization",
        "@id": f"{home}#shop",
        "name": settings.SITE_NAME,
        "slogan": settings.SITE_TAGLINE,
        "url": home,
        "email": settings.SUPPORT_EMAIL,
        "logo": absolute(static("brand/icon-512.png")),
    }
    site = {
        "@type": "WebSite",
        "@id": f"{home}#site",
        "name": settings.SITE_NAME,
        "url": home,
        "publisher": {"@id": owner["@id"]},
        "potentialAction": {
            "@type": "SearchAction",
            "target": {
                "@type": "EntryPoint",
                "urlTemplate": f"{absolute(reverse('store'))}?q={{search_term_string}}",
            },
            "query-input": "required name=search_term_string",
        },
    }
    return {"@context": "https://schema.org", "@graph": [owner, site]}


def script(data: dict[str, Any]) -> SafeString:
    """JSON-LD is data: no browser runs it, and the content security policy lets it be."""
    text = json.dumps(data, ensure_ascii=False).translate(HARMLESS)
    return SafeString(f'<script type="application/ld+json">{text}</script>')
