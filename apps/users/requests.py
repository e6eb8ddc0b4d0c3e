from django.http import HttpRequest

from apps.users.guests import Buyer
from apps.users.models import User


class BuyerRequest(HttpRequest):
    user: Buyer  # after @buyer_required


class SignedInRequest(BuyerRequest):
    user: User  # after @login_required
