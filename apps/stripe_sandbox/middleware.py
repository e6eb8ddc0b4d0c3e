"""Tells the sandbox where the buyer is, and wakes its webhooks."""

from collections.abc import Callable

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from . import bootstrap, checks, delivery, origin


class SandboxMiddleware:
    """While it answers a request, `origin.current()` is the request's: sessions made meanwhile lead back there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        # Web servers run no system checks, so this is said here too: the server does not start.
        for problem in checks.live_keys():
            raise ImproperlyConfigured(f"{problem.msg} {problem.hint}")
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        bootstrap.prepare()
        delivery.start()
        token = origin.use(f"{request.scheme}://{request.get_host()}")
        try:
            return self.get_response(request)
        finally:
            origin.forget(token)
