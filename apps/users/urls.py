from allauth.account import views as allauth
from django.urls import path

from apps.core.rate_limits import limited
from apps.users import address_views, passkeys, views
from apps.users.mail_limits import confirmations_limited, mailbox_in

ask_for_code = limited("request_login_code", by=mailbox_in)(allauth.request_login_code)
ask_for_reset = limited("reset_password", by=mailbox_in)(allauth.password_reset)

urlpatterns = [
    path("", views.account, name="account"),
    path(
        "email/", confirmations_limited(address_views.change), name="account_email"
    ),  # in the place of allauth's
    path("email/confirm-first/", address_views.confirm_first, name="account_confirm_first"),
    path("email/undo/<str:token>/", address_views.undo_change, name="account_undo_address_change"),
    path("export/", views.export, name="account_export"),
    path("delete/", views.delete, name="account_delete"),
    # In the place of allauth's:
    path("login/code/", ask_for_code, name="account_request_login_code"),
    path("password/reset/", ask_for_reset, name="account_reset_password"),
    path("2fa/webauthn/add/", passkeys.add, name="mfa_add_webauthn"),
    path("sessions/<int:pk>/end/", views.end_session, name="account_end_session"),
]
