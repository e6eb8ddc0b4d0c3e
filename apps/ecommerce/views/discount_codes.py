"""The discount code of a link (?code=SUMMER). The session remembers it, so no cached page contains it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.ecommerce.storefront.code_notes import LinkCode

SESSION_KEY = "discount_code"


def find_link_code(request: HttpRequest) -> LinkCode | None:
    """Return the code in the URL, or else the one in the session. Store a known code in the session."""
    given = request.GET.get("code", "").strip()
    text = given or request.session.get(SESSION_KEY, "")
    if not text:
        return None
    found = LinkCode.find(text, request.user if request.user.is_authenticated else None)
    if given and found.code and request.session.get(SESSION_KEY) != found.text:
        request.session[SESSION_KEY] = found.text
    return found


def remembered_code(request: HttpRequest) -> str:
    return str(request.session.get(SESSION_KEY, ""))


def forget_code(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


@require_POST
@never_cache
def remove_code(request: HttpRequest) -> HttpResponse:
    forget_code(request)
    url = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure())
    return redirect(url if is_ours else "store")
