from django.urls import path

from apps.users import passkeys, views

urlpatterns = [
    path("", views.account, name="account"),
    path("export/", views.export, name="account_export"),
    path("delete/", views.delete, name="account_delete"),
    path("2fa/webauthn/add/", passkeys.add, name="mfa_add_webauthn"),  # in the place of allauth's
    path("sessions/<int:pk>/end/", views.end_session, name="account_end_session"),
]
