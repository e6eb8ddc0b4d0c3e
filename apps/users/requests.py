from django.http import HttpRequest

from apps.users.guests import Buyer
from apps.users.models import User


class BuyerRequest(HttpRequest):
    user: Buyer  # set by @buyer_required


class SignedInRequest(BuyerRequest):
    user: User  # set by @login_required
