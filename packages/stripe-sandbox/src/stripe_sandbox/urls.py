"""Include these URLs at the root of the project. /v1/ is for SDKs whose base URL has no path."""

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
