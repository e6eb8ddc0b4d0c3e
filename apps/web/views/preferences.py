from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from apps.core.theme import THEMES

YEAR_SECONDS = 365 * 24 * 3600

language = csrf_exempt(require_POST(set_language))  # the view only sets a cookie


@csrf_exempt  # the view only sets a cookie
@require_POST
def theme(request: HttpRequest) -> HttpResponseRedirect:
    next_url, name = request.POST.get("next", ""), settings.THEME_COOKIE_NAME
    is_safe = url_has_allowed_host_and_scheme(next_url, request.get_host(), request.is_secure())
    response = HttpResponseRedirect(next_url if is_safe else reverse("home"))
    if (chosen := request.POST.get("theme", "")) in THEMES:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(name, chosen, max_age=YEAR_SECONDS, samesite="Lax", secure=secure)
    else:
        response.delete_cookie(name, samesite="Lax")
    return response
