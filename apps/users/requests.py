"""What a view behind `login_required` may rely on."""

from django.http import HttpRequest

from apps.users.models import User


class SignedInRequest(HttpRequest):
    """A request whose user is known."""

    user: User
