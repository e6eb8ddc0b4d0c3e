"""Errors, health checks, robots and the development mailbox."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import django
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.urls import path

from apps.core import readiness as readiness_checks
from apps.core import self_request, stylesheet
from apps.ecommerce import artwork
from apps.ecommerce.purchases.messages.status_texts import MESSAGES
from apps.users.models import User
from tests.factories import readiness, set_email_url, signed_in
from tests.integration.test_demo_without_mail import DEMO
from tests.integration.test_startup_checks import python

pytestmark = pytest.mark.django_db

BACKEND = "apps.devtools.mailbox.EmailBackend"


@pytest.mark.parametrize("path", ["/store/", "/accounts/login/", "/nowhere/"])
def test_pages_have_no_inline_code_and_no_third_party_requests(
    client: Client, settings: Any, path: str
) -> None:
    settings.DEBUG = False
    page = client.get(path).content.decode()
    assert not re.search(
        r'<style|\sstyle=|\son\w+=|<script(?![^>]*(?:\ssrc=|type="application/ld\+json"))', page
    )
    assert not re.search(r'(?:src|<link(?! rel="canonical")[^>]* href)="(?:https?:)?//', page)


def raise_error(request: Any, error: type[Exception]) -> HttpResponse:
    raise error


def test_error_pages_use_the_shops_layout(client: Client, settings: Any) -> None:
    settings.DEBUG = False
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "404.html" in [template.name for template in response.templates]
    assert "site-header" in response.content.decode()


def test_form_without_csrf_token_says_that_nothing_was_sent(settings: Any) -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a", "password": "b"})
    assert response.status_code == 403
    assert "403_csrf.html" in [template.name for template in response.templates]


def urls_with_errors() -> list[Any]:
    from django.core.exceptions import BadRequest, PermissionDenied

    from config.urls import urlpatterns

    return [
        *urlpatterns,
        path("broken/400/", raise_error, {"error": BadRequest}),
        path("broken/403/", raise_error, {"error": PermissionDenied}),
        path("broken/500/", raise_error, {"error": ZeroDivisionError}),
    ]


class URLsWithErrors:
    """The site's URLs, and three whose views raise an error."""

    urlpatterns = urls_with_errors()
    handler400 = "apps.web.views.errors.bad_request"
    handler500 = "apps.web.views.errors.server_error"


@pytest.mark.parametrize("status", [400, 403, 500])
def test_each_error_has_its_own_page(settings: Any, status: int) -> None:
    settings.DEBUG = False
    settings.ROOT_URLCONF = URLsWithErrors
    response = Client(raise_request_exception=False).get(f"/broken/{status}/")
    assert response.status_code == status
    assert f"{status}.html" in [template.name for template in response.templates]


def cart_size(request: Any) -> dict[str, Any]:
    return {"cart_size": request.session.get("cart", 0), "is_member": request.user.is_authenticated}


def test_refused_requests_need_no_session_for_context_processors(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong host and a null byte are refused before the request has a session and a user."""
    settings.DEBUG = False
    engine = engines["django"].engine
    processors = (*engine.template_context_processors, cart_size)
    monkeypatch.setattr(engine, "template_context_processors", processors)
    client = Client(raise_request_exception=False)
    assert client.get("/accounts/login/").context["cart_size"] == 0
    assert client.get("/a%00b/").status_code == 404
    refused = client.get("/accounts/login/", headers={"host": "evil.example"})
    assert (refused.status_code, refused.context["cart_size"]) == (400, 0)


def test_500_page_needs_no_database_or_context(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = False
    settings.ROOT_URLCONF = URLsWithErrors
    (engine,) = settings.TEMPLATES
    options = {**engine["OPTIONS"], "context_processors": ["nothing.that.exists"]}
    settings.TEMPLATES = [{**engine, "OPTIONS": options}]
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", raise_error)
    response = Client(raise_request_exception=False).get("/broken/500/")
    assert response.status_code == 500
    page = response.content.decode()
    assert "/static/css/standalone.css" in page
    for asset in re.findall(r'"(/static/[^"#]+)', page):
        assert (Path(settings.BASE_DIR) / asset.lstrip("/")).is_file()


def test_healthz_needs_no_database(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


def test_readyz_details_are_for_staff_and_the_metrics_token(olive: User, settings: Any) -> None:
    settings.METRICS_TOKEN = "for-prometheus"
    as_staff = signed_in(olive).get("/readyz")
    with_token = Client().get("/readyz", headers={"Authorization": "Bearer for-prometheus"})
    for response in (as_staff, with_token, readiness()):
        assert response.status_code == 200
        assert response.json() == {
            "ready": True,
            "database": "ok",
            "migrations": "ok",
            "cache": "ok",
            "worker": "ok",
            "webhooks": "ok",
            "last_event": None,
            "last_event_seconds_ago": None,
            "failing_events": 0,
            "waiting_purchases": 0,
            "sales": "ok",
            "refused_prices": 0,
            "reconcile": "ok",
            "last_reconcile": None,
            "client_address": "127.0.0.1",
            "hops": ["127.0.0.1"],
            "trusted_proxies": 0,
            "client_ip_header": "",
            "https": False,
        }


def test_readyz_shows_others_only_whether_the_site_is_ready(
    ada: User, olive: User, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_TOKEN, settings.ADMIN_REQUIRES_MFA = "for-prometheus", True
    old = self_request.authorization_header()
    others = [
        Client(),
        signed_in(ada),
        signed_in(olive),  # staff without the second factor that the admin requires
        Client(headers={"Authorization": "Bearer "}),
        Client(headers={"Authorization": "Bearer for-prometheu"}),
        Client(headers={"Authorization": old[:-1] + ("a" if old[-1] != "a" else "b")}),
        Client(headers={"Authorization": old.replace("Bearer ", "Basic ")}),
    ]
    for client in others:
        response = client.get("/readyz")
        assert (response.status_code, response.json()) == (200, {"ready": True})
    monkeypatch.setitem(readiness_checks.CHECKS, "worker", lambda: "silent: start manage.py db_worker")
    for client in others:
        response = client.get("/readyz")
        assert (response.status_code, response.json()) == (503, {"ready": False})
        assert client.head("/readyz").content == b""
    assert "db_worker" in caplog.text  # the log says what is wrong
    monkeypatch.setattr("apps.core.self_request.MAX_AGE_SECONDS", -1)
    assert Client().get("/readyz", headers={"Authorization": old}).json() == {"ready": False}


@pytest.mark.parametrize(
    "url", ["/", "/healthz", "/readyz", "/metrics", "/nowhere/", "/accounts/login/", "/webhooks/stripe/"]
)
def test_responses_hide_versions(client: Client, settings: Any, url: str) -> None:
    settings.DEBUG = False
    response = client.get(url)
    text = f"{response.headers} {response.content.decode()}"
    for word in ("Django/", "Python/", "granian", "waitress", django.__version__, platform.python_version()):
        assert word not in text
    assert not {"Server", "X-Powered-By"} & set(response.headers)


def test_metrics_are_closed_without_a_configured_token(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert Client().get("/readyz", headers={"Authorization": "Bearer "}).json() == {"ready": True}
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_not_ready_with_an_unapplied_migration() -> None:
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="users").delete()
    response = readiness()
    assert response.status_code == 503
    assert "migrate" in response.json()["migrations"]


def test_not_ready_without_a_database(olive: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("unreachable")

    staff = signed_in(olive)
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", fail)
    response = readiness()
    assert response.status_code == 503
    assert response.json()["database"] == "unreachable"
    for client in (Client(), staff):
        response = client.get("/readyz")
        assert (response.status_code, response.json()) == (503, {"ready": False})


def test_unavailable_database_is_a_503_page(as_ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("unreachable")

    as_ada.raise_request_exception = False
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", fail)
    response = as_ada.get("/purchases/")
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert "My purchases" in response.content.decode()


@pytest.fixture
def mailbox(settings: Any, tmp_path: Path) -> Path:
    set_email_url(settings, BACKEND)
    settings.VAR_DIR = tmp_path
    settings.DEBUG = True
    return tmp_path / "mail"


def test_development_mailbox_stores_and_shows_email(
    client: Client, mailbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = mail.EmailMultiAlternatives("Grüße <b>", "See http://127.0.0.1/x", to=["ada@example.com"])
    message.attach_alternative('<p style="color:red">Hello</p><script>alert(1)</script>', "text/html")
    message.send()
    assert "127.0.0.1/x" in capsys.readouterr().out
    (stored,) = mailbox.iterdir()

    assert "Grüße &lt;b&gt;" in client.get("/dev/mail/").content.decode()
    page = client.get(f"/dev/mail/{stored.stem}/").content.decode()
    assert '<a href="http://127.0.0.1/x"' in page
    assert 'sandbox="allow-popups"' in page  # no scripts, no forms, no same origin
    html = client.get(f"/dev/mail/{stored.stem}/html/")
    assert "default-src 'none'" in html["Content-Security-Policy"]
    assert html["X-Frame-Options"] == "SAMEORIGIN"


def test_mailbox_names_attachments(client: Client, mailbox: Path) -> None:
    message = mail.EmailMessage("Your PDF", "It is attached.", to=["ada@example.com"])
    message.attach("invoice.pdf", b"%PDF-1.4", "application/pdf")
    message.send()
    (stored,) = mailbox.iterdir()
    page = client.get(f"/dev/mail/{stored.stem}/").content.decode()
    assert "Attachment: invoice.pdf (8\xa0bytes)" in page


def test_newest_email_is_first_and_an_empty_mailbox_has_a_message(client: Client, mailbox: Path) -> None:
    assert 'class="empty"' in client.get("/dev/mail/").content.decode()
    for subject in ("First", "Second"):
        mail.send_mail(subject, "", None, ["ada@example.com"])
    page = client.get("/dev/mail/").content.decode()
    assert page.index("Second") < page.index("First")


@pytest.mark.parametrize("is_demo", [False, True])
def test_production_has_no_development_tools(tmp_path: Path, is_demo: bool) -> None:
    code = """
import sys, django
django.setup()
from django.urls import get_resolver
print([str(entry.pattern) for entry in get_resolver().url_patterns if str(entry.pattern).startswith("dev")])
print([name for name in sys.modules if name.startswith("apps.devtools")])
"""
    done = python(tmp_path, DEMO if is_demo else {}, "-c", code)
    assert (done.stdout, done.returncode) == ("[]\n[]\n", 0), done.stderr


def test_mailbox_refuses_path_traversal(client: Client, mailbox: Path) -> None:
    mailbox.mkdir(parents=True)
    (mailbox.parent / "secret.eml").write_text("Subject: secret\n\n")
    for name in ("..%2Fsecret", "%2e%2e/secret", "nothing"):
        assert client.get(f"/dev/mail/{name}/").status_code == 404


def test_drawn_art_is_deterministic_and_escaped(client: Client) -> None:
    response = client.get("/art/prod_123.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert "immutable" in response["Cache-Control"]
    assert response.content.decode() == artwork.draw("prod_123")
    pictures = {artwork.draw(f"prod_{number}") for number in range(200)}
    assert len(pictures) == 200
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_stylesheet_is_one_file_with_a_far_future_expiry(client: Client, settings: Any) -> None:
    digest, text = stylesheet.stylesheet()
    assert f"/style/{digest}.css" in client.get("/store/").content.decode()
    response = client.get(f"/style/{digest}.css")
    assert response.content.decode() == text
    assert "immutable" in response["Cache-Control"]
    assert "immutable" not in client.get("/style/old.css")["Cache-Control"]
    assert "@import" not in text
    folder = Path(settings.BASE_DIR) / "static/css"
    for component in folder.glob("components/*.css"):
        assert f'"components/{component.name}"' in (folder / "app.css").read_text()
    for url in re.findall(r'url\("(/static/[^"]+)"\)', text):
        assert (Path(settings.BASE_DIR) / url.lstrip("/")).is_file()


@pytest.mark.parametrize("sprite", ["icons", "drawings"])
def test_each_icon_in_use_is_in_the_sprite_and_no_other(settings: Any, sprite: str) -> None:
    drawn = set(
        re.findall(r'<symbol id="([\w-]+)"', (Path(settings.BASE_DIR) / f"static/{sprite}.svg").read_text())
    )
    tag, file = sprite.removesuffix("s"), f"{sprite}.svg#"
    templates = "\n".join(
        file.read_text() for file in (Path(settings.BASE_DIR) / "templates").rglob("*.html")
    )
    named = set(re.findall(rf'{{% {tag} "([\w-]+)" %}}', templates))
    named |= (
        set(re.findall(r"{% block drawing %}([\w-]+){% endblock %}", templates))
        if file in templates
        else set()
    )
    if sprite == "icons":  # icons whose name is a template variable
        named |= {f"state-{key}" for key in map(str, MESSAGES)} | set(settings.SIGN_IN_ORIGINS)
    assert drawn == named


def test_demo_command_is_missing_in_production(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("setup_demo")
    assert not User.objects.exists()


def test_load_balancer_may_use_the_ip_address_for_health_checks(client: Client, settings: Any) -> None:
    """Other URLs accept only the allowed host names."""
    settings.ALLOWED_HOSTS = ["shop.example.com"]
    assert client.get("/healthz", headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/terms/", headers={"host": "10.0.0.7:8000"}).status_code == 400
