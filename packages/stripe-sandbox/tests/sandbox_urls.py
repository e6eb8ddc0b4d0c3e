from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def webhook(request: HttpRequest) -> HttpResponse:
    """Accept what a project's own webhook endpoint would handle."""
    return HttpResponse()


urlpatterns = [
    path("webhooks/stripe/", webhook),
    path("", include("stripe_sandbox.urls")),
]
