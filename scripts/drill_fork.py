"""`make drill-fork`: change a copy of the project as a founder would, run its tests, and merge a release into it.

STEPS=language,field runs only these steps. After each step the unit and integration tests run in the copy, after the
last one on PostgreSQL and Redis, too. With CI=true all steps change the copy first, and the tests run once, on
PostgreSQL and Redis. Then a made-up release of the template is merged.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fork_additions
import fork_changes
from environment import DEV, IN_PARALLEL, PIP_INSTALL, PYTHON, ROOT, VENV, ensure
from fork_copy import apply_page, copy_project, run
from temporary_servers import free_port, install_missing, servers
from temporary_shop import run_server

DOCS = ROOT / "docs"
GUNICORN = "gunicorn==27.0.1"
TESTS = ("tests/unit", "tests/integration", "apps/shop")
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short")

HOME_VIEWS = """from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from apps.ecommerce.models import ProductConfiguration


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "shop/home.html")


def product_names(request: HttpRequest, limit: int) -> JsonResponse:
    products = ProductConfiguration.objects.on_sale().with_catalogue()[:limit]
    return JsonResponse({"products": [row.product.name for row in products]})
"""
HOME_TEMPLATE = """{% extends "base.html" %}
{% block title %}Acme{% endblock %}
{% block main %}<div class="container page"><h1>Acme makes things</h1></div>{% endblock %}
"""
SETTINGS = """
    settings["SITE_NAME"] = "Acme"
    settings["SITE_TAGLINE"] = "Acme makes things."
    settings["SUPPORT_EMAIL"] = "help@acme.example"
    settings["REFUND_DAYS"] = 0
    settings["CURRENCY_FORMAT"] = "code"
    settings["TIME_ZONE"] = "Europe/Vienna"
    settings["MIDDLEWARE"] += ["apps.shop.middleware.add_header"]
"""
MIDDLEWARE = """from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def add_header(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Acme"] = "1"
        return response

    return middleware
"""


class Fork:
    """A copy of the project in a git repository, with the environment variables of its tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, str] = {}
        copy_project(folder)
        (folder / ".venv").symlink_to(VENV)  # commands in scripts/ use it
        self.git("init", "-q", "-b", "main")
        self.commit("The template")
        self.git("branch", "upstream")

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=drill", "-c", "user.email=drill@example.com", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"git {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def commit(self, subject: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)

    def append(self, file: str, text: str) -> None:
        path = self.folder / "apps/shop" / file
        self.write(file, (path.read_text() if path.exists() else "") + text)

    def write(self, file: str, text: str) -> None:
        path = self.folder / "apps/shop" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def messages(self) -> None:
        run(self.folder, "scripts/messages.py")  # exits with 1 if a language is not complete

    def manage(self, *arguments: str) -> None:
        self.check("manage.py", *arguments)

    def check(self, *arguments: str, **variables: str) -> None:
        done = run(self.folder, *arguments, **{**self.variables, **variables})
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}:\n{done.stdout[-8000:]}{done.stderr[-4000:]}")

    def test(self, **variables: str) -> None:
        self.check(*PYTEST, *IN_PARALLEL, *TESTS, **variables)


def brand(fork: Fork) -> None:
    fork.append("settings.py", SETTINGS)
    fork.append("middleware.py", MIDDLEWARE)
    css = (ROOT / "static/css/brand.css").read_text()
    fork.append("static/css/brand.css", re.sub(r"--brand: #\w+", "--brand: #7a1f4b", css))
    fork.append("static/css/shop.css", ".hero__title { text-transform: uppercase; }\n")


def page(fork: Fork) -> None:
    apply_page(DOCS / "guides/add-a-page.md", fork.folder)


def home(fork: Fork) -> None:
    """Replace the home page, and add a view that answers in JSON."""
    fork.append("home.py", HOME_VIEWS)
    fork.append("templates/shop/home.html", HOME_TEMPLATE)
    urls = 'path("", home.home, name="home"), path("api/products/<int:limit>/", home.product_names)'
    fork.append(
        "urls.py",
        f"\nfrom django.urls import path\n\nfrom apps.shop import home\n\nurlpatterns += [{urls}]\n",
    )


def field(fork: Fork) -> None:
    apply_page(DOCS / "guides/add-a-field.md", fork.folder)


def lesson(fork: Fork) -> None:
    apply_page(DOCS / "guides/gate-a-page.md", fork.folder)
    apply_page(DOCS / "guides/sell-a-course.md", fork.folder)


def webhook(fork: Fork) -> None:
    apply_page(DOCS / "webhooks.md", fork.folder)


def email(fork: Fork) -> None:
    apply_page(DOCS / "guides/add-an-e-mail.md", fork.folder)
    apply_page(DOCS / "guides/react-to-a-sale.md", fork.folder)


def language(fork: Fork) -> None:
    """Add Spanish, without translations, and change a German and an English text."""
    for code, text in (("es", "Mis compras"), ("de", "Meine Sachen"), ("en", "My library")):
        fork.append(f"locale/{code}/LC_MESSAGES/django.po", f'msgid "My purchases"\nmsgstr "{text}"\n')
    fork.messages()
    assert (fork.folder / "apps/shop/locale/es/LC_MESSAGES/django.mo").exists()


def english(fork: Fork) -> None:
    fork.variables["LANGUAGES"] = "en"


def gunicorn(fork: Fork) -> None:
    """Start gunicorn instead of granian."""
    fork.append("requirements.txt", f"{GUNICORN}\n")
    packages = fork.folder / "var/packages"
    subprocess.run([PYTHON, *PIP_INSTALL, "--target", packages, GUNICORN], check=True)
    variables = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "tests",
        "DEBUG": "true",
        "PYTHONPATH": f"{packages}:packages/stripe-sandbox/src",
        "VAR_DIR": str(fork.folder / "var"),
    }
    fork.check("manage.py", "migrate", "-v", "0")
    port = free_port()
    command = [str(PYTHON), "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    with run_server(command, fork.folder, fork.folder / "var", variables, port):
        pass  # run_server() has waited for /healthz


STEPS: dict[str, Callable[[Fork], None]] = {
    step.__name__: step for step in (brand, page, home, field, lesson, webhook, email, language, english)
}
STEPS |= fork_changes.STEPS | fork_additions.STEPS
STEPS["gunicorn"] = gunicorn  # last: it migrates a database, and django.contrib.sites must come before that


def release(fork: Fork) -> None:
    """Make a release on the branch `upstream`: templates, settings, a migration, requirements, changelog."""
    fork.git("switch", "-q", "upstream")
    edits = {
        "templates/web/home.html": ("{% block hero %}", "{% block hero %}<!-- 1.1 -->"),
        "templates/ecommerce/product.html": ("{% block main %}", "{% block main %}<!-- 1.1 -->"),
        "templates/web/_menu.html": ("{% block menu %}", "{% block menu %}<!-- 1.1 -->"),
        "static/css/brand.css": (":root {", ":root {\n  --release: 1;"),
        "config/settings.py": (
            "MAINTENANCE =",
            'NEW_SETTING = env.str("NEW_SETTING", default="")\nMAINTENANCE =',
        ),
        "apps/ecommerce/models/catalogue.py": (
            "    tagline =",
            "    audience = models.TextField(blank=True)\n    tagline =",
        ),
        "requirements.in": ("django", "# Security release\ndjango"),
        "CHANGELOG.md": ("\n## ", "\n## 1.1.0\n\n- A new field.\n\n## "),
    }
    for file, (old, new) in edits.items():
        path = fork.folder / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}: change release() in scripts/drill_fork.py."
        path.write_text(text.replace(old, new, 1))
    fork.manage("makemigrations", "ecommerce", "-n", "audience")
    fork.commit("Release 1.1.0")
    fork.git("switch", "-q", "main")


def merge(fork: Fork) -> None:
    fork.git("merge", "-q", "--no-edit", "upstream")
    fork.manage("check")
    fork.manage("makemigrations", "--check", "--dry-run")


@contextmanager
def timed(name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"{name:<10} {time.monotonic() - started:5.0f} s", flush=True)


def main() -> None:
    once = bool(os.environ.get("CI"))
    steps = re.findall(r"\w+", os.environ.get("STEPS", "")) or [*STEPS, "postgres"]
    if unknown := set(steps) - {*STEPS, "postgres"}:
        sys.exit(f"STEPS={','.join(unknown)}: the steps are {', '.join(STEPS)}, postgres.")
    ensure(DEV)
    with tempfile.TemporaryDirectory(prefix="fork-") as folder:
        fork = Fork(Path(folder) / "shop")
        for name in [name for name in steps if name in STEPS]:
            with timed(name):
                STEPS[name](fork)
                fork.commit(name)
                if not once:
                    fork.test()
        if "postgres" in steps:
            with timed("postgres"):
                test_on_postgres(fork)
        elif once:
            with timed("tests"):
                fork.test()
        with timed("merge"):
            release(fork)
            merge(fork)


def test_on_postgres(fork: Fork) -> None:
    install_missing()
    with servers() as environment:
        fork.test(**environment)


if __name__ == "__main__":
    main()
