"""Tells the sandbox where the buyer is, and wakes its webhooks."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from . import bootstrap, delivery, origin


class SandboxMiddleware:
    """While it answers a request, `origin.current()` is the request's: sessions made meanwhile lead back there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        bootstrap.prepare()
        delivery.start()
        token = origin.use(f"{request.scheme}://{request.get_host()}")
        try:
            return self.get_response(request)
        finally:
            origin.forget(token)
