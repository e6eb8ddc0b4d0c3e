"""Collect page errors: console and script errors, failed responses, third-party requests."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError


class PageErrors:
    def __init__(self, site: str, *, third_parties: bool) -> None:
        """Check pages of the origin `site`; with `third_parties`, pages of other origins are ignored."""
        self.site = site
        self.third_parties = third_parties
        self.problems: list[str] = []

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._script_error)
        context.on("request", self._request)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # The browser also reports each failed response here; _response checks those.
        if message.type != "error" or message.text.startswith("Failed to load resource"):
            return
        if self._is_of_site(message.location.get("url", "")):
            self.problems.append(f"console error: {message.text}")

    def _script_error(self, error: WebError) -> None:
        if error.page is None or self._is_of_site(error.page.url):
            self.problems.append(f"script error: {error.error.stack or error.error.message}")

    def _request(self, request: Request) -> None:
        if not self.third_parties and not self._is_of_site(request.url):
            self.problems.append(f"request to a third party: {request.method} {request.url}")

    def _response(self, response: Response) -> None:
        is_document = response.request.resource_type == "document"
        if self._is_of_site(response.url) and response.status >= (500 if is_document else 400):
            self.problems.append(f"{response.status}: {response.request.method} {response.url}")

    def _is_of_site(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return not self.third_parties or not url
        return f"{parts.scheme}://{parts.netloc}" == self.site
