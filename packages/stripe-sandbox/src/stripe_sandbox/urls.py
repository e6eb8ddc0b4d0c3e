"""URLs to include at the project's root: /stripe-sandbox/ and, for SDKs whose base URL has no path, /v1/."""

from django.urls import include, path

from . import views
from .hosted import urls as hosted
from .panel import urls as panel

app_name = "stripe_sandbox"
urlpatterns = [
    path("v1/<path:path>", views.rest, name="rest_at_root"),
    path("stripe-sandbox/v1/<path:path>", views.rest, name="rest"),
    path("stripe-sandbox/", include(hosted.urlpatterns)),
    path("stripe-sandbox/", include(panel.urlpatterns)),
]
