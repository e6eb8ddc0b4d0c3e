from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from apps.users.social import get_urlpatterns as social_urlpatterns

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.shop.urls")),  # first: your pages replace those below
    path("", include("apps.ecommerce.urls")),
    path("", include("apps.web.urls")),
    path("accounts/", include("apps.users.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("accounts/", include(social_urlpatterns())),
    path("admin/", admin.site.urls),
]
if "apps.devtools" in settings.INSTALLED_APPS:
    urlpatterns.append(path("dev/", include("apps.devtools.urls")))
if settings.STRIPE_SANDBOX:
    urlpatterns.append(path("", include("stripe_sandbox.urls")))

handler400 = "apps.web.views.errors.bad_request"
handler429 = "apps.core.rate_limits.too_many_requests"  # allauth uses this name
handler500 = "apps.web.views.errors.server_error"
