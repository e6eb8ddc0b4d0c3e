from django.urls import include, path
from django.views.generic import RedirectView

from . import control

urlpatterns = [
    path("", RedirectView.as_view(url="/stripe-sandbox/")),
    path("control/reset", control.reset),
    path("control/objects/<str:object_id>", control.list_actions),
    path("control/objects/<str:object_id>/<str:action>", control.act),
    path("control/webhooks", control.webhooks),
    path("control/webhooks/deliver", control.deliver),
    path("control/api", control.api),
    path("control/account", control.account),
    path("control/checkout", control.checkout),
    path("", include("stripe_sandbox.urls")),
]
