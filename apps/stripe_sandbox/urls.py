"""Mounted at /stripe-sandbox/ while the sandbox is on."""

from django.urls import include, path

from . import views

app_name = "stripe_sandbox"
urlpatterns = [
    path("v1/<path:path>", views.rest, name="rest"),
    path("", include("apps.stripe_sandbox.hosted.urls")),
    path("", include("apps.stripe_sandbox.panel.urls")),
]
