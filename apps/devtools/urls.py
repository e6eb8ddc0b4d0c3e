from django.urls import path

from apps.devtools.views import errors, mailbox, style

urlpatterns = [
    path("errors/", errors.errors, name="dev_errors"),
    path("errors/<slug:name>/", errors.error, name="dev_error"),
    path("style/", style.style, name="dev_style"),
    path("mail/", mailbox.inbox, name="dev_mailbox"),
    path("mail/previews/", mailbox.previews, name="dev_mail_previews"),
    path("mail/previews/<slug:kind>/html/", mailbox.preview_html, name="dev_mail_preview_html"),
    path("mail/<slug:name>/", mailbox.read_mail, name="dev_mail"),
    path("mail/<slug:name>/html/", mailbox.mail_html, name="dev_mail_html"),
]
