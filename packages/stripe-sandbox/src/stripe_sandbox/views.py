"""The API over HTTP for any SDK. Its base URL is http://<host>/stripe-sandbox or http://<host>."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from . import api, origin


@csrf_exempt
def rest(request: HttpRequest, path: str) -> HttpResponse:
    answer = api.handle(
        request.method or "GET",
        f"/v1/{quote(path)}",
        request.headers,
        request.body,
        request.META.get("QUERY_STRING", ""),
        origin.current(),
    )
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)
