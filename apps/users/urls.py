from allauth.account import views as allauth
from django.conf import settings
from django.urls import path

from apps.core.rate_limits import rate_limited
from apps.users import views
from apps.users.emails import posted_mailbox
from apps.users.passkeys import AddPasskeyView

request_login_code = rate_limited("request_login_code", by=posted_mailbox)(allauth.request_login_code)
add_passkey = path("2fa/webauthn/add/", AddPasskeyView.as_view(), name="mfa_add_webauthn")
reset_password = rate_limited("reset_password", by=posted_mailbox)(allauth.password_reset)

urlpatterns = [
    path("", views.account, name="account"),
    path("signup/sign-in/", views.sign_in_instead, name="account_sign_in_instead"),
    path("email/confirm-first/", views.confirm_first, name="account_confirm_first"),
    path("email/undo/<str:token>/", views.undo_email_change, name="account_undo_email_change"),
    path("export/", views.export, name="account_export"),
    path("delete/", views.delete, name="account_delete"),
    path("sessions/<int:pk>/end/", views.end_session, name="account_end_session"),
    # These replace allauth's.
    path("email/", views.ChangeEmailView.as_view(), name="account_email"),
    path("password/reset/", reset_password, name="account_reset_password"),
]
if settings.ACCOUNT_LOGIN_BY_CODE_ENABLED:
    urlpatterns += [path("login/code/", request_login_code, name="account_request_login_code")]
if "webauthn" in settings.MFA_SUPPORTED_TYPES:
    urlpatterns += [path("2fa/webauthn/add/", AddPasskeyView.as_view(), name="mfa_add_webauthn")]
