from django.http import HttpRequest

from apps.users.models import User


class SignedInRequest(HttpRequest):
    user: User  # after @login_required
