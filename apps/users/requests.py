from django.http import HttpRequest

from apps.users.models import User


class SignedInRequest(HttpRequest):
    """The request of a view behind `login_required`."""

    user: User
