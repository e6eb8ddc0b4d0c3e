import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.design_tokens import SCHEMES, read_tokens, resolve_token
from apps.core.stylesheet import find_source
from apps.devtools.lesson_samples import lesson_samples
from apps.devtools.style_samples import samples

WIDE_SECTIONS = {"cards", "lessons", "order", "library", "receipts", "store", "product", "home"}


@require_safe
def style(request: HttpRequest) -> HttpResponse:
    """Render all components in all states, in light and dark, with the shop's templates."""
    colours = [name for name in read_tokens() if name.startswith("--color-")]
    context = {
        "sections": [
            (path.stem, f"devtools/style/{path.name}", path.stem in WIDE_SECTIONS)
            for path in sorted((settings.BASE_DIR / "templates/devtools/style").glob("*.html"))
        ],
        "schemes": SCHEMES,
        "colours": [(name, [resolve_token(name, scheme) for scheme in SCHEMES]) for name in colours],
        "icons": _read_symbols("icons.svg"),
        "drawings": _read_symbols("drawings.svg"),
    }
    return render(request, "devtools/style.html", {**context, **samples(), **lesson_samples()})


def _read_symbols(sprite: str) -> list[str]:
    return re.findall(r'<symbol id="([\w-]+)"', find_source(sprite).read_text())
