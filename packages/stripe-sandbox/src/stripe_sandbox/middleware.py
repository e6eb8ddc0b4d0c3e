from collections.abc import Callable

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from . import checks, origin, scheduler


class SandboxMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        for problem in checks.find_live_keys():  # a web server does not run system checks
            raise ImproperlyConfigured(f"{problem.msg} {problem.hint}")
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        scheduler.start()
        token = origin.set_current(f"{request.scheme}://{request.get_host()}")
        try:
            return self.get_response(request)
        finally:
            origin.reset(token)
