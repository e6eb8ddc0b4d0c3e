from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.ecommerce.content.unsubscribe import find_subscriber, set_subscribed


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@csrf_exempt  # the signed URL is the permission, and e-mail programs have no token
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Stop e-mails about new versions, for one purchase. GET changes nothing: e-mail scanners open links."""
    purchase = find_subscriber(token)
    if purchase is None:
        raise Http404("The link is incomplete, or its signature is wrong.")
    if request.method == "POST":
        set_subscribed(purchase, subscribed="subscribe" in request.POST)
        if "List-Unsubscribe" not in request.POST:  # RFC 8058 allows no redirect
            return HttpResponseRedirect(request.path)
    return render(request, "ecommerce/unsubscribe.html", {"purchase": purchase})
