from django.http import Http404, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.ecommerce.back_office.view_as_buyer import end_view, find_entry
from apps.users.requests import SignedInRequest
from apps.users.sign_in import login_required_to_post


@require_POST
@never_cache
@login_required_to_post
def stop(request: SignedInRequest) -> HttpResponse:
    """End the operator's view of a buyer."""
    entry = find_entry(request)
    if entry is None:
        raise Http404("There is no view to stop.")
    return end_view(request, entry)
