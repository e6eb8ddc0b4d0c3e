from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """Return the name of the shop, which the pages for buyers show."""
    return {"site_name": settings.SITE_NAME}
