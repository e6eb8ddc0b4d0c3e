from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import translation
from django.utils.cache import add_never_cache_headers

from apps.core.theme import chosen_theme


def render_standalone(
    request: HttpRequest, template: str, status: int, *, retry_after: int | None = None
) -> HttpResponse:
    # Error pages must work without database, sessions and context processors.
    context = {
        "site_name": settings.SITE_NAME,
        "support_email": settings.SUPPORT_EMAIL,
        "theme": chosen_theme(request),
    }
    with translation.override(translation.get_language_from_request(request)):
        response = HttpResponse(loader.get_template(template).render(context), status=status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
        add_never_cache_headers(response)
    return response
