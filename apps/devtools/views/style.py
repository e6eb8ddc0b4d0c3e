"""The living style page, /dev/style/: every component in every state, by the real templates, in light and dark."""

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.design_tokens import SCHEMES, resolve_token, tokens
from apps.core.stylesheet import source
from apps.devtools.style_samples import samples

# template in templates/devtools/style/ ▶ whether it needs the whole width
SECTIONS = {
    "colours": False,
    "type": False,
    "buttons": False,
    "badges": False,
    "messages": False,
    "forms": False,
    "icons": False,
    "drawings": False,
    "cards": True,
    "deals": False,
    "states": False,
    "order": True,
    "library": True,
    "store": True,
    "product": True,
    "home": True,
    "chrome": False,
    "prose": False,
    "mails": False,
}


@require_safe
@never_cache
def style(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404("The style page exists in development only.")
    context = {
        "sections": [(name, f"devtools/style/{name}.html", wide) for name, wide in SECTIONS.items()],
        "schemes": SCHEMES,
        "colours": [
            (name, [resolve_token(name, scheme) for scheme in SCHEMES])
            for name in tokens()
            if name.startswith("--color-")
        ],
        "icons": _symbols("icons.svg"),
        "drawings": _symbols("drawings.svg"),
    }
    return render(request, "devtools/style.html", {**context, **samples()})


def _symbols(sprite: str) -> list[str]:
    return re.findall(r'<symbol id="([\w-]+)"', source(sprite).read_text())
