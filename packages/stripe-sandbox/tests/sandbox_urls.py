from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def webhook(request: HttpRequest) -> HttpResponse:
    """Acknowledge every webhook."""
    return HttpResponse()


urlpatterns = [
    path("webhooks/stripe/", webhook),
    path("", include("stripe_sandbox.urls")),
]
