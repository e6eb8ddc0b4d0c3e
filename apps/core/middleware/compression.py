from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressPagesMiddleware(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        # Images and downloads are already compressed.
        if response.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response
