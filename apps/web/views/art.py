from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.web.artwork import draw


@require_safe
@cache_control(public=True, max_age=60 * 60 * 24 * 30, immutable=True)
def art(request: HttpRequest, seed: str) -> HttpResponse:
    """Generated artwork for a product without an image. The same seed always draws the same picture."""
    return HttpResponse(draw(seed), content_type="image/svg+xml")
