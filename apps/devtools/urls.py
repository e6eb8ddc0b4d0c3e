from django.urls import path

from apps.devtools.views import mailbox, style

urlpatterns = [
    path("style/", style.style, name="dev_style"),
    path("mail/", mailbox.inbox, name="dev_mail"),
    path("mail/previews/", mailbox.previews, name="dev_mail_previews"),
    path("mail/previews/<slug:kind>/html/", mailbox.preview_html, name="dev_mail_preview_html"),
    path("mail/<slug:name>/", mailbox.letter, name="dev_mail_letter"),
    path("mail/<slug:name>/html/", mailbox.letter_html, name="dev_mail_letter_html"),
]
