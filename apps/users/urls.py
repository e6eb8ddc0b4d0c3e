from django.urls import path

from apps.users import address_views, passkeys, views

urlpatterns = [
    path("", views.account, name="account"),
    path("email/", address_views.change, name="account_email"),  # in the place of allauth's
    path("email/confirm-first/", address_views.confirm_first, name="account_confirm_first"),
    path("email/undo/<str:token>/", address_views.undo_change, name="account_undo_address_change"),
    path("export/", views.export, name="account_export"),
    path("delete/", views.delete, name="account_delete"),
    path("signup/passkey/", passkeys.sign_up, name="account_signup_by_passkey"),
    path("2fa/webauthn/add/", passkeys.add, name="mfa_add_webauthn"),  # in the place of allauth's
    path("sessions/<int:pk>/end/", views.end_session, name="account_end_session"),
]
